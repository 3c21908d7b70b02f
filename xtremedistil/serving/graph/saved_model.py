"""A student as a TF SavedModel that reads raw text and needs tensorflow and tensorflow_text
alone. One whose tokenizer has no graph reads ids of pieces instead."""

import os
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from xtremedistil.data.labels import CONTINUATION, IGNORED
from xtremedistil.data.schemes import OUTSIDE
from xtremedistil.runtime import files
from xtremedistil.serving.graph.decoding import Decoding, begins_row
from xtremedistil.serving.graph.network import Network
from xtremedistil.serving.graph.registry import graph_tokenizer, has_graph
from xtremedistil.serving.graph.tokenizer import Words
from xtremedistil.serving.graph.warm_up import write_warm_up
from xtremedistil.serving.graph.windows import (
    PIECES_AT_ONCE,
    TEXTS_AT_ONCE,
    find,
    in_parts,
    windows,
)
from xtremedistil.serving.python.entities import begin_table, entity_types, inside_table
from xtremedistil.students.bundle import Bundle


class ServedNetwork(tf.Module):
    """Ids of pieces to logits: what there is of any student.

    Signature: `predict` (also the default) reads `ids`, rows of the student's table, and gives
        `logits`.
    """

    def __init__(self, bundle: Bundle, jit_compile: bool = False, name: str = "network_alone"):
        super().__init__(name=name)
        self.network = Network(bundle, jit_compile)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="ids")])
    def predict(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Logits of `ids`, rows of the student's table, 0 where padded."""
        return {"logits": self.network(ids)}


class _Served(ServedNetwork):
    """What both kinds of student share: raw text to pieces to logits."""

    def __init__(self, bundle: Bundle, jit_compile: bool, name: str):
        super().__init__(bundle, jit_compile, name)
        self.tokenizer = graph_tokenizer(bundle.tokenizer)
        self.rows = tf.Variable(bundle.rows, trainable=False, name="rows")
        self.window = bundle.shape.kind.window
        self.classes = bundle.shape.classes
        self.same_width = jit_compile

    def _read(self, texts: tf.Tensor, raw: bool) -> tuple[tf.Tensor, Words]:
        """Logits of each word, `(words, classes)`, or of each text, `(texts, classes)`; and the
        words."""
        words = self.tokenizer.words(texts, raw)
        pieces, first = self.tokenizer.sentences(self.tokenizer.pieces(words.words))
        ids = pieces.with_values(tf.gather(self.rows, pieces.values))
        text, places = tf.cast(first.value_rowids(), tf.int32), first.values
        longest, rows = tf.reduce_max(ids.row_lengths()), ids.nrows()
        short = (longest <= self.window) & (longest * rows <= PIECES_AT_ONCE)
        if not self.same_width:
            short &= rows <= TEXTS_AT_ONCE
        logits = tf.cond(
            short,
            lambda: self._whole(ids, text, places),
            lambda: self._in_windows(ids, text, places),
        )
        return logits, words

    def _whole(self, ids: tf.RaggedTensor, text: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        padded = ids.to_tensor(0)
        asked = tf.scatter_nd(
            tf.stack([text, places], axis=1), tf.ones_like(text), tf.shape(padded)
        )
        return self.network.at(padded, asked > 0)

    def _in_windows(self, ids: tf.RaggedTensor, text: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        found = windows(ids, self.window)
        classifies = self.network.shape.task == "classification"
        if classifies:
            asked = tf.cast(found.ids.row_starts(), tf.int32)
        else:
            asked = find(found, text, places)  # ascending, as words are
        pieces = tf.shape(found.ids.values)
        is_asked = tf.scatter_nd(asked[:, None], tf.ones_like(asked), pieces) > 0
        logits = in_parts(self.network.at, found.ids, is_asked, self.classes, self.same_width)
        return tf.math.segment_mean(logits, found.text) if classifies else logits


class ServedTagger(_Served):
    """Raw text to tags and entities, in one graph.

    Signatures: `tag` (also the default) and `tag_words`, where white space alone separates words,
        read `texts`, strings, and give for each text, padded to the longest:
    `words`, `tags`, `scores` (probability of the tag among the entity tags), `starts` and `ends`
        (characters), `byte_starts` and `byte_ends` (-1 where padded), and `counts` (words);
    `entity_types`, `entity_texts`, `entity_starts`, `entity_ends`, `entity_byte_starts`,
        `entity_byte_ends`, `entity_scores` (mean of the words' scores) and `entity_counts`.
    `predict` reads `ids`, rows of the student's table, and gives `logits`.
    """

    def __init__(self, bundle: Bundle, jit_compile: bool = False):
        super().__init__(bundle, jit_compile, "tagger")
        names = [bundle.labels.names[i] for i in bundle.labels.entity_ids]
        self.entities = tf.constant(bundle.labels.entity_ids)
        self.names = tf.constant(names)
        self.types = tf.constant(entity_types(names))
        self.begins = tf.constant(begin_table(names))
        self.outside = names.index(OUTSIDE)
        self.decoding = Decoding(bundle.labels.legal_steps)
        self.inside = tf.constant(inside_table(names))
        self.continuation = bundle.labels.marker(CONTINUATION)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def tag(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Words, tags, scores, places and entities of raw text."""
        return self._tag(texts, raw=True)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def tag_words(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """The same of text whose words are separated by white space."""
        return self._tag(texts, raw=False)

    def _tag(self, texts: tf.Tensor, raw: bool) -> dict[str, tf.Tensor]:
        logits, words = self._read(texts, raw)
        tags, scores = self._decode(logits, words)
        found = {
            "words": words.words,
            "tags": tags.with_values(tf.gather(self.names, tags.values)),
            "scores": scores,
            "starts": words.starts,
            "ends": words.ends,
            "byte_starts": words.byte_starts,
            "byte_ends": words.byte_ends,
            **self._entities(words, tags, scores),
        }
        answer = {name: part.to_tensor(_PADDING.get(part.dtype)) for name, part in found.items()}
        counts = {"counts": words.words, "entity_counts": found["entity_types"]}
        lengths = {k: tf.cast(part.row_lengths(), tf.int32) for k, part in counts.items()}
        return {**answer, **lengths}

    def _decode(self, logits: tf.Tensor, words: Words) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Tags and their probabilities, as in `Predictor`: a word that goes on where the one before
        ends, and that the network takes for a later piece of it, has its tag."""
        of_tags, rows = tf.gather(logits, self.entities, axis=-1), words.words.value_rowids()
        probabilities = tf.nn.softmax(of_tags)
        if self.continuation == IGNORED:
            tags = self.decoding(of_tags, rows)
            scores = tf.gather(probabilities, tags, batch_dims=1)
            return words.words.with_values(tags), words.words.with_values(scores)
        continues = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), self.continuation)
        ends = tf.roll(words.ends.values, 1, 0)
        continues &= ~begins_row(rows) & tf.equal(words.starts.values, ends)
        stands = tf.where(~continues)[:, 0]
        # Of each word, the last one up to it that stands for itself.
        owner = tf.cumsum(tf.cast(~continues, tf.int32)) - 1
        tags = self.decoding(tf.gather(of_tags, stands), tf.gather(rows, stands))
        scores = tf.gather(tf.gather(probabilities, stands), tags, batch_dims=1)
        tags, scores = tf.gather(tags, owner), tf.gather(scores, owner)
        tags = tf.where(continues, tf.gather(self.inside, tags), tags)
        return words.words.with_values(tags), words.words.with_values(scores)

    def _entities(
        self, words: Words, tags: tf.RaggedTensor, scores: tf.RaggedTensor
    ) -> dict[str, tf.RaggedTensor]:
        now = tags.values
        before = tf.where(begins_row(tags.value_rowids()), self.outside, tf.roll(now, 1, 0))
        begins = tf.gather_nd(self.begins, tf.stack([before, now], axis=1))
        number = tf.where(
            tf.not_equal(now, self.outside), tf.cumsum(tf.cast(begins, tf.int32)) - 1, -1
        )
        inside = number >= 0
        rows = tf.boolean_mask(tags.value_rowids(), begins)

        def of_begin(values: tf.Tensor) -> tf.RaggedTensor:
            return tf.RaggedTensor.from_value_rowids(
                tf.boolean_mask(values, begins), rows, tags.nrows(), validate=False
            )

        kept, total = tf.boolean_mask(number, inside), tf.size(rows)
        types = of_begin(tf.gather(self.types, now))

        def of_words(reduce: Any, part: tf.RaggedTensor) -> tf.RaggedTensor:
            return types.with_values(reduce(tf.boolean_mask(part.values, inside), kept))

        of_tokens = _of_tokens(number, words.is_word.values)
        tokens, of_tokens = (
            tf.boolean_mask(part, of_tokens >= 0) for part in (words.tokens.values, of_tokens)
        )
        texts = tf.strings.unsorted_segment_join(tokens, of_tokens, total)
        return {
            "entity_types": types,
            "entity_texts": types.with_values(texts),
            "entity_starts": of_begin(words.starts.values),
            "entity_ends": of_words(tf.math.segment_max, words.ends),
            "entity_byte_starts": of_begin(words.byte_starts.values),
            "entity_byte_ends": of_words(tf.math.segment_max, words.byte_ends),
            "entity_scores": of_words(tf.math.segment_mean, scores),
        }


_PADDING = {tf.string: "", tf.int32: -1, tf.float32: 0.0}


def _of_tokens(of_words: tf.Tensor, is_word: tf.Tensor) -> tf.Tensor:
    """Entity numbers of tokens, from those of words: white space is in an entity when the words on
    both sides are in the same one."""
    padded = tf.concat([[-1], of_words, [-1]], axis=0)
    seen = tf.cumsum(tf.cast(is_word, tf.int32))
    before, after = tf.gather(padded, seen), tf.gather(padded, seen + 1)
    return tf.where(tf.logical_or(is_word, tf.equal(before, after)), before, -1)


class ServedClassifier(_Served):
    """Raw text to a class, in one graph.

    Signatures: `classify` (also the default) reads `texts`, strings, and gives `labels`,
        `(batch,)`, and `scores`, `(batch, classes)` probabilities in the order of the bundle's
        labels. `predict` as in `ServedTagger`.
    """

    def __init__(self, bundle: Bundle, jit_compile: bool = False):
        super().__init__(bundle, jit_compile, "classifier")
        self.names = tf.constant(list(bundle.labels.names))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def classify(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """The best class of each text, and the probabilities of all."""
        scores = tf.nn.softmax(self._read(texts, raw=True)[0])
        return {"labels": tf.gather(self.names, tf.argmax(scores, axis=-1)), "scores": scores}


def export_saved_model(student: str, folder: str, jit_compile: bool = False) -> None:
    """Writes the SavedModel of a student's folder. Where its tokenizer has no graph, it reads ids
    alone, and a warning says so.

    Args:
        student: folder of a bundle.
        folder: where the SavedModel goes; what is there is replaced when the new one is whole.
        jit_compile: compile the network with XLA, which a server must then be told to allow.
    """
    # A GPU at export time must not leave its ops in a CPU's graph.
    bundle = Bundle.load(student, fused=False)
    served: Any
    signatures: dict[str, Any] = {}
    if not has_graph(bundle.tokenizer):
        served = ServedNetwork(bundle, jit_compile)
        logging.warning(
            "%s: TensorFlow has no ops that split text as tokenizers of kind %s do: the SavedModel "
            "reads ids of pieces (signature predict), and text is read from Python",
            folder,
            bundle.tokenizer.kind,
        )
    elif bundle.labels.task == "ner":
        served = ServedTagger(bundle, jit_compile)
        signatures = {"tag": served.tag, "tag_words": served.tag_words}
    else:
        served = ServedClassifier(bundle, jit_compile)
        signatures = {"classify": served.classify}
    of_texts = list(signatures)
    signatures["predict"] = served.predict
    signatures["serving_default"] = next(iter(signatures.values()))
    part = files.beside(folder, "part")
    files.remove(part)
    files.make_folder(os.path.dirname(folder) or ".")
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TensorFlow's notes on names and shards
    try:
        tf.saved_model.save(served, part, signatures=signatures)
    finally:
        logging.set_verbosity(verbosity)
    if of_texts:
        write_warm_up(part, of_texts, bundle.shape.kind.window)
    files.remove(folder)
    files.rename(part, folder)


def answer_texts(folder: str, texts: list[str]) -> list[Any] | None:
    """What a SavedModel on disk answers; None where it reads ids alone.

    Args:
        folder: of `export_saved_model`.
        texts: words separated by spaces.

    Returns:
        For each text, its words with their tags, as pairs; or for a classifier, its label.
    """
    loaded = tf.saved_model.load(folder)  # its variables live as long as it does
    signatures = loaded.signatures
    if set(signatures) == {"predict", "serving_default"}:
        return None
    name = "classify" if "classify" in signatures else "tag_words"
    answer = {k: np.asarray(v) for k, v in signatures[name](texts=tf.constant(texts)).items()}
    if "labels" in answer:
        return [label.decode("utf-8") for label in answer["labels"]]
    return [
        [
            [word.decode("utf-8"), tag.decode("utf-8")]
            for word, tag in zip(words[:n], tags[:n], strict=True)
        ]
        for words, tags, n in zip(answer["words"], answer["tags"], answer["counts"], strict=True)
    ]

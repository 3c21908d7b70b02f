"""A student as a TF SavedModel that reads raw text and needs tensorflow and tensorflow_text
alone."""

import os
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from xtremedistil import artifacts
from xtremedistil.models.bundle import Bundle
from xtremedistil.serving.text import GraphTokenizer, valid_utf8


class _Served(tf.Module):
    """What both kinds of student share: raw text to pieces to logits."""

    def __init__(self, bundle: Bundle, name: str):
        super().__init__(name=name)
        self.tokenizer = GraphTokenizer(bundle.rules)
        self.model = bundle.model
        self.rows = tf.Variable(bundle.rows, trainable=False, name="rows")
        self.pad = bundle.rules.id_of(bundle.rules.pad)

    def _read(self, texts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Logits, words, their first and last bytes, and the positions of their first pieces."""
        words, starts, ends = self.tokenizer.words(valid_utf8(texts))
        pieces, first = self.tokenizer.sentences(self.tokenizer.pieces(words))
        logits = self.model(tf.gather(self.rows, pieces.to_tensor(self.pad)), training=False)
        return logits, words, starts, ends, first

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="ids")])
    def predict(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Logits of `ids`, rows of the student's table."""
        return {"logits": self.model(ids, training=False)}


class ServedTagger(_Served):
    """Raw text to tags, in one graph.

    Signatures: `tag` (also the default) reads strings, one text each, and gives for each text,
        padded to the longest: `words`,
    `tags`, `scores` (probability of the tag among the entity tags), `starts` and `ends` (bytes in
    the text; -1 where padded) and `counts` (words). `predict` reads `ids`, rows of the student's
    table, and gives `logits`.
    """

    def __init__(self, bundle: Bundle):
        super().__init__(bundle, "tagger")
        self.entities = tf.constant(bundle.labels.entity_ids)
        self.names = tf.constant([bundle.labels.names[i] for i in bundle.labels.entity_ids])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def tag(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Words, tags, scores and places of each text."""
        logits, words, starts, ends, first = self._read(texts)
        at_words = tf.gather(logits, first.to_tensor(), batch_dims=1)
        probabilities = tf.nn.softmax(tf.gather(at_words, self.entities, axis=-1))
        counts = tf.cast(words.row_lengths(), tf.int32)
        real = tf.sequence_mask(counts)
        tags = tf.gather(self.names, tf.argmax(probabilities, axis=-1))
        return {
            "words": words.to_tensor(""),
            "tags": tf.where(real, tags, ""),
            "scores": tf.where(real, tf.reduce_max(probabilities, axis=-1), 0.0),
            "starts": tf.cast(starts.to_tensor(-1), tf.int32),
            "ends": tf.cast(ends.to_tensor(-1), tf.int32),
            "counts": counts,
        }


class ServedClassifier(_Served):
    """Raw text to a class, in one graph.

    Signatures: `classify` (also the default) reads strings and gives `labels`, `(batch,)`, and
        `scores`, `(batch, classes)`
    probabilities in the order of the bundle's labels. `predict` as in `ServedTagger`.
    """

    def __init__(self, bundle: Bundle):
        super().__init__(bundle, "classifier")
        self.names = tf.constant(list(bundle.labels.names))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def classify(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """The best class of each text, and the probabilities of all."""
        scores = tf.nn.softmax(self._read(texts)[0])
        return {"labels": tf.gather(self.names, tf.argmax(scores, axis=-1)), "scores": scores}


def export_saved_model(student: str, folder: str) -> None:
    """Writes the SavedModel of a student's folder.

    Args:
        student: folder of a bundle.
        folder: where the SavedModel goes; what is there is replaced when the new one is whole.
    """
    bundle = Bundle.load(
        student, fused=False
    )  # a GPU at export time must not leave its ops in a CPU's graph
    if bundle.labels.task == "ner":
        served: Any = ServedTagger(bundle)
        signatures = {"serving_default": served.tag, "tag": served.tag, "predict": served.predict}
    else:
        served = ServedClassifier(bundle)
        signatures = {
            "serving_default": served.classify,
            "classify": served.classify,
            "predict": served.predict,
        }
    part = f"{folder}.part"
    artifacts.remove(part)
    artifacts.make_folder(os.path.dirname(folder))
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TensorFlow's notes on names and shards
    try:
        tf.saved_model.save(served, part, signatures=signatures)
    finally:
        logging.set_verbosity(verbosity)
    artifacts.remove(folder)
    artifacts.rename(part, folder)


def answer_texts(folder: str, texts: list[str]) -> list[Any]:
    """What a SavedModel on disk answers.

    Args:
        folder: of `export_saved_model`.
        texts: raw text.

    Returns:
        For each text, its words with their tags, as pairs; or for a classifier, its label.
    """
    loaded = tf.saved_model.load(folder)
    answer = {
        k: np.asarray(v)
        for k, v in loaded.signatures["serving_default"](texts=tf.constant(texts)).items()
    }
    if "labels" in answer:
        return [label.decode("utf-8") for label in answer["labels"]]
    return [
        [
            [word.decode("utf-8"), tag.decode("utf-8")]
            for word, tag in zip(words[:n], tags[:n], strict=True)
        ]
        for words, tags, n in zip(answer["words"], answer["tags"], answer["counts"], strict=True)
    ]

"""Raw text to entities or to a class, in Python, with whatever runs the student's network.

A text longer than the network's window is read in windows that overlap by half; each piece is read
where it stands farthest from an edge, and a class from the mean of the windows' logits. Words of
raw text are found as `words` says.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from xtremedistil.data.batches import ordered_batches
from xtremedistil.data.decoding import best_tags
from xtremedistil.data.labels import CONTINUATION, IGNORED, LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.schemes import OUTSIDE
from xtremedistil.data.windows import windows
from xtremedistil.runtime.errors import ConfigError, DataError
from xtremedistil.serving.python.answers import Classified, Entity, Tagged
from xtremedistil.serving.python.encoding import Encoded, Encoder, ranges
from xtremedistil.serving.python.entities import (
    begin_table,
    entity_types,
    find_spans,
    inside_table,
)
from xtremedistil.students.folder import Codec

# (batch, length) int32 rows, 0 where padded, and (batch,) int32 lengths -> logits. One that can
# compute the logits of some pieces alone has a method `at` too, one that knows its best size of
# batch says so in `batch_pieces` (see `OnnxModel`), and one that decodes tags faster than numpy has
# `best_tags` (see `NativeModel`).
Network = Callable[[np.ndarray, np.ndarray], np.ndarray]
WINDOW_PIECES = 1024
_BATCH_PIECES = 4096
_CONTEXT_OF_ERRORS = 60


class _Found(NamedTuple):
    """What the network said of texts, word by word: indices of tags, scores and characters; and
    where each text's words begin, with the end of the last."""

    tags: list[int]
    scores: list[float]
    starts: list[int]
    ends: list[int]
    edges: list[int]


class Predictor:
    """A student, ready for text."""

    def __init__(self, codec: Codec, network: Network, window: int = WINDOW_PIECES):
        """Args:
        codec: text to ids, logits to labels.
        network: ids to logits.
        window: pieces that it reads at once.
        """
        self.codec = codec
        self.network = network
        self.window = window
        self._encoders = [Encoder(codec, pretokenized) for pretokenized in (False, True)]

    @property
    def task(self) -> str:
        """`ner` or `classification`."""
        return self.labels.task

    @property
    def labels(self) -> LabelSet:
        """The classes that it answers with."""
        return self.codec.labels

    def tag(self, texts: str | Sequence[str], pretokenized: bool = False) -> Any:
        """Tags raw text.

        Args:
            texts: one text, or several.
            pretokenized: white space alone separates words, as in training data.

        Returns:
            A `Tagged`, or a list of them in the same order.

        Raises:
            ConfigError: the student classifies.
            DataError: a text is not a string.
        """
        self._must_be("ner")
        many = _as_texts(texts)
        found = self._find(many, self._encoder(pretokenized).texts(many))
        tagged = self._tagged(many, found)
        return tagged[0] if isinstance(texts, str) else tagged

    def entities(self, texts: Sequence[str], pretokenized: bool = False) -> list[list[Entity]]:
        """The entities of raw texts, as `tag` finds them.

        Args:
            texts: several texts.
            pretokenized: as for `tag`.

        Raises:
            ConfigError: the student classifies.
            DataError: a text is not a string.
        """
        self._must_be("ner")
        many = _as_texts(texts)
        encoded = self._encoder(pretokenized).texts(many)
        return self._entities(many, self._find(many, encoded))

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[Tagged]:
        """Tags sentences whose words are known, as training data's are.

        Args:
            sentences: the words of each.

        Returns:
            One `Tagged` each, whose `text` is the words joined by spaces.

        Raises:
            ConfigError: the student classifies.
            DataError: a sentence is not a list of strings.
        """
        self._must_be("ner")
        for words in sentences:
            if isinstance(words, str):
                raise DataError(f"a sentence is a list of words. Received: {words[:60]!r}")
        known = [_as_texts(words) for words in sentences]
        texts = [" ".join(words) for words in known]
        return self._tagged(texts, self._find(texts, self._encoder().sentences(known)))

    def classify(self, texts: str | Sequence[str]) -> Any:
        """Classifies raw text.

        Args:
            texts: one text, or several.

        Returns:
            A `Classified`, or a list of them in the same order.

        Raises:
            ConfigError: the student tags words.
            DataError: a text is not a string.
        """
        self._must_be("classification")
        many = _as_texts(texts)
        names = self.codec.labels.names
        scores = _softmax(self.logits(self._encoder().texts(many).rows))
        found = [
            Classified(text, names[row.argmax()], dict(zip(names, row.tolist(), strict=True)))
            for text, row in zip(many, scores, strict=True)
        ]
        return found[0] if isinstance(texts, str) else found

    def logits(self, rows: Ragged) -> np.ndarray:
        """The network's answer, whatever the lengths.

        Args:
            rows: sentences with `ids`, rows of the student's table, [CLS] and [SEP] included.

        Returns:
            `(total pieces, classes)`, or for classification `(texts, classes)`.
        """
        if self.task == "ner":
            return self._logits_at(rows, np.arange(rows.offsets[-1]), rows.lengths)
        if rows.lengths.max(initial=0) <= self.window:
            return self._of_texts(rows)
        parts, part, _ = windows(rows, self.window)
        first = part[rows.offsets[:-1]]
        sums = np.add.reduceat(self._of_texts(parts), first)
        return sums / np.diff([*first, len(parts)])[:, None]

    def _of_texts(self, rows: Ragged) -> np.ndarray:
        out = np.empty((len(rows), len(self.codec.labels)), np.float32)
        for chosen, batch in self._batches(rows):
            out[chosen] = self.network(batch["ids"], rows.lengths[chosen].astype(np.int32))
        return out

    def _logits_at(self, rows: Ragged, places: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Logits of some pieces of each text.

        Args:
            rows: the texts.
            places: `(asked,)` pieces among all of `rows`, in ascending order.
            counts: `(texts,)` how many of them are in each text.

        Returns:
            `(asked, classes)`.
        """
        if len(rows) == 1 and rows.offsets[1] <= self.window:  # nothing to sort or to pad
            lengths = rows.offsets[1:].astype(np.int32)
            return logits_at(self.network, rows.pieces["ids"][None], lengths, places)
        lengths = rows.lengths.astype(np.int32)
        text_of = np.repeat(np.arange(len(rows)), counts)
        position = places - rows.offsets[text_of]
        if lengths.max(initial=0) > self.window:
            rows, part, positions = windows(rows, self.window)
            text_of, position = part[places], positions[places]
            counts = np.bincount(text_of, minlength=len(rows))
            lengths = rows.lengths.astype(np.int32)
        begins = np.cumsum(counts) - counts
        out = np.empty((len(places), len(self.codec.labels)), np.float32)
        for chosen, batch in self._batches(rows):
            of_row = counts[chosen]
            if not of_row.any():
                continue
            asked = ranges(begins[chosen], of_row)
            length = batch["ids"].shape[1]
            where = np.repeat(np.arange(len(chosen)) * length, of_row) + position[asked]
            out[asked] = logits_at(self.network, batch["ids"], lengths[chosen], where)
        return out

    def _batches(self, rows: Ragged) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        return ordered_batches(rows, getattr(self.network, "batch_pieces", _BATCH_PIECES))

    def _encoder(self, pretokenized: bool = False) -> Encoder:
        return self._encoders[pretokenized]

    def _must_be(self, task: str) -> None:
        if self.task != task:
            names = {"ner": "tags words: use tag", "classification": "classifies: use classify"}
            raise ConfigError(f"this student {names[self.task]}. Received: task={self.task}")

    def _find(self, texts: list[str], encoded: Encoded) -> "_Found":
        logits = self._logits_at(encoded.rows, encoded.places, encoded.counts)
        labels, edges = (
            self.codec.labels,
            [*itertools.accumulate(encoded.counts.tolist(), initial=0)],
        )
        of_tags = logits[:, labels.entity_ids]
        decode = getattr(self.network, "best_tags", best_tags)
        continues = self._continues(encoded, logits)
        if continues.any():
            stands = np.flatnonzero(~continues)
            owner = np.cumsum(~continues) - 1
            before = np.append(0, owner + 1)  # words that stand for themselves, up to each place
            tags = decode(of_tags[stands], before[edges], labels.legal_steps)[owner]
            scores = _softmax(of_tags)[stands[owner], tags]
            tags = np.where(continues, self._inside[tags], tags)
        else:
            tags = decode(of_tags, np.array(edges), labels.legal_steps)
            scores = _softmax(of_tags)[np.arange(len(tags)), tags]
        return _Found(
            tags.tolist(), scores.tolist(), encoded.starts.tolist(), encoded.ends.tolist(), edges
        )

    def _continues(self, encoded: Encoded, logits: np.ndarray) -> np.ndarray:
        """`(words,)` bool: which words go on where the one before ends, and are for the network
        later pieces of it: the period of "St. Louis". They have its tag."""
        marker = self.codec.labels.marker(CONTINUATION)
        if marker == IGNORED:
            return np.zeros(len(logits), bool)
        continues = logits.argmax(axis=1) == marker
        if continues.any():
            continues[1:] &= encoded.starts[1:] == encoded.ends[:-1]
            last = np.cumsum(encoded.counts)
            continues[np.append(0, last[last < len(continues)])] = False  # the first of each text
        return continues

    def _entities(self, texts: list[str], found: "_Found") -> list[list[Entity]]:
        types, (_, begins, outside) = self._types, self._decoding
        entities = []
        for text, a, b in zip(texts, found.edges, found.edges[1:], strict=False):
            tags, scores = found.tags[a:b], found.scores[a:b]
            inside = []
            for i, j in find_spans(tags, begins, outside):
                start, end = found.starts[a + i], found.ends[a + j - 1]
                score = sum(scores[i:j]) / (j - i)
                inside.append(Entity(types[tags[i]], text[start:end], start, end, score))
            entities.append(inside)
        return entities

    def _tagged(self, texts: list[str], found: "_Found") -> list[Tagged]:
        names = [self._decoding[0][tag] for tag in found.tags]
        spans = list(zip(found.starts, found.ends, strict=True))
        entities = self._entities(texts, found)
        return [
            Tagged(text, spans[a:b], names[a:b], found.scores[a:b], inside)
            for text, a, b, inside in zip(
                texts, found.edges, found.edges[1:], entities, strict=False
            )
        ]

    @cached_property
    def _types(self) -> list[str]:
        """The type of entity that each tag is of."""
        return entity_types(self._decoding[0])

    @cached_property
    def _decoding(self) -> tuple[list[str], list[list[bool]], int]:
        """Names of the tags that decoding may choose, where entities begin, and which tag is O."""
        labels = self.codec.labels
        names = [labels.names[i] for i in labels.entity_ids]
        return names, begin_table(names).tolist(), names.index(OUTSIDE)

    @cached_property
    def _inside(self) -> np.ndarray:
        return np.array(inside_table(self._decoding[0]))


def _as_texts(texts: str | Sequence[str]) -> list[str]:
    many = [texts] if isinstance(texts, str) else texts
    if not isinstance(many, Sequence | np.ndarray) or isinstance(many, bytes):
        raise DataError(f"a text is a string. Received: {type(texts).__name__}")
    for number, text in enumerate(many):
        if not isinstance(text, str):
            shown = repr(text)[:_CONTEXT_OF_ERRORS]
            raise DataError(
                f"text {number + 1}: a text is a string. Received: {type(text).__name__} {shown}"
            )
    return list(many)


def logits_at(
    network: Network, ids: np.ndarray, lengths: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Logits of some pieces of a batch.

    Args:
        network: per piece.
        ids, lengths: the batch.
        places: `(asked,)` positions in the flat `(batch * length,)` ids, in ascending order.

    Returns:
        `(asked, classes)`.
    """
    at = getattr(network, "at", None)
    if at is not None:
        return at(ids, lengths, places)
    logits = network(ids, lengths)
    return logits.reshape(-1, logits.shape[-1])[places]


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return raised / raised.sum(axis=-1, keepdims=True)

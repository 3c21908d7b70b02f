"""Raw text to entities or to a class, in Python, with whatever runs the student's network.

A text longer than the network's window is read in windows that overlap by half; each piece is read
where it stands farthest from an edge, and a class from the mean of the windows' logits. Words of
raw text are found as `words` says.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from xtremedistil.data.labels import CONTINUATION, IGNORED
from xtremedistil.data.pipeline import ordered_batches
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.windows import windows
from xtremedistil.errors import ConfigError, DataError
from xtremedistil.models.folder import Codec
from xtremedistil.serving.entities import (
    OUTSIDE,
    begin_table,
    entity_type,
    find_spans,
    inside_table,
)
from xtremedistil.serving.words import find_words

# (batch, length) int32 rows, 0 where padded, and (batch,) int32 lengths -> logits.
Network = Callable[[np.ndarray, np.ndarray], np.ndarray]
WINDOW_PIECES = 1024
_BATCH_PIECES = 4096
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTEXT_OF_ERRORS = 60


@dataclass(frozen=True)
class Entity:
    """A named thing: `text` is the text's characters from `start` to `end`; `score` is the mean
    probability of its words' tags."""

    type: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Tagged:
    """A text with its tags.

    Attributes:
        text: as it was given.
        spans: the first character of each word and the one after its last.
        tags, scores: of each word; a score is a probability among the entity tags.
        entities: in the order of the text.
    """

    text: str
    spans: list[tuple[int, int]]
    tags: list[str]
    scores: list[float]
    entities: list[Entity]

    @property
    def words(self) -> list[str]:
        """The text's words."""
        return [self.text[start:end] for start, end in self.spans]


@dataclass(frozen=True)
class Classified:
    """A text with its class, and the probability of each class."""

    text: str
    label: str
    scores: dict[str, float]


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

    @property
    def task(self) -> str:
        """`ner` or `classification`."""
        return self.codec.labels.task

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
        tagged = self._tag(many, [find_words(text, pretokenized) for text in many])
        return tagged[0] if isinstance(texts, str) else tagged

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
        texts, spans = [], []
        for words in sentences:
            if isinstance(words, str):
                raise DataError(f"a sentence is a list of words. Received: {words[:60]!r}")
            texts.append(" ".join(_as_texts(words)))
            ends = np.cumsum([len(word) + 1 for word in words]) - 1
            spans.append([(int(b) - len(w), int(b)) for b, w in zip(ends, words, strict=True)])
        return self._tag(texts, spans)

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
        scores = _softmax(self.logits(self._encode(many, [find_words(t) for t in many])[0]))
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
        if rows.lengths.max(initial=0) <= self.window:
            return self._in_batches(rows)
        parts, part, position = windows(rows, self.window)
        logits = self._in_batches(parts)
        if self.task == "classification":
            first = part[rows.offsets[:-1]]
            return np.add.reduceat(logits, first) / np.diff([*first, len(parts)])[:, None]
        return logits[parts.offsets[part] + position]

    def _in_batches(self, rows: Ragged) -> np.ndarray:
        per_piece = self.task == "ner"
        classes = len(self.codec.labels)
        out = np.empty((rows.offsets[-1] if per_piece else len(rows), classes), np.float32)
        for chosen, batch in ordered_batches(rows, _BATCH_PIECES):
            lengths = rows.lengths[chosen].astype(np.int32)
            found = self.network(batch["ids"], lengths)
            if per_piece:
                real = batch["mask"] > 0
                where = rows.offsets[chosen][:, None] + np.arange(real.shape[1])
                out[where[real]] = found[real]
            else:
                out[chosen] = found
        return out

    def _must_be(self, task: str) -> None:
        if self.task != task:
            names = {"ner": "tags words: use tag", "classification": "classifies: use classify"}
            raise ConfigError(f"this student {names[self.task]}. Received: task={self.task}")

    def _encode(
        self, texts: list[str], spans: list[list[tuple[int, int]]]
    ) -> tuple[Ragged, np.ndarray]:
        """Texts as rows of the student's table, and where in them words begin."""
        codec = self.codec
        words = [
            [text[start:end] for start, end in places]
            for text, places in zip(map(_without_surrogates, texts), spans, strict=True)
        ]
        pieces = list(codec.rules.encode(words))
        rows = Ragged.from_lists({"ids": [codec.rows[p.ids] for p in pieces]}, {})
        first = [p.first + start for p, start in zip(pieces, rows.offsets, strict=False)]
        return rows, np.concatenate([np.zeros(0, np.int64), *first])

    def _tag(self, texts: list[str], spans: list[list[tuple[int, int]]]) -> list[Tagged]:
        rows, first = self._encode(texts, spans)
        logits = self.logits(rows)[first] if len(first) else np.zeros((0, len(self.codec.labels)))
        found = _softmax(logits[:, self.codec.labels.entity_ids])
        tags, scores = found.argmax(axis=1).tolist(), found.max(axis=1).tolist()
        self._continue(spans, logits, tags, scores)
        tagged, start = [], 0
        for text, places in zip(texts, spans, strict=True):
            end = start + len(places)
            tagged.append(self._tagged(text, places, tags[start:end], scores[start:end]))
            start = end
        return tagged

    def _continue(
        self,
        spans: list[list[tuple[int, int]]],
        logits: np.ndarray,
        tags: list[int],
        scores: list[float],
    ) -> None:
        """Lets words that go on where the one before ends, and that the network takes for a later
        piece of it, have its tag: the period of "St. Louis"."""
        marker = self.codec.labels.marker(CONTINUATION)
        if marker == IGNORED:
            return
        ends = np.cumsum([len(places) for places in spans])
        for word in np.flatnonzero(logits.argmax(axis=1) == marker).tolist():
            text = int(np.searchsorted(ends, word, side="right"))
            number = word - int(ends[text])  # from the end of its text
            places = spans[text]
            if number > -len(places) and places[number - 1][1] == places[number][0]:
                tags[word], scores[word] = self._inside[tags[word - 1]], scores[word - 1]

    def _tagged(
        self, text: str, spans: list[tuple[int, int]], tags: list[int], scores: list[float]
    ) -> Tagged:
        names, begins, outside = self._decoding
        entities = []
        for a, b in find_spans(tags, begins, outside):
            start, end = spans[a][0], spans[b - 1][1]
            score = sum(scores[a:b]) / (b - a)
            entities.append(Entity(entity_type(names[tags[a]]), text[start:end], start, end, score))
        return Tagged(text, spans, [names[tag] for tag in tags], scores, entities)

    @cached_property
    def _decoding(self) -> tuple[list[str], list[list[bool]], int]:
        """Names of the tags that decoding may choose, where entities begin, and which tag is O."""
        labels = self.codec.labels
        names = [labels.names[i] for i in labels.entity_ids]
        return names, begin_table(names).tolist(), names.index(OUTSIDE)

    @cached_property
    def _inside(self) -> list[int]:
        return inside_table(self._decoding[0])


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


def _without_surrogates(text: str) -> str:
    """Halves of UTF-16 pairs are no characters: each is read as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text) if not text.isascii() else text


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return raised / raised.sum(axis=-1, keepdims=True)

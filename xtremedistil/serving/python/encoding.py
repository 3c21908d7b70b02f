"""Texts to rows of the student's table, many texts at once.

Text repeats itself: what stands between two spaces is looked up among what was read before, and
only what is new is split into words and wordpieces. A word's pieces do not depend on the words
beside it, so the result is that of reading each text anew.
"""

import re
import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xtremedistil.data.ragged import Ragged
from xtremedistil.students.folder import Codec
from xtremedistil.tokenization.raw_words import find_words

_SURROGATE = re.compile("[\ud800-\udfff]")
# What is remembered: some twenty megabytes at the most; then it is forgotten at once.
_MOST_PARTS, _MOST_CHARACTERS = 1 << 16, 1 << 21


@dataclass(frozen=True)
class Encoded:
    """Texts in wordpieces, and their words.

    Attributes:
        rows: the texts with `ids`, rows of the student's table, [CLS] and [SEP] included.
        counts: `(texts,)` int64: words of each text.
        first: `(words,)` int64: position in its text's pieces of each word's first piece.
        starts, ends: `(words,)` int64: the word's first character, and the one after its last.
    """

    rows: Ragged
    counts: np.ndarray
    first: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Runs of whole numbers, end to end: `counts[i]` of them from `starts[i]` on."""
    ends = np.cumsum(counts)
    return np.repeat(starts - ends + counts, counts) + np.arange(ends[-1] if len(ends) else 0)


class _Parts:
    """What was read before: strings without spaces between words, their words and pieces."""

    def __init__(self):
        self.index: dict[str, int] = {}
        self.characters = 0
        # of each part: its characters, words and pieces, and where its words and pieces begin
        self.sizes = tuple(array("q") for _ in range(3))
        self.begins = (array("q", [0]), array("q", [0]))
        # of each word: its characters and its first piece, in the part; of each piece: its row
        self.words = tuple(array("q") for _ in range(3))
        self.pieces = array("i")

    @property
    def is_full(self) -> bool:
        return len(self.index) > _MOST_PARTS or self.characters > _MOST_CHARACTERS


class Encoder:
    """Reads texts for one student. It may be called from several threads."""

    def __init__(self, codec: Codec, pretokenized: bool = False):
        """Args:
        codec: text to ids.
        pretokenized: white space alone separates words.
        """
        self._codec, self._pretokenized = codec, pretokenized
        self._parts = _Parts()
        self._lock = threading.Lock()
        special = codec.tokenizer.special_ids
        self._begin, self._end = (int(codec.rows[i]) for i in (special.begin, special.end))

    def texts(self, texts: Sequence[str]) -> Encoded:
        """Raw text, whose words are found as `words` says."""
        split = [text.split(" ") for text in texts]
        with self._lock:
            if self._parts.is_full:
                self._parts = _Parts()
            parts = self._parts
            new = {part for of_text in split for part in of_text if part not in parts.index}
            if new:
                self._add(parts, list(new), [find_words(part, self._pretokenized) for part in new])
            return self._join(parts, split) if len(texts) != 1 else self._join_one(parts, split[0])

    def sentences(self, sentences: Sequence[Sequence[str]]) -> Encoded:
        """Words that are known; the characters are those of the words joined by single spaces."""
        parts = _Parts()
        new = list({word for words in sentences for word in words})
        self._add(parts, new, [[(0, len(word))] for word in new])
        return self._join(parts, sentences)

    def _add(
        self, parts: _Parts, new: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> None:
        """Adds parts whose words are known."""
        words = [
            text[start:end]
            for text, places in zip(map(_without_surrogates, new), spans, strict=True)
            for start, end in places
        ]
        (pieces,) = self._codec.tokenizer.encode([words])
        counts = np.array([len(places) for places in spans], np.int64)
        word_ends = np.cumsum(counts)
        # Pieces of words: from one first piece to the next; [CLS] is piece 0 and [SEP] the last.
        edges = np.append(pieces.first.astype(np.int64), len(pieces.ids) - 1) - 1
        begins, ends = edges[word_ends - counts], edges[word_ends]
        first = edges[:-1] - np.repeat(begins, counts)
        characters = np.array([len(part) for part in new], np.int64)
        flat = np.array([edge for places in spans for span in places for edge in span], np.int64)
        for column, values in zip(
            (*parts.sizes, *parts.words, parts.pieces),
            (
                *(characters, counts, ends - begins),
                *(flat[::2], flat[1::2], first),
                self._codec.rows[pieces.ids[1:-1]],
            ),
            strict=True,
        ):
            column.frombytes(np.ascontiguousarray(values, column.typecode).tobytes())
        for begin, of_part in zip(parts.begins, (word_ends, ends), strict=True):
            begin.frombytes((begin[-1] + of_part).astype(np.int64).tobytes())
        known = len(parts.index)
        parts.index.update(zip(new, range(known, known + len(new)), strict=True))
        parts.characters += int(characters.sum())

    def _join(self, parts: _Parts, split: Sequence[Sequence[str]]) -> Encoded:
        """Texts from the known parts that single spaces separate in them."""
        texts = len(split)
        part = np.array([parts.index[p] for of_text in split for p in of_text], np.int64)
        of_text = np.array([len(of_text) for of_text in split], np.int64)
        text_of = np.repeat(np.arange(texts), of_text)
        characters, words, pieces = (np.frombuffer(c, np.int64)[part] for c in parts.sizes)
        word_begins, piece_begins = (np.frombuffer(b, np.int64)[part] for b in parts.begins)

        word = ranges(word_begins, words)
        starts, ends, first = (np.frombuffer(c, np.int64)[word] for c in parts.words)
        base = np.repeat(_before(characters + 1, of_text), words)
        first += np.repeat(_before(pieces, of_text), words) + 1

        rows = np.frombuffer(parts.pieces, np.int32)[ranges(piece_begins, pieces)]
        lengths = np.bincount(text_of, pieces, texts).astype(np.int64) + 2
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = np.empty(offsets[-1], np.int32)
        ids[offsets[:-1]], ids[offsets[1:] - 1] = self._begin, self._end
        ids[ranges(offsets[:-1] + 1, lengths - 2)] = rows
        counts = np.bincount(text_of, words, texts).astype(np.int64)
        encoded = Ragged(offsets, {"ids": ids}, {})
        return Encoded(encoded, counts, first, starts + base, ends + base)

    def _join_one(self, parts: _Parts, split: Sequence[str]) -> Encoded:
        """`_join` for one text: a loop over a few words takes less time than forty calls of numpy,
        and one sentence is what is read most often when time matters."""
        word_begins, piece_begins = parts.begins
        places, ids, before = array("q"), array("i", [self._begin]), 0
        for part in split:
            number = parts.index[part]
            passed = len(ids)
            for word in range(word_begins[number], word_begins[number + 1]):
                start, end, first = (column[word] for column in parts.words)
                places.extend((before + start, before + end, passed + first))
            ids.extend(parts.pieces[piece_begins[number] : piece_begins[number + 1]])
            before += len(part) + 1
        ids.append(self._end)
        starts, ends, first = np.array(places, np.int64).reshape(-1, 3).T
        offsets, counts = np.array([0, len(ids)], np.int64), np.array([len(first)], np.int64)
        return Encoded(
            Ragged(offsets, {"ids": np.array(ids, np.int32)}, {}), counts, first, starts, ends
        )


def _before(sizes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What stands before each part in its own text, `counts[i]` parts in text `i`."""
    before = np.cumsum(sizes) - sizes
    filled = counts > 0
    begins = (np.cumsum(counts) - counts)[filled]
    return before - np.repeat(before[begins], counts[filled])


def _without_surrogates(text: str) -> str:
    """Halves of UTF-16 pairs are no characters: each is read as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text) if not text.isascii() else text

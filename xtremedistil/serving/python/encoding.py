"""Texts to rows of the student's table, many texts at once.

Text repeats itself: what stands between two spaces is looked up among what was read before, and
only what is new is split into words and wordpieces. A word's pieces do not depend on the words
beside it, so the result is that of reading each text anew.
"""

import itertools
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

    @property
    def places(self) -> np.ndarray:
        """`(words,)` int64: position among the pieces of all texts of each word's first piece."""
        if len(self.counts) == 1:
            return self.first
        return np.repeat(self.rows.offsets[:-1], self.counts) + self.first


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

    def without(self, split: Sequence[str]) -> list[str]:
        """Those of some parts that are not here yet, each once."""
        return list(dict.fromkeys(part for part in split if part not in self.index))


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
        split = " ".join(texts).split(" ") if texts else []
        with self._lock:
            if self._parts.is_full:
                self._parts = _Parts()
            parts = self._parts
            if new := parts.without(split):
                self._add(parts, new, find_words(" ".join(new), self._pretokenized))
            if len(texts) == 1:
                return self._join_one(parts, split)
            return self._join(parts, split, [text.count(" ") + 1 for text in texts])

    def sentences(self, sentences: Sequence[Sequence[str]]) -> Encoded:
        """Words that are known; the characters are those of the words joined by single spaces."""
        parts, split = _Parts(), [word for words in sentences for word in words]
        if new := parts.without(split):
            ends = itertools.accumulate(len(word) + 1 for word in new)
            self._add(parts, new, [(end - len(word) - 1, end - 1) for word, end in zip(new, ends)])
        return self._join(parts, split, [len(words) for words in sentences])

    def _add(self, parts: _Parts, new: Sequence[str], spans: Sequence[tuple[int, int]]) -> None:
        """Adds parts, with where their words begin and end in the parts joined by single spaces.
        No word goes beyond a space."""
        clean = _without_surrogates(" ".join(new))
        pieces = self._codec.tokenizer.word_pieces([clean[start:end] for start, end in spans])
        starts, ends, firsts = parts.words
        characters, counts, lengths = parts.sizes
        word_begins, piece_begins = parts.begins
        begin = word = 0
        for part in new:
            parts.index[part] = len(parts.index)
            known, length, last = word, 0, begin + len(part)
            while word < len(spans) and spans[word][0] <= last:
                starts.append(spans[word][0] - begin)
                ends.append(spans[word][1] - begin)
                firsts.append(length)
                length += len(pieces[word])
                word += 1
            characters.append(len(part))
            counts.append(word - known)
            lengths.append(length)
            word_begins.append(len(starts))
            piece_begins.append(piece_begins[-1] + length)
            begin = last + 1
        ids = np.fromiter(itertools.chain.from_iterable(pieces), np.int64)
        parts.pieces.frombytes(self._codec.rows[ids].tobytes())
        parts.characters += len(clean)

    def _join(self, parts: _Parts, split: Sequence[str], of_texts: Sequence[int]) -> Encoded:
        """Texts from the known parts that single spaces separate in them, so many of each text."""
        texts = len(of_texts)
        part = np.fromiter(map(parts.index.__getitem__, split), np.int64, len(split))
        of_text = np.array(of_texts, np.int64)
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
        starts, ends, firsts = parts.words
        places: tuple[list[int], ...] = ([], [], [])
        first, start, end = places
        ids, before = array("i", [self._begin]), 0
        for part in split:
            number = parts.index[part]
            for word in range(word_begins[number], word_begins[number + 1]):
                first.append(len(ids) + firsts[word])
                start.append(before + starts[word])
                end.append(before + ends[word])
            ids.extend(parts.pieces[piece_begins[number] : piece_begins[number + 1]])
            before += len(part) + 1
        ids.append(self._end)
        offsets, counts = np.array([0, len(ids)]), np.array([len(first)])
        rows = Ragged(offsets, {"ids": np.frombuffer(ids, np.int32)}, {})
        return Encoded(rows, counts, *np.array(places, np.int64))


def _before(sizes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What stands before each part in its own text, `counts[i]` parts in text `i`."""
    before = np.cumsum(sizes) - sizes
    filled = counts > 0
    begins = (np.cumsum(counts) - counts)[filled]
    return before - np.repeat(before[begins], counts[filled])


def _without_surrogates(text: str) -> str:
    """Halves of UTF-16 pairs are no characters: each is read as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text) if not text.isascii() else text

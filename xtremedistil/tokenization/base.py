"""What every tokenizer gives: pieces of words, ids by role, and itself as files.

Each word is tokenized by itself, and student and teacher read the same pieces (Section 3), so their
representations align one to one. A word that tokenization would delete altogether (a lone control
character, say) becomes one unknown piece, so that every word keeps its tag.

Two numberings of pieces: the checkpoint's own, and the one that everything outside this room and
`teachers/` uses, in which padding is always 0: the two pieces 0 and padding change places.
"""

import abc
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

PADDING = 0
_BATCH = 1024


@dataclass(frozen=True)
class Pieces:
    """A sentence in pieces.

    Attributes:
        ids: `(length,)` int32 ids in the full vocabulary, the two markers included.
        first: `(words,)` int32 positions in `ids` of the first piece of each word.
    """

    ids: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special pieces, by role.

    Attributes:
        padding: after a sentence's end, in a batch.
        unknown: for text that no other piece spells.
        begin, end: the markers around a sentence.
        mask: of pre-training, where the vocabulary has one.
    """

    padding: int
    unknown: int
    begin: int
    end: int
    mask: int | None = None

    @property
    def all(self) -> tuple[int, ...]:
        """Those that there are, padding first."""
        ids = (self.padding, self.unknown, self.begin, self.end, self.mask)
        return tuple(i for i in ids if i is not None)


class Tokenizer(abc.ABC):
    """The tokenization of one checkpoint.

    Attributes:
        kind: the name of its kind in the registry.
    """

    kind: ClassVar[str]

    @abc.abstractmethod
    def __len__(self) -> int:
        """Pieces of the full vocabulary."""

    @property
    @abc.abstractmethod
    def checkpoint_specials(self) -> SpecialIds:
        """Ids of the special pieces in the checkpoint."""

    @abc.abstractmethod
    def encode_words(
        self, sentences: Sequence[Sequence[str]]
    ) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        """Pieces of each word by itself, without markers.

        Args:
            sentences: the words of each.

        Returns:
            For each sentence, `(pieces,)` int32 ids in the checkpoint, and `(pieces,)` int64: the
            number of the word that each piece is of, ascending. A word may be without a piece.
        """

    @abc.abstractmethod
    def surface(self, piece: int) -> str:
        """What a piece spells, without any sign of its place in a word."""

    @abc.abstractmethod
    def continues_word(self, piece: int) -> bool:
        """Whether a piece is one that stands inside a word only."""

    @property
    def casing(self) -> str:
        """What becomes of capitals and accents, in words."""
        return "case and accents as the checkpoint's own rules have them"

    @property
    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Stands for the rules and the whole vocabulary."""

    @abc.abstractmethod
    def save(self, folder: str) -> tuple[str, ...]:
        """Writes files from which the kind's record, and Hugging Face, open it again.

        Returns:
            The names of the files.
        """

    @cached_property
    def checkpoint_ids(self) -> np.ndarray:
        """`(pieces,)` int32: the id in the checkpoint of each piece; its own inverse."""
        ids = np.arange(len(self), dtype=np.int32)
        padding = self.checkpoint_specials.padding
        ids[[PADDING, padding]] = ids[[padding, PADDING]]
        return ids

    @cached_property
    def special_ids(self) -> SpecialIds:
        """Ids of the special pieces; padding is 0."""
        found = dataclasses.asdict(self.checkpoint_specials)
        ids = {k: None if i is None else int(self.checkpoint_ids[i]) for k, i in found.items()}
        return SpecialIds(**ids)

    def encode(self, sentences: Iterable[Sequence[str]]) -> Iterator[Pieces]:
        """Sentences in pieces, one after the other, in constant memory.

        Args:
            sentences: the words of each.

        Yields:
            `Pieces`, in order.
        """
        batch = []
        for words in sentences:
            batch.append(words)
            if len(batch) == _BATCH:
                yield from self._encode_batch(batch)
                batch = []
        yield from self._encode_batch(batch)

    def _encode_batch(self, batch: list[Sequence[str]]) -> Iterator[Pieces]:
        special, renumber = self.special_ids, self.checkpoint_specials.padding != PADDING
        for words, (ids, word_of) in zip(batch, self.encode_words(batch), strict=True):
            if renumber:
                ids = self.checkpoint_ids[ids]
            first = _changes(word_of)
            if len(first) != len(words):  # some vanished: each gets an unknown piece in its place
                lost = np.setdiff1d(np.arange(len(words)), word_of)
                ids = np.insert(ids, np.searchsorted(word_of, lost), special.unknown)
                word_of = np.sort(np.concatenate([word_of, lost]), kind="stable")
                first = _changes(word_of)
            whole = np.empty(len(ids) + 2, np.int32)
            whole[0], whole[1:-1], whole[-1] = special.begin, ids, special.end
            yield Pieces(whole, (first + 1).astype(np.int32))

    def word_pieces(self, words: Sequence[str]) -> list[list[int]]:
        """The ids of each word's pieces, as `encode` gives them for a sentence of these words: in
        lists, which for a few words take half the time."""
        found: list[list[int]] = [[] for _ in words]
        for ids, word_of in self.encode_words([words]):
            if self.checkpoint_specials.padding != PADDING:
                ids = self.checkpoint_ids[ids]
            for piece, word in zip(ids.tolist(), word_of.tolist(), strict=True):
                found[word].append(piece)
        lost = [self.special_ids.unknown]
        return [pieces or lost for pieces in found]


def join_pieces(words: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """A sentence as `Tokenizer.encode_words` gives it, from the ids of each word's pieces."""
    ids = np.array([i for pieces in words for i in pieces], np.int32)
    return ids, np.repeat(np.arange(len(words)), [len(pieces) for pieces in words])


def _changes(word_of: np.ndarray) -> np.ndarray:
    """Positions of pieces whose word is not that of the piece before (np.diff is slow on few)."""
    begins = np.ones(len(word_of), bool)
    np.not_equal(word_of[1:], word_of[:-1], out=begins[1:])
    return np.flatnonzero(begins)

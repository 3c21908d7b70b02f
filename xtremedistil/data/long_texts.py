"""Texts longer than training reads, cut between words into texts of their own: nothing is thrown
away, and the teacher answers for each as it stands."""

from dataclasses import dataclass

import numpy as np

from xtremedistil.data.columns import blocks, gathered
from xtremedistil.tokenization.base import Pieces


@dataclass(frozen=True)
class CutTexts:
    """Texts of which each is one row of a transfer set, or several.

    Attributes:
        hashes: `(texts,)` of `sentence_hash`.
        starts: `(texts + 1,)` int64; text `i` is the rows `[starts[i], starts[i + 1])`.
    """

    hashes: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.hashes)

    def windows(self, texts: np.ndarray) -> np.ndarray:
        """How many rows each of some texts is."""
        return self.starts[texts + 1] - self.starts[texts]

    def rows(self, texts: np.ndarray) -> np.ndarray:
        """The numbers of the rows of some texts, by their numbers."""
        return gathered(map(self._rows, blocks(texts)))

    def _rows(self, texts: np.ndarray) -> np.ndarray:
        own = self.windows(texts)
        return np.repeat(self.starts[texts] - np.cumsum(own) + own, own) + np.arange(own.sum())

    def cut(self) -> dict[str, int]:
        """How many texts were cut, and into how many windows."""
        texts = windows = 0
        for part in blocks(np.arange(len(self))):
            own = self.windows(part)
            texts += int((own > 1).sum())
            windows += int(own[own > 1].sum())
        return {"cut_texts": texts, "windows": windows}


def cut_between_words(pieces: Pieces, longest: int) -> list[Pieces]:
    """A text as one or more texts of about the same length.

    A word is cut only where it alone is longer than a whole text may be.

    Args:
        pieces: of the text, a marker at each end.
        longest: pieces of a text that is read whole, markers included; 3 or more.

    Returns:
        Texts of at most `longest` pieces, each with the two markers; their other pieces, one after
        the other, are those of `pieces`.
    """
    end, room = len(pieces.ids) - 1, longest - 2
    if end - 1 <= room:
        return [pieces]
    texts, begin = [], 1
    while begin < end:
        left = -(-(end - begin) // room)  # texts that the rest needs at the least
        wanted = begin + -(-(end - begin) // left)
        stop = end if left == 1 else _word_near(pieces.first, begin, wanted, begin + room)
        inside = (pieces.first >= begin) & (pieces.first < stop)
        ids = np.concatenate([pieces.ids[:1], pieces.ids[begin:stop], pieces.ids[-1:]])
        texts.append(Pieces(ids, pieces.first[inside] - (begin - 1)))
        begin = stop
    return texts


def _word_near(first: np.ndarray, begin: int, wanted: int, last: int) -> int:
    """The last start of a word in `(begin, wanted]`, else the first one up to `last`, else `last`,
    inside a word."""
    place = int(np.searchsorted(first, wanted, side="right"))
    if place and first[place - 1] > begin:
        return int(first[place - 1])
    return int(first[place]) if place < len(first) and first[place] <= last else last

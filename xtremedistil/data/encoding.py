"""Transfer text to rows of pieces: what is done with each text, whoever does it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from xtremedistil.data.labels import IGNORED, LabelSet
from xtremedistil.data.long_texts import cut_between_words
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sampling import sentence_hash
from xtremedistil.data.sources import Text, raw_words
from xtremedistil.tokenization.base import Pieces, Tokenizer

# Of each piece, 1 where one of the teacher's classes applies; only where it does not apply to all.
HAS_CLASS = "has_class"
BEGINS = "begins"  # of each row, 1 where it is the first of its text


@dataclass(frozen=True)
class TextEncoder:
    """How a text becomes rows of the transfer set.

    Attributes:
        tokenizer: the teacher's.
        labels: of a ready-made teacher, or None.
        longest: pieces of a row, markers included; a longer text becomes several. None: texts stay
            whole.
    """

    tokenizer: Tokenizer
    labels: LabelSet | None = None
    longest: int | None = None

    @property
    def keeps_classes(self) -> bool:
        """Whether rows say for which pieces the teacher has a class."""
        return self.labels is not None and not self.labels.covers_every_piece

    def encode(self, texts: Iterable[Text]) -> Ragged:
        """Rows of some texts, in order.

        Args:
            texts: as `Reader.texts` gives them.

        Returns:
            `ids` int32 and, if `keeps_classes`, `has_class` int8 per piece; `hash` uint64, of the
            whole text, and `begins` int8 per row.
        """
        ids, classes, begins, hashes = [], [], [], []

        def words() -> Iterator[list[str]]:
            for text in texts:
                own = raw_words(text.words) if text.raw else text.words
                hashes.append(sentence_hash(own))
                yield own

        for pieces in self.tokenizer.encode(words()):
            rows = [pieces] if self.longest is None else cut_between_words(pieces, self.longest)
            begins.append(len(rows))
            ids.extend(row.ids for row in rows)
            if self.keeps_classes:
                classes.extend(self._has_class(row) for row in rows)
        first = np.zeros(len(ids), np.int8)
        first[np.cumsum(begins) - begins] = 1
        flat = {"ids": ids} | ({HAS_CLASS: classes} if self.keeps_classes else {})
        per_row = np.repeat(np.array(hashes, np.uint64), begins)
        return Ragged.from_lists(flat, {"hash": per_row, BEGINS: first})

    def _has_class(self, pieces: Pieces) -> np.ndarray:
        """`(length,)` int8: 1 where a class of the teacher applies, whatever the words' tags."""
        classes = self.labels.of_pieces(len(pieces.ids), pieces.first, np.zeros(len(pieces.first)))
        return (classes != IGNORED).astype(np.int8)

"""The part of a teacher's table of pieces that its fine-tuning reads.

A multilingual checkpoint has hundreds of thousands of pieces, and the labeled sentences of a task a
few thousand of them. A row of any other piece has no gradient: Adam leaves it where it is, and
decoupled weight decay shrinks all of them by one known factor. So they can wait on disk while the
rows in use are trained, which gives the same teacher: 96 of the 118 million weights of
multilingual-e5-small are such rows.
"""

from dataclasses import dataclass

import numpy as np

from xtremedistil.data.ragged import Ragged


@dataclass(frozen=True)
class UsedPieces:
    """Pieces that some sentences use, and their rows in a table without all others.

    Attributes:
        pieces: `(n,)`, ascending, padding, 0, first.
    """

    pieces: np.ndarray

    @classmethod
    def of(cls, *data: Ragged) -> "UsedPieces":
        """The pieces of all sentences (`ids`) of several data sets."""
        found = [np.unique(rows.pieces["ids"]) for rows in data]
        return cls(np.unique(np.concatenate([[0], *found])))

    def renumber(self, rows: Ragged) -> Ragged:
        """Sentences of these pieces, each piece as its place in `pieces`."""
        ids = rows.pieces["ids"]
        places = np.searchsorted(self.pieces, ids).astype(ids.dtype)
        return Ragged(rows.offsets, {**rows.pieces, "ids": places}, rows.sentences)

    def whole_table(self, table: np.ndarray, trained: np.ndarray, kept: float) -> np.ndarray:
        """The table that training all of it would have given.

        Args:
            table: `(V, D)` all rows as training found them.
            trained: `(n, D)` the rows of `pieces` as it left them.
            kept: what weight decay left of a row without gradients, of 1.

        Returns:
            `(V, D)` float32; a row that was not trained is right to the rounding of its float32.
        """
        whole = table * np.float32(kept)
        whole[self.pieces] = trained
        return whole

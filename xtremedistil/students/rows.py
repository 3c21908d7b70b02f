"""What a student reads of pieces that its table has no row for: the row of the piece that means
most nearly the same to the teacher.

A student has rows for the pieces of its training text alone. Where all others are the unknown piece
(the paper), it can hardly read text unlike that; the teacher's table knows every piece.
"""

import numpy as np

from xtremedistil.runtime.progress import progress
from xtremedistil.students.embeddings import svd
from xtremedistil.tokenization.base import SpecialIds

NEAREST = "nearest"  # of --other_pieces
_DIMENSIONS = 128  # of the teacher's that are compared; more cost time and brought nothing
_PAIRS_AT_ONCE = 1 << 24


def row_of_piece(pieces: np.ndarray, total: int, unknown: int) -> np.ndarray:
    """Each piece's row in the student's table.

    Args:
        pieces: `(V,)` the piece of each row.
        total: pieces of the full vocabulary.
        unknown: the unknown piece; pieces without a row share its row.

    Returns:
        `(total,)` int32.
    """
    rows = np.full(total, -1, np.int32)
    rows[pieces] = np.arange(len(pieces))
    rows[rows < 0] = rows[unknown]
    return rows


def with_nearest(rows: np.ndarray, pieces: np.ndarray, table: np.ndarray, ids: SpecialIds) -> None:
    """Gives each piece without a row the row of the piece nearest to it.

    Nearest is the highest cosine in the teacher's table, less the mean of the pieces with rows, in
    its first 128 singular dimensions. Special pieces are near to none, and none to them.

    Args:
        rows: of `row_of_piece`, changed in place.
        pieces: `(V,)` the piece of each row.
        table: `(total, D)`: the teacher's.
        ids: the special pieces.
    """
    known = np.setdiff1d(pieces, ids.all)
    lacking = np.setdiff1d(np.arange(len(rows)), np.union1d(pieces, ids.all))
    if not len(known):
        return
    reduced = svd(table, min(_DIMENSIONS, table.shape[1]))
    reduced -= reduced[known].mean(axis=0)
    reduced /= np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), np.float32(1e-12))
    near, step = reduced[known].T.copy(), max(1, _PAIRS_AT_ONCE // len(known))
    with progress("finding rows for other pieces", len(lacking), "pieces") as bar:
        for start in range(0, len(lacking), step):
            some = lacking[start : start + step]
            rows[some] = rows[known[np.argmax(reduced[some] @ near, axis=1)]]
            bar.update(len(some))

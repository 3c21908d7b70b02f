"""What a student reads of pieces that its table has no row for.

A student has rows for the pieces of its training text alone. Where all others are the unknown piece
(the paper), it can hardly read text unlike that; the teacher's table knows every piece. So a piece
without a row reads the row of the piece that means most nearly the same to the teacher; or, once
the student is trained, a row that is added for it, and for others like it, as the teacher's table
predicts it.
"""

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from xtremedistil.runtime.progress import progress
from xtremedistil.students.embeddings import svd
from xtremedistil.tokenization.base import SpecialIds

NEAREST = "nearest"  # of --other_pieces
_DIMENSIONS = 128  # of the teacher's that are compared; more cost time and brought nothing
_PAIRS_AT_ONCE = 1 << 24
_SHRINKAGE = 0.1  # of ridge regression, as a share of the mean variance
_BATCH = 8192  # pieces that k-means reads at once


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
    known, lacking = np.setdiff1d(pieces, ids.all), without_row(pieces, len(rows), ids)
    if not len(known):
        return
    reduced = _compared(table, known)
    reduced /= np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), np.float32(1e-12))
    near, step = reduced[known].T.copy(), max(1, _PAIRS_AT_ONCE // len(known))
    with progress("finding rows for other pieces", len(lacking), "pieces") as bar:
        for start in range(0, len(lacking), step):
            some = lacking[start : start + step]
            rows[some] = rows[known[np.argmax(reduced[some] @ near, axis=1)]]
            bar.update(len(some))


def without_row(pieces: np.ndarray, total: int, ids: SpecialIds) -> np.ndarray:
    """The pieces of a vocabulary that have no row, less the special ones.

    Args:
        pieces: `(V,)` the piece of each row.
        total: pieces of the full vocabulary.
        ids: the special pieces.
    """
    return np.setdiff1d(np.arange(total), np.union1d(pieces, ids.all))


def with_added(
    rows: np.ndarray, number: int, pieces: np.ndarray, table: np.ndarray, ids: SpecialIds
) -> np.ndarray:
    """Each piece's row in a table with rows added behind the student's own for pieces without one.

    With fewer rows than such pieces, those that are alike in the teacher's table share one
    (k-means over what `with_nearest` compares); a row may be left that none reads.

    Args:
        rows: of `row_of_piece`, which stays as it is.
        number: rows to add, at most one for each piece without a row.
        pieces: `(V,)` the piece of each row.
        table: `(total, D)`: the teacher's.
        ids: the special pieces.

    Returns:
        `(total,)` int32.
    """
    lacking = without_row(pieces, len(rows), ids)
    if number == len(lacking):
        groups = np.arange(number)
    else:
        reduced = _compared(table, np.setdiff1d(pieces, ids.all))[lacking]
        means = MiniBatchKMeans(
            number, init="random", n_init=1, max_iter=3, batch_size=_BATCH, random_state=0
        )
        groups = means.fit_predict(reduced)
    rows = rows.copy()
    rows[lacking] = len(pieces) + groups
    return rows


def predict_rows(
    trained: np.ndarray,
    rows: np.ndarray,
    number: int,
    pieces: np.ndarray,
    table: np.ndarray,
    ids: SpecialIds,
) -> np.ndarray:
    """The rows that `with_added` adds, as the teacher's table predicts them.

    Ridge regression from the teacher's row of a piece to the student's, over the pieces that the
    student was trained with; an added row is the mean of what its pieces would have.

    Args:
        trained: `(V, E)`: the student's table.
        rows: of `with_added`.
        number: of added rows.
        pieces: `(V,)` the piece of each row of `trained`.
        table: `(total, D)`: the teacher's.
        ids: the special pieces.

    Returns:
        `(number, E)` float32.
    """
    known = np.flatnonzero(~np.isin(pieces, ids.all))
    x, y = table[pieces[known]].astype(np.float64), trained[known].astype(np.float64)
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    x -= centre
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += max(_SHRINKAGE * np.trace(gram) / len(gram), 1e-12)
    by_direction = np.linalg.solve(gram, x.T @ (y - mean))
    lacking = without_row(pieces, len(rows), ids)
    groups = rows[lacking] - len(pieces)
    order = np.argsort(groups, kind="stable")
    read, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(table[lacking[order]], starts, axis=0)
    added = np.tile(mean, (number, 1))
    added[read] += (sums / sizes[:, None] - centre) @ by_direction
    return added.astype(np.float32)


def _compared(table: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`(total, 128)` or narrower: what tells pieces apart in a teacher's table, less the mean of
    the pieces with rows."""
    reduced = svd(table, min(_DIMENSIONS, table.shape[1]))
    return reduced - reduced[known].mean(axis=0)

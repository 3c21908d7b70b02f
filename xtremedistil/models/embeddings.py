"""Starts of the student's word embeddings (Section 4.1, Table 14), and the cut to its
vocabulary."""

import numpy as np

from xtremedistil.data.tokenization import WordPiece
from xtremedistil.errors import ConfigError


def student_pieces(rules: WordPiece, counts: np.ndarray) -> np.ndarray:
    """The pieces that a student has embeddings for: those that its data uses, and the special
    tokens.

    Args:
        rules: the full vocabulary.
        counts: `(full vocabulary,)`: how often each piece occurs in labeled and transfer data.

    Returns:
        `(V,)` int32 ids in the full vocabulary, padding first, then ascending.
    """
    used = np.flatnonzero(counts)
    pad = rules.special_ids[0]
    others = np.setdiff1d(np.union1d(used, rules.special_ids), [pad])
    return np.concatenate([[pad], others]).astype(np.int32)


def row_of_piece(rules: WordPiece, pieces: np.ndarray) -> np.ndarray:
    """`(full vocabulary,)` int32: each piece's row in the student's table; pieces without one
    share [UNK]'s."""
    rows = np.zeros(len(rules.vocabulary), np.int32)
    rows[pieces] = np.arange(len(pieces))
    unknown = rows[rules.id_of(rules.unknown)]
    missing = np.ones(len(rows), bool)
    missing[pieces] = False
    rows[missing] = unknown
    return rows


def check_dimension(kind: str, embedding_dim: int, teacher_width: int) -> None:
    """Raises ConfigError if a reduction cannot give so many dimensions."""
    if kind == "svd" and embedding_dim > teacher_width:
        raise ConfigError(
            f"--embedding_dim must not be above the teacher's width, {teacher_width}, with "
            f"--embeddings=svd: a "
            f"truncated SVD only reduces. Received: embedding_dim={embedding_dim}"
        )


def svd(table: np.ndarray, dimensions: int) -> np.ndarray:
    """The best rank-E description of a table's rows: truncated SVD, U times S.

    Args:
        table: `(V, D)`, the teacher's whole table.
        dimensions: E, at most D.

    Returns:
        `(V, E)` float32. Its sign is fixed (the largest entry of each right vector is positive), so
        that the same table gives the same result on every machine.
    """
    # The D x D Gram matrix has the same right vectors, and D is hundreds where V is a hundred
    # thousand.
    gram = table.astype(np.float64).T @ table.astype(np.float64)
    _, vectors = np.linalg.eigh(gram)
    right = vectors[:, ::-1][:, :dimensions]
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(dimensions)])
    return (table @ (right * signs)).astype(np.float32)

"""Starts of the student's word embeddings from a teacher's table (Section 4.1, Table 14)."""

import numpy as np

from xtremedistil.runtime.errors import ConfigError
from xtremedistil.tokenization.base import PADDING, Tokenizer

SVD, SVD_PRETRAINED, TEACHER, RANDOM = "svd", "svd-pretrained", "teacher", "random"
PPA = {"ppa-14": 14, "ppa-17": 17}


def student_pieces(tokenizer: Tokenizer, counts: np.ndarray, min_count: int = 1) -> np.ndarray:
    """The pieces that a student has embeddings for: those that its data uses often enough, and the
    special tokens.

    Args:
        tokenizer: the full vocabulary.
        counts: `(full vocabulary,)`: how often each piece occurs in labeled and transfer data.
        min_count: how often it must.

    Returns:
        `(V,)` int32 ids in the full vocabulary, padding first, then ascending.
    """
    used = np.flatnonzero(counts >= min_count)
    others = np.setdiff1d(np.union1d(used, tokenizer.special_ids.all), [PADDING])
    return np.concatenate([[PADDING], others]).astype(np.int32)


def check_dimension(kind: str, embedding_dim: int, teacher_width: int) -> None:
    """Raises ConfigError if a kind of start cannot have so many dimensions."""
    if kind in (SVD, SVD_PRETRAINED, *PPA) and embedding_dim > teacher_width:
        raise ConfigError(
            f"--embedding_dim must not be above the teacher's width, {teacher_width}, with "
            f"--embeddings={kind}, which only reduces. Received: embedding_dim={embedding_dim}"
        )
    removed = PPA.get(kind, 0)
    if min(embedding_dim, teacher_width - removed) <= removed:
        raise ConfigError(
            f"--embeddings={kind} removes {removed} directions of the teacher's table and as many "
            f"of the reduced one: with no more than {removed} dimensions, or a teacher no wider "
            f"than {2 * removed}, nothing but zeros is left. Received: "
            f"embedding_dim={embedding_dim} teacher width={teacher_width}"
        )
    if kind == TEACHER and embedding_dim != teacher_width:
        raise ConfigError(
            f"--embedding_dim must be the teacher's width, {teacher_width}, with "
            f"--embeddings=teacher, which reduces nothing. Received: embedding_dim={embedding_dim}"
        )


def reduce_table(kind: str, table: np.ndarray, dimensions: int) -> np.ndarray:
    """A teacher's whole table as a start of the student's.

    Args:
        kind: of `--embeddings`, one that a table decides.
        table: `(V, D)`.
        dimensions: E.

    Returns:
        `(V, E)` float32.
    """
    if kind == TEACHER:
        return table
    if kind in PPA:
        return pca_ppa(table, dimensions, PPA[kind])
    return svd(table, dimensions)


def mapped_from(table: np.ndarray, length: float) -> np.ndarray:
    """What a map that all word embeddings share reads of each piece (`--embedding_map`).

    Args:
        table: `(V, D)`: the teacher's rows of the student's pieces.
        length: the root mean square of the rows' lengths.

    Returns:
        `(V, D)` float32: the rows, less their mean.
    """
    centred = table - table.mean(axis=0)
    found = np.linalg.norm(centred) / np.sqrt(len(centred))  # no copy: a table may be large
    centred *= np.float32(length / max(found, 1e-12))
    return centred


def svd(table: np.ndarray, dimensions: int) -> np.ndarray:
    """The best rank-E description of a table's rows: truncated SVD, U times S.

    Args:
        table: `(V, D)`.
        dimensions: E, at most D.

    Returns:
        `(V, E)` float32, with signs that do not depend on the machine.
    """
    table = table.astype(np.float64)
    return (table @ _components(table, dimensions)).astype(np.float32)


def pca_ppa(table: np.ndarray, dimensions: int, removed: int) -> np.ndarray:
    """Reduction by post-processing, PCA, and post-processing again (Raunak et al., 2019).

    Args:
        table: `(V, D)`.
        dimensions: E, at most D.
        removed: d, the number of top components that each post-processing removes; less than
            E and than D - d, or nothing is left.

    Returns:
        `(V, E)` float32.
    """
    cleaned = _without_top(table.astype(np.float64), removed)
    centred = cleaned - cleaned.mean(axis=0)
    return _without_top(centred @ _components(centred, dimensions), removed).astype(np.float32)


def _without_top(table: np.ndarray, removed: int) -> np.ndarray:
    """The table without its mean and its projections on its top principal components."""
    centred = table - table.mean(axis=0)
    top = _components(centred, removed)
    return centred - (centred @ top) @ top.T


def _components(centred: np.ndarray, number: int) -> np.ndarray:
    """`(D, number)`: the top right singular vectors, each with its largest entry positive."""
    # The D x D Gram matrix has the same ones, and D is hundreds where V is a hundred thousand.
    _, vectors = np.linalg.eigh(centred.T @ centred)
    right = vectors[:, ::-1][:, :number]
    return right * np.sign(right[np.abs(right).argmax(axis=0), np.arange(number)])

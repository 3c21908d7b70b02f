"""Which sentences of a data set a run uses, and how they are told apart."""

import hashlib

import numpy as np

from xtremedistil.config import DataConfig
from xtremedistil.data.sources import Scan

_BLOCK = 1 << 16


def sample(
    scan: Scan, per_language: int | np.ndarray, rng: np.random.Generator, among: np.ndarray
) -> np.ndarray:
    """A sample of each language, spread evenly over its classes.

    Args:
        scan: of the sentences.
        per_language: how many (0: all), or an array with how many of each of `scan.languages`.
        rng: chooses.
        among: indices to choose from.

    Returns:
        Sorted indices.
    """
    if isinstance(per_language, int):
        if not per_language:
            return among
        per_language = np.full(len(scan.languages), per_language)
    chosen = []
    for language, number in enumerate(per_language.tolist()):
        rows = among[scan.language_of[among] == language]
        groups = [rows[scan.label_of[rows] == label] for label in np.unique(scan.label_of[rows])]
        for i, group in enumerate(groups):
            share = number // len(groups) + (i < number % len(groups))
            chosen.append(rng.permutation(group)[:share])
    return np.sort(np.concatenate(chosen)) if chosen else among[:0]


def held_out_size(most: int, total: int) -> int:
    """Transfer sentences to validate on: a tenth of them all, at the most `most`."""
    return max(1, min(most, total // 10))


def marked(total: int, rows: np.ndarray) -> np.ndarray:
    """`(total,)` bool: true at some rows."""
    marks = np.zeros(total, bool)
    marks[rows] = True
    return marks


def is_among(values: np.ndarray, few: np.ndarray) -> np.ndarray:
    """`np.isin` of millions among a few, in the memory of a block: it sorts what it is given."""
    found = np.zeros(len(values), bool)
    for start in range(0, len(values), _BLOCK):
        found[start : start + _BLOCK] = np.isin(values[start : start + _BLOCK], few)
    return found


def rng_of(config: DataConfig, what: str) -> np.random.Generator:
    """A stream of its own for each sampling, so that changing one sample leaves the others as they
    are."""
    return np.random.default_rng([config.data_seed, *what.encode("ascii")])


def sentence_hash(words: list[str]) -> int:
    """64 bits that stand for a sentence, to tell whether two data sets share it."""
    digest = hashlib.blake2b("\n".join(words).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")

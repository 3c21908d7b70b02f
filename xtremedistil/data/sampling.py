"""Which sentences of a data set a run uses, and how they are told apart."""

import hashlib

import numpy as np

from xtremedistil.config import DataConfig
from xtremedistil.data.columns import blocks, gathered, shuffled
from xtremedistil.data.sources import Scan


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
        rows = _with(scan.language_of, language, among)
        labels = sorted({x for b in blocks(rows) for x in np.unique(scan.label_of[b]).tolist()})
        for i, label in enumerate(labels):
            share = number // len(labels) + (i < number % len(labels))
            chosen.append(shuffled(_with(scan.label_of, label, rows), rng)[:share])
    return np.sort(np.concatenate(chosen)) if chosen else among[:0]


def _with(values: np.ndarray, value: int, among: np.ndarray) -> np.ndarray:
    """The numbers of `among` at which there is a value."""
    return gathered(part[values[part] == value] for part in blocks(among))


def held_out_size(most: int, total: int) -> int:
    """Transfer sentences to validate on: a tenth of them all, at the most `most`."""
    return max(1, min(most, total // 10))


def marked(total: int, rows: np.ndarray) -> np.ndarray:
    """`(total,)` bool: true at some rows."""
    marks = np.zeros(total, bool)
    for part in blocks(rows):
        marks[part] = True
    return marks


def is_among(values: np.ndarray, few: np.ndarray) -> np.ndarray:
    """`np.isin` of millions among a few, in the memory of a block: it sorts what it is given."""
    found = np.zeros(len(values), bool)
    for part, own in zip(blocks(values), blocks(found), strict=True):
        own[:] = np.isin(part, few)
    return found


def rng_of(config: DataConfig, what: str) -> np.random.Generator:
    """A stream of its own for each sampling, so that changing one sample leaves the others as they
    are."""
    return np.random.default_rng([config.data_seed, *what.encode("ascii")])


def sentence_hash(words: list[str]) -> int:
    """64 bits that stand for a sentence, to tell whether two data sets share it."""
    digest = hashlib.blake2b("\n".join(words).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")

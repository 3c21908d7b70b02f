"""Numbers of millions of sentences: arrays like any other, kept in files without a name that are
mapped into memory, so that the system can move them out of it. Short ones stay in memory.

What is computed of them here goes block by block, in the memory of a block.
"""

import array
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

_BLOCK = 1 << 16
_CODES = {np.dtype(code): code for code in "bhilqBHILQ"}


class Column:
    """A column that grows."""

    def __init__(self, dtype: type):
        """An empty column of whole numbers of a type."""
        self._dtype = np.dtype(dtype)
        self._end = array.array(_CODES[self._dtype])  # what the file does not hold yet
        self._file = None

    def append(self, number: int) -> None:
        """Adds one number."""
        self._end.append(number)
        if len(self._end) >= _BLOCK:
            self._write()

    def extend(self, numbers: np.ndarray) -> None:
        """Adds `(n,)` numbers."""
        self._end.frombytes(numbers.astype(self._dtype).tobytes())
        if len(self._end) >= _BLOCK:
            self._write()

    def _write(self) -> None:
        self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 (the map needs it)
        self._end.tofile(self._file)
        del self._end[:]

    def read(self) -> np.ndarray:
        """All numbers; the column must not grow any more."""
        if self._file is None:
            return np.array(self._end, self._dtype)
        self._write()
        self._file.flush()
        return np.asarray(np.memmap(self._file, self._dtype, "r+"))


def blocks(numbers: np.ndarray) -> Iterator[np.ndarray]:
    """An array, block by block."""
    return (numbers[start : start + _BLOCK] for start in range(0, len(numbers), _BLOCK))


def gathered(parts: Iterable[np.ndarray], dtype: type = np.int64) -> np.ndarray:
    """Parts end to end."""
    column = Column(dtype)
    for part in parts:
        column.extend(part)
    return column.read()


def places(marks: np.ndarray) -> np.ndarray:
    """`np.flatnonzero`."""
    starts = range(0, len(marks), _BLOCK)
    return gathered(
        np.flatnonzero(part) + start for start, part in zip(starts, blocks(marks), strict=True)
    )


def shuffled(numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`rng.permutation` of an array."""
    copy = gathered(blocks(numbers), numbers.dtype)
    rng.shuffle(copy)
    return copy


def distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`np.unique` of 64-bit hashes, with the place of each one's first occurrence.

    Hashes are sorted in groups with the same leading bits, of about a block each.

    Args:
        values: `(n,)` uint64, evenly spread.
    """
    bits = min(max(len(values) // _BLOCK, 1).bit_length() - 1, 8)
    found, first = Column(np.uint64), Column(np.int64)
    leading = gathered(((part >> np.uint64(56)) for part in blocks(values)), np.uint8)
    for group in range(1 << bits):
        rows = places(leading >> (8 - bits) == group)
        own, at = np.unique(values[rows], return_index=True)
        found.extend(own)
        first.extend(rows[at])
    return found.read(), first.read()

"""Arrays of millions of numbers in files: the same as in memory."""

import numpy as np
import pytest

from xtremedistil.data import columns

SIZES = (0, 1, 99, 100, 101, 1234)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(columns, "_BLOCK", 100)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint8, np.uint64])
def test_a_column_holds_what_it_was_given(size, dtype):
    most = min(np.iinfo(dtype).max, np.iinfo(np.int64).max)
    numbers = np.random.default_rng(size).integers(0, most, size, endpoint=True).astype(dtype)
    one_by_one, at_once, mixed = (columns.Column(dtype) for _ in range(3))
    for number in numbers.tolist():
        one_by_one.append(number)
    at_once.extend(numbers)
    mixed.extend(numbers[:150])
    for number in numbers[150:160].tolist():
        mixed.append(number)
    mixed.extend(numbers[160:])
    for column in (one_by_one, at_once, mixed):
        found = column.read()
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, numbers)


def test_a_long_column_is_not_in_memory():
    column = columns.gathered([np.arange(1000)])
    assert isinstance(column.base, np.memmap)
    assert not isinstance(columns.gathered([np.arange(99)]).base, np.memmap)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_computed_block_by_block_is_what_numpy_computes(size):
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 1 << 60, size)
    np.testing.assert_array_equal(np.concatenate([[], *columns.blocks(numbers)]), numbers)
    marks = rng.random(size) < 0.3
    np.testing.assert_array_equal(columns.places(marks), np.flatnonzero(marks))
    expected = np.random.default_rng(2).permutation(numbers)
    np.testing.assert_array_equal(columns.shuffled(numbers, np.random.default_rng(2)), expected)
    hashes = rng.permutation(np.repeat(rng.integers(0, 1 << 64, size, np.uint64), 3))
    for found, wanted in zip(
        columns.distinct(hashes), np.unique(hashes, return_index=True), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_a_shuffle_leaves_what_it_was_given_as_it_was():
    numbers = np.arange(300)
    columns.shuffled(numbers, np.random.default_rng(0))
    np.testing.assert_array_equal(numbers, np.arange(300))

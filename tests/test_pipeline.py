"""Ragged sentences, and batches that are bucketed, seeded and resumable."""

import threading

import numpy as np
import pytest

from xtremedistil.data.batches import (
    InMemory,
    InShards,
    epoch_batches,
    ordered_batches,
    prefetch,
    steps_per_epoch,
)
from xtremedistil.data.ragged import Chained, Ragged
from xtremedistil.runtime.errors import ArtifactError


def ragged(lengths, seed=0):
    rng = np.random.default_rng(seed)
    ids = [rng.integers(1, 1000, n).astype(np.int32) for n in lengths]
    states = [rng.normal(size=(n, 3)).astype(np.float16) for n in lengths]
    return Ragged.from_lists({"ids": ids, "states": states}, {"row": np.arange(len(lengths))})


def natural(number, seed=0):
    """Lengths spread about as WikiAnn's are: many short, some long."""
    return np.clip(np.random.default_rng(seed).lognormal(2.6, 0.5, number), 3, 32).astype(int)


def test_take_truncate_and_pad():
    rows = Ragged.from_lists(
        {"ids": [np.array([1, 2, 9]), np.array([1, 3, 4, 5, 9]), np.array([1, 9])]},
        {"n": [7, 8, 9]},
    )
    taken = rows.take(np.array([2, 1]))
    assert taken.offsets.tolist() == [0, 2, 7]
    assert taken.pieces["ids"].tolist() == [1, 9, 1, 3, 4, 5, 9]
    assert taken.sentences["n"].tolist() == [9, 8]
    short = rows.truncate(4)
    assert short.pieces["ids"].tolist() == [1, 2, 9, 1, 3, 4, 9, 1, 9]  # the last piece stays
    batch = rows.pad(np.array([0, 2]), length=4)
    assert batch["ids"].tolist() == [[1, 2, 9, 0], [1, 9, 0, 0]]
    assert batch["mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]
    assert batch["n"].tolist() == [7, 9]


def test_a_round_trip_through_bytes():
    whole = ragged([3, 1, 2])
    again = Ragged.from_bytes(whole.to_bytes(), "somewhere")
    assert again.offsets.tolist() == [0, 3, 4, 6]
    np.testing.assert_array_equal(again.pieces["states"], whole.pieces["states"])
    with pytest.raises(ArtifactError, match="somewhere: not a file of encoded sentences"):
        Ragged.from_bytes(whole.to_bytes()[:-3], "somewhere")


def test_chained_sentences_are_padded_as_if_they_were_one():
    whole = ragged(natural(50))
    parts = [whole.take(np.arange(*ends)) for ends in ((0, 7), (7, 8), (8, 50))]
    chained = Chained(parts)
    assert len(chained) == 50
    np.testing.assert_array_equal(chained.lengths, whole.lengths)
    rows = np.random.default_rng(0).permutation(50)[:20]
    batch, expected = chained.pad(rows, 33), whole.pad(rows, 33)
    assert batch.keys() == expected.keys()
    for name, values in expected.items():
        assert batch[name].dtype == values.dtype
        np.testing.assert_array_equal(batch[name], values)


@pytest.fixture(params=["memory", "shards"])
def source(request):
    rows = ragged(natural(20_000))
    if request.param == "memory":
        return InMemory(rows)
    starts = range(0, len(rows), 2048)
    shards = [rows.take(np.arange(start, min(start + 2048, len(rows)))) for start in starts]
    return InShards([len(shard) for shard in shards], lambda i: shards[i])


def test_an_epoch_shows_every_sentence_once(source):
    batches = list(epoch_batches(source, 512, [1, 2]))
    rows = np.concatenate([batch["row"] for batch in batches])
    assert sorted(rows) == list(range(20_000))
    assert len(batches) == steps_per_epoch(source, 512, [1, 2])


def test_little_of_what_is_computed_is_padding(source):
    batches = list(epoch_batches(source, 512, [0]))
    real = sum(batch["mask"].sum() for batch in batches)
    computed = sum(batch["mask"].size for batch in batches)
    assert 1 - real / computed < 0.12


@pytest.mark.parametrize("number", [516, 1030, 8193, 20_000])
def test_no_batch_is_a_left_over(number):
    """516 sentences are two batches of 258 and not 512 and the four longest, and so on."""
    rows = ragged(natural(number))
    shards = [rows.take(np.arange(i, min(i + 2048, number))) for i in range(0, number, 2048)]
    for source in (InMemory(rows), InShards([len(shard) for shard in shards], shards.__getitem__)):
        sizes = [len(batch["ids"]) for batch in epoch_batches(source, 512, [0])]
        assert sum(sizes) == number
        assert 256 < min(sizes) <= max(sizes) <= 512
        if number < 8192:  # one window
            assert max(sizes) - min(sizes) <= 1


def test_batches_of_one_window_hold_other_sentences_in_every_epoch():
    source = InMemory(ragged(natural(1000)))
    epochs = [
        [set(batch["row"].tolist()) for batch in epoch_batches(source, 100, [0, epoch])]
        for epoch in range(2)
    ]
    together = [max(len(one & other) for other in epochs[1]) for one in epochs[0]]
    assert np.mean(together) < 75


def test_order_depends_on_the_seed_alone(source):
    def first_rows(seed):
        return [batch["row"].tolist() for batch in epoch_batches(source, 512, seed)]

    assert first_rows([5, 0]) == first_rows([5, 0])
    assert first_rows([5, 0]) != first_rows([5, 1])
    lengths = [batch["ids"].shape[1] for batch in epoch_batches(source, 512, [5, 0])]
    assert lengths != sorted(lengths)  # not short sentences first


@pytest.mark.parametrize("start", [1, 15, 16, 17, 38])
def test_an_epoch_goes_on_from_any_batch(source, start):
    whole = list(epoch_batches(source, 512, [3]))
    rest = list(epoch_batches(source, 512, [3], start=start))
    assert len(rest) == len(whole) - start
    for a, b in zip(whole[start:], rest, strict=True):
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[name], b[name]) for name in a)


def test_what_is_passed_over_is_not_read():
    loaded = []

    def load(i):
        loaded.append(i)
        return ragged([4] * 2048, seed=i)

    source = InShards([2048] * 40, load)
    assert len(list(epoch_batches(source, 512, [0], start=130))) == 30
    assert len(loaded) == 8  # the last two windows, of four shards each


def test_one_window_is_read_ahead_and_no_more():
    loaded, read = [], [threading.Event() for _ in range(5)]

    def load(i):
        loaded.append(i)
        read[len(loaded) - 1].set()
        return ragged([4] * 8192, seed=i)

    batches = epoch_batches(InShards([8192] * 5, load), 512, [0])
    for number in range(4):
        for _ in range(16):
            next(batches)
        assert read[number + 1].wait(60)  # by itself, while its predecessor is used
        assert len(loaded) == number + 2
    assert len(list(batches)) == 16


def test_an_error_of_a_window_read_ahead_comes_when_it_is_due():
    def load(i):
        if i == bad:
            raise ArtifactError(f"shard {i} is damaged")
        return ragged([4] * 8192, seed=i)

    bad = int(np.random.default_rng([0]).permutation(3)[1])
    batches = epoch_batches(InShards([8192] * 3, load), 512, [0])
    assert len([next(batches) for _ in range(16)]) == 16
    with pytest.raises(ArtifactError, match="is damaged"):
        next(batches)


def test_lengths_may_be_rounded_up(source):
    lengths = {batch["ids"].shape[1] for batch in epoch_batches(source, 512, [0], length_step=8)}
    assert lengths <= {8, 16, 24, 32}


def test_ordered_batches_hold_every_row_within_the_budget():
    rows = ragged([*natural(500), 900])
    seen, sizes = [], []
    for chosen, batch in ordered_batches(rows, 640):
        seen.extend(chosen)
        sizes.append(batch["ids"].size)
        np.testing.assert_array_equal(batch["row"], chosen)
    assert sorted(seen) == list(range(501))
    assert sorted(sizes)[-2] <= 640 < sorted(sizes)[-1] == 900


def test_ordered_batches_have_few_shapes():
    """TensorFlow keeps memory for each, and a teacher's pass sees thousands of shards."""
    lengths, shapes = natural(64 * 300), []
    for start in range(0, len(lengths), 300):
        batches = list(ordered_batches(ragged(lengths[start : start + 300]), 640, multiple=8))
        shapes += [batch["ids"].shape for _, batch in batches[:-1]]
    assert all(number <= 8 or number % 8 == 0 for number, _ in shapes)
    lengths_seen = {length for _, length in shapes}
    assert len(set(shapes)) <= 2 * len(lengths_seen)


def test_prefetch_keeps_order_and_hands_over_errors():
    def broken():
        yield {"n": 1}
        yield {"n": 2}
        raise ArtifactError("shard 7 is damaged")

    batches = prefetch(broken(), ahead=1)
    assert [next(batches)["n"], next(batches)["n"]] == [1, 2]
    with pytest.raises(ArtifactError, match="shard 7"):
        next(batches)

"""Encoded sentences to batches: seeded, bucketed by length, and resumable at any batch.

An epoch goes through windows of a few thousand sentences. Inside a window, sentences are sorted by
about their length and cut into batches, and the batches are shuffled: a batch then holds sentences
of about one length, and little of it is padding. In a data set of one window lengths are taken with
some noise, or it would be cut into the same batches in every epoch; and batches are of one size,
since one of a few left-over sentences, the longest, would weigh as much as any other.
While a window is used, threads read the next one: memory holds two, however many there are. The
order is a function of (seed, epoch), so an interrupted epoch goes on from the batch where it
stopped without reading what came before.
"""

from __future__ import annotations  # numpy.random takes long to import, and only training draws

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xtremedistil.data.ragged import Chained, Ragged

Batch = dict[str, np.ndarray]
Read = Callable[[], Ragged | Chained]
_WINDOW_SENTENCES = 8192
_READERS = 4  # threads for the shards of a window: checksums, and waiting for the disk
_WINDOW_BATCHES = 16
# For `ordered_batches` of ever new sentences: TensorFlow keeps nearly a megabyte for every shape of
# batch that it has seen, of which there would be nearly two hundred.
FEW_SHAPES = 8
# Of WikiAnn, 6% of batches of 128 is padding with it, 9% at 512; without, 1% and 5%.
_LENGTH_NOISE = 0.2
_TIES = 1e-6  # several windows hold other sentences in every epoch: equal lengths alone are mixed


class Source(Protocol):
    """Sentences that can be read in windows."""

    def windows(self, rng: np.random.Generator, sentences: int) -> list[tuple[int, Read]]:
        """Shuffled windows of about one size, of so many sentences at the most if that can be: the
        number of each, and a function that reads it."""


@dataclass(frozen=True)
class InMemory:
    """A source that is one `Ragged`."""

    rows: Ragged

    def windows(self, rng: np.random.Generator, sentences: int) -> list[tuple[int, Read]]:
        order = rng.permutation(len(self.rows))
        pieces = np.array_split(order, -(-len(order) // sentences)) if len(order) else []
        return [(len(piece), lambda piece=piece: self.rows.take(piece)) for piece in pieces]


@dataclass(frozen=True)
class InShards:
    """A source of shards on disk, each a random sample of the whole.

    Attributes:
        sizes: sentences of each shard.
        load: reads shard number `i`.
    """

    sizes: Sequence[int]
    load: Callable[[int], Ragged]

    def windows(self, rng: np.random.Generator, sentences: int) -> list[tuple[int, Read]]:
        order, sizes = rng.permutation(len(self.sizes)), np.asarray(self.sizes)
        number = min(len(order), -(-int(sizes.sum()) // sentences))
        groups = np.array_split(order, number) if number else []
        return [
            (int(sizes[group].sum()), lambda group=group: self._read(group)) for group in groups
        ]

    def _read(self, shards: np.ndarray) -> Chained:
        with ThreadPoolExecutor(_READERS, "shard") as readers:
            return Chained(list(readers.map(self.load, shards.tolist())))


def _windows(source: Source, batch_size: int, seed: Sequence[int]) -> list[tuple[int, Read]]:
    size = max(_WINDOW_SENTENCES, _WINDOW_BATCHES * batch_size)
    return source.windows(np.random.default_rng(seed), size)


def steps_per_epoch(source: Source, batch_size: int, seed: Sequence[int]) -> int:
    """Batches that `epoch_batches` yields for this seed; reads nothing."""
    return sum(-(-count // batch_size) for count, _ in _windows(source, batch_size, seed))


def epoch_batches(
    source: Source, batch_size: int, seed: Sequence[int], start: int = 0, length_step: int = 1
) -> Iterator[Batch]:
    """The batches of one epoch, in their shuffled order.

    Args:
        source: the sentences.
        batch_size: sentences in a batch at the most; batches of a window differ by one at the most.
        seed: what the order depends on: seed, step, epoch.
        start: the batch to begin with.
        length_step: pad lengths to a multiple of this, for compilers that want few shapes.

    Yields:
        What `Ragged.pad` returns.
    """
    passed, wanted, of_epoch = 0, [], _windows(source, batch_size, seed)
    noise = _LENGTH_NOISE if len(of_epoch) == 1 else _TIES
    for number, (count, read) in enumerate(of_epoch):
        batches = -(-count // batch_size)
        if passed + batches > start:
            wanted.append((number, count, max(0, start - passed), read))
        passed += batches
    windows = _read_ahead([read for *_, read in wanted])
    for (number, count, skipped, _), rows in zip(wanted, windows, strict=True):
        rng, lengths = np.random.default_rng([*seed, number]), rows.lengths
        about = lengths * rng.uniform(1, 1 + noise, count)
        batches = np.array_split(np.argsort(about, kind="stable"), -(-count // batch_size))
        for batch in rng.permutation(len(batches))[skipped:]:
            chosen = batches[batch]
            yield rows.pad(chosen, _rounded(lengths[chosen].max(), length_step))


def _read_ahead(reads: Sequence[Read]) -> Iterator[Ragged | Chained]:
    """What each function reads, in order; while one result is used, a thread reads the next."""
    if not reads:
        return
    with ThreadPoolExecutor(1, "window") as reader:
        coming = reader.submit(reads[0])
        for read in reads[1:]:
            window, coming = coming.result(), reader.submit(read)
            yield window
        yield coming.result()


def ordered_batches(
    rows: Ragged, batch_pieces: int, length_step: int = 1, multiple: int = 1
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Batches for a forward pass, shortest sentences first.

    Args:
        rows: the sentences.
        batch_pieces: pieces of a batch, padding included; a longer sentence is a batch of its own.
        length_step: as in `epoch_batches`.
        multiple: a batch of more sentences than this holds a multiple of it, but for the last one.

    Yields:
        Row numbers, `(batch,)`, and what `Ragged.pad` returns for them.
    """
    order = np.argsort(rows.lengths, kind="stable")
    start = 0
    while start < len(order):
        lengths = np.maximum(1, -(-rows.lengths[order[start:]] // length_step) * length_step)
        fits = lengths * np.arange(1, len(lengths) + 1) <= batch_pieces
        size = len(fits) if fits.all() else max(1, int(np.argmin(fits)))
        if multiple < size < len(fits):
            size -= size % multiple
        chosen = order[start : start + size]
        yield chosen, rows.pad(chosen, int(lengths[size - 1]))
        start += size


def _rounded(length: int, step: int) -> int:
    return max(1, -(-int(length) // step) * step)


def prefetch(batches: Iterable[Batch], ahead: int = 4) -> Iterator[Batch]:
    """The same batches, made by a thread while the last ones are used; its errors are raised
    here."""
    waiting: queue.Queue = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def fill() -> None:
        try:
            for batch in batches:
                if not put((batch, None)):
                    return
            put((None, None))
        except BaseException as error:  # handed over, not swallowed
            put((None, error))

    threading.Thread(target=fill, daemon=True).start()
    try:
        while True:
            batch, error = waiting.get()
            if error is not None:
                raise error
            if batch is None:
                return
            yield batch
    finally:
        stopped.set()

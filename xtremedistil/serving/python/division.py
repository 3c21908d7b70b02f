"""A batch of texts among threads, each of which computes on one core."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Fewer texts are not worth handing to another thread.
_LEAST_TEXTS = 2

# ids (batch, length), lengths (batch,), places (asked,) or None -> logits of the texts or places
Compute = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def default_threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Division:
    """Calls a function on parts of a batch, on several threads at once."""

    def __init__(self, compute: Compute, threads: int, pieces: int):
        """Args:
        compute: logits of texts or of places in them; it may be called from several threads.
        threads: that one call may use.
        pieces: of a part, padding included, at most: what one core reads at once.
        """
        self._compute, self._threads, self._pieces = compute, threads, pieces
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def __call__(
        self, ids: np.ndarray, lengths: np.ndarray, places: np.ndarray | None
    ) -> np.ndarray:
        """The logits of a batch.

        Args:
            ids: `(batch, length)` int32.
            lengths: `(batch,)` int32.
            places: `(asked,)` positions in the flat ids, in ascending order; or None.

        Returns:
            The parts' logits, joined.
        """
        batch = len(ids)
        parts = max(min(self._threads, batch // _LEAST_TEXTS), -(-ids.size // self._pieces))
        if parts <= 1 or batch < 2:
            return self._compute(ids, lengths, places)
        edges = np.linspace(0, batch, min(parts, batch) + 1).round().astype(int)
        if places is not None:
            asked = np.searchsorted(places, edges * ids.shape[1])

        found: list[np.ndarray | None] = [None] * (len(edges) - 1)
        waiting = iter(range(len(found)))  # each thread takes the next one when it is done

        def work(numbers: Iterator[int]) -> None:
            for number in numbers:
                a, b = edges[number], edges[number + 1]
                some = None
                if places is not None:
                    some = places[asked[number] : asked[number + 1]] - a * ids.shape[1]
                found[number] = self._compute(ids[a:b], lengths[a:b], some)

        others = [self._executor().submit(work, waiting) for _ in range(self._threads - 1)]
        work(waiting)
        for other in others:
            other.result()
        return np.concatenate(found)

    def _executor(self) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():  # threads do not survive a fork
            self._pool = ThreadPoolExecutor(max(1, self._threads - 1), "student")
            self._process = os.getpid()
        return self._pool

"""A predictor in several processes: what Python computes around the network takes one core of one
process, whatever the number of threads.

Processes start from a server that has imported what they need, and not as copies of this one, whose
threads and libraries would not survive it.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext

from xtremedistil.serving.python.predictor import Predictor

OpenPredictor = Callable[[], Predictor]
Work = Callable[[Predictor, list[str]], str]


class _Own:
    """What each process has."""

    predictor: Predictor


def pool_of(open_predictor: OpenPredictor, workers: int) -> ProcessPoolExecutor:
    """Processes that end with this one, each with a predictor of its own.

    Args:
        open_predictor: opens it there; picklable.
        workers: how many.
    """
    context = _context(("xtremedistil.serving.load",))
    return ProcessPoolExecutor(workers, context, _start, (open_predictor,))


def _context(preload: Sequence[str]) -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def _start(open_predictor: OpenPredictor) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for them
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Own.predictor = open_predictor()


def _end_with_parent() -> None:
    """A pool whose owner was killed would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def answer(work: Work, chunk: list[str]) -> str:
    """Does a piece of work with the predictor of the process that it is done in."""
    return work(_Own.predictor, chunk)

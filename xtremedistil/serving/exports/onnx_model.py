"""Runs a student's ONNX graph. Needs onnxruntime and neither TensorFlow nor Keras.

A call that has the whole machine divides its batch among threads, each of which runs the graph on
one core: one session, so one copy of the weights. ONNX Runtime's own threads do no better on large
batches, and on one text worse: they wait for each other at every operator.
"""

import importlib.util
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np

from xtremedistil.runtime.errors import ArtifactError, ConfigError

LIBRARIES = ("onnx", "onnxruntime")
# Pieces, padding included, that one core reads at once: what it computes stays in its cache.
_CALL_PIECES = 512
# Fewer texts are not worth handing to another thread.
_LEAST_TEXTS = 2


def onnxruntime() -> ModuleType:
    """The library, if it is installed.

    Raises:
        ConfigError: it is not.
    """
    try:
        import onnxruntime as library  # an extra: only ONNX needs it
    except ImportError as error:
        raise ConfigError(
            "ONNX models need onnxruntime: pip install 'xtremedistil[onnx]'. Received: "
            f"{type(error).__name__}: {error}"
        ) from error
    return library


def can_build() -> bool:
    """Whether what writes and runs graphs is installed."""
    return all(importlib.util.find_spec(name) for name in LIBRARIES)


class OnnxModel:
    """A student as a function from ids to logits.

    Attributes:
        batch_pieces: pieces of a batch, padding included, that it reads fastest.
    """

    def __init__(self, content: bytes, path: str, threads: int = 0):
        """Args:
            content: the ONNX file.
            path: names it in errors.
            threads: that one call may use; 0 for every core.

        Raises:
            ArtifactError: not a whole ONNX model, or one that this onnxruntime cannot run.
            ConfigError: onnxruntime is not installed.
        """
        self._threads = threads or default_threads()
        self.batch_pieces = _CALL_PIECES * self._threads
        self._per_piece = False
        self._session = _session(content, path)
        if len(self._session.get_outputs()[0].shape) == 3 and can_build():
            from xtremedistil.serving.exports.onnx_graph import at_places  # an extra

            self._session = _session(at_places(content), path)
            self._per_piece = True
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def __call__(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Logits.

        Args:
            ids: `(batch, length)` int32 rows of the student's table, 0 where padded.
            lengths: `(batch,)` int32.

        Returns:
            `(batch, length, classes)`, or `(batch, classes)`.
        """
        if not self._per_piece:
            return self._divided(ids, lengths, None)
        logits = self._divided(ids, lengths, np.arange(ids.size, dtype=np.int32))
        return logits.reshape(*ids.shape, -1)

    def at(self, ids: np.ndarray, lengths: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Logits of some pieces.

        Args:
            ids, lengths: as above.
            places: `(asked,)` positions in the flat ids, in ascending order.

        Returns:
            `(asked, classes)`.
        """
        if not self._per_piece:
            logits = self._divided(ids, lengths, None)
            return logits.reshape(-1, logits.shape[-1])[places]
        return self._divided(ids, lengths, places)

    def _divided(
        self, ids: np.ndarray, lengths: np.ndarray, places: np.ndarray | None
    ) -> np.ndarray:
        """Runs parts of a batch on several threads."""
        batch = len(ids)
        parts = max(min(self._threads, batch // _LEAST_TEXTS), -(-ids.size // _CALL_PIECES))
        if parts <= 1 or batch < 2:
            return self._run(ids, lengths, places)
        edges = np.linspace(0, batch, min(parts, batch) + 1).round().astype(int)
        if places is not None:
            asked = np.searchsorted(places, edges * ids.shape[1])

        def run(number: int) -> np.ndarray:
            a, b = edges[number], edges[number + 1]
            some = None
            if places is not None:
                some = places[asked[number] : asked[number + 1]] - a * ids.shape[1]
            return self._run(ids[a:b], lengths[a:b], some)

        found: list[Any] = [None] * (len(edges) - 1)
        waiting = iter(range(len(found)))  # each thread takes the next one when it is done

        def work(numbers: Iterator[int]) -> None:
            for number in numbers:
                found[number] = run(number)

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

    def _run(self, ids: np.ndarray, lengths: np.ndarray, places: np.ndarray | None) -> np.ndarray:
        if places is None:
            return self._session.run(None, {"ids": ids, "lengths": lengths})[0]
        asked = len(places)
        if asked < 2:  # one row alone would be multiplied in another way, and end in other bits
            places = np.resize(places, 2)
        places = places.astype(np.int32, copy=False)
        feeds = {"ids": ids, "lengths": lengths, "places": places}
        return self._session.run(None, feeds)[0][:asked]


def _session(content: bytes, path: str) -> Any:
    """A session that computes in the thread that calls it."""
    library = onnxruntime()
    options = library.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return library.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base but this
        reason = str(error).strip().splitlines()[:1]
        raise ArtifactError(
            f"{path}: onnxruntime cannot read it as a model. Received: {len(content):,} bytes "
            f"({''.join(reason)})"
        ) from error


def default_threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Runs a student's ONNX graph. Needs onnxruntime and neither TensorFlow nor Keras.

A call that has the whole machine divides its batch among threads, each of which runs the graph on
one core: one session, so one copy of the weights. ONNX Runtime's own threads do no better on large
batches, and on one text worse: they wait for each other at every operator.
"""

import importlib.util
from types import ModuleType
from typing import Any

import numpy as np

from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.serving.python.division import Division, default_threads

LIBRARIES = ("onnx", "onnxruntime")
# Pieces, padding included, that one core reads at once: what it computes stays in its cache.
_CALL_PIECES = 512


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
        threads = threads or default_threads()
        self.batch_pieces = _CALL_PIECES * threads
        self._divided = Division(self._run, threads, _CALL_PIECES)
        self._per_piece = False
        self._session = _session(content, path)
        if len(self._session.get_outputs()[0].shape) == 3 and can_build():
            from xtremedistil.serving.exports.onnx_graph import at_places  # an extra

            self._session = _session(at_places(content), path)
            self._per_piece = True

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

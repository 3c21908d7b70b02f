"""Runs a student's ONNX graph. Needs onnxruntime and neither TensorFlow nor Keras."""

import importlib.util
import os
from types import ModuleType

import numpy as np

from xtremedistil.errors import ArtifactError, ConfigError


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
    """Whether onnx and onnxruntime are installed."""
    return all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))


class OnnxModel:
    """A student as a function from ids to logits."""

    def __init__(self, content: bytes, path: str, threads: int = 0):
        """Args:
            content: the ONNX file.
            path: names it in errors.
            threads: that one call may use; 0 for every core.

        Raises:
            ArtifactError: not a whole ONNX model, or one that this onnxruntime cannot run.
            ConfigError: onnxruntime is not installed.
        """
        library = onnxruntime()
        options = library.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self.session = library.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no base but this
            reason = str(error).strip().splitlines()[:1]
            raise ArtifactError(
                f"{path}: onnxruntime cannot read it as a model. Received: {len(content):,} bytes "
                f"({''.join(reason)})"
            ) from error

    def __call__(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Logits.

        Args:
            ids: `(batch, length)` int32 rows of the student's table, 0 where padded.
            lengths: `(batch,)` int32.

        Returns:
            `(batch, length, classes)`, or `(batch, classes)`.
        """
        return self.session.run(None, {"ids": ids, "lengths": lengths})[0]


def default_threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""A student's exports that are measured."""

from xtremedistil.serving.exports.native import NATIVE
from xtremedistil.serving.exports.onnx_folder import ONNX
from xtremedistil.serving.exports.record import INT8, NONE, Export, Settings
from xtremedistil.serving.exports.saved_model import SAVED_MODEL
from xtremedistil.serving.native.model import kernels

_EXPORTED = (
    ("SavedModel", SAVED_MODEL, Settings()),
    ("SavedModel + XLA", SAVED_MODEL, Settings(jit_compile=True)),
    ("ONNX Runtime float32", ONNX, Settings(NONE)),
    ("ONNX Runtime int8", ONNX, Settings(INT8)),
    ("native int8", NATIVE, Settings(INT8)),
)


def exported() -> list[tuple[str, Export, Settings]]:
    """Those that can be measured here: title, format and settings."""
    return [row for row in _EXPORTED if row[1] is not NATIVE or kernels()]

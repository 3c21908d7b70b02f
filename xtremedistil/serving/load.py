"""A student's folder to a predictor, with the fastest backend that is installed."""

import os

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports import litert
from xtremedistil.serving.exports.onnx_folder import CARD, build_onnx, load_onnx
from xtremedistil.serving.exports.onnx_model import OnnxModel, can_build
from xtremedistil.serving.python.keras_network import keras_network
from xtremedistil.serving.python.predictor import Network, Predictor
from xtremedistil.students.folder import BUNDLE, StudentFolder

BACKENDS = ("auto", "onnx", "keras")
QUANTIZE = ("none", "int8")


def load(folder: str, backend: str = "auto", quantize: str = "none", threads: int = 0) -> Predictor:
    """Loads a student.

    Args:
        folder: a student's folder, an ONNX or LiteRT export, or the folder of a run that holds
            `student/`.
        backend: `auto` is ONNX Runtime where it is installed and the student is a BiLSTM, else
            Keras.
        quantize: `none` or `int8` (ONNX Runtime alone). An export is as it was exported.
        threads: that one call may use; 0 for every core.

    Raises:
        ArtifactError: a file is missing, altered, or of another format.
        ConfigError: no such backend, or one that cannot do what is asked.
    """
    for name, value, known in (("backend", backend, BACKENDS), ("quantize", quantize, QUANTIZE)):
        if value not in known:
            raise ConfigError(f"{name} is one of {', '.join(known)}. Received: {name}={value!r}")
    if files.exists(os.path.join(folder, CARD)):
        return load_onnx(folder, threads)
    if files.exists(os.path.join(folder, litert.CARD)):
        return litert.load_litert(folder, threads)
    if files.exists(os.path.join(folder, "saved_model.pb")):
        raise ConfigError(
            f"{folder} is a SavedModel: tf.saved_model.load reads it, with tensorflow_text "
            "imported. Give the student's folder instead. Received: a folder with saved_model.pb"
        )
    inner = os.path.join(folder, "student")
    if not files.exists(os.path.join(folder, BUNDLE)) and files.is_folder(inner):
        folder = inner
    student = StudentFolder.load(folder)
    bilstm = student.shape.kind.lstm is not None
    if backend == "auto":
        backend = "onnx" if bilstm and can_build() else "keras"
    if backend == "onnx":
        network: Network = OnnxModel(build_onnx(student, quantize), folder, threads)
    elif quantize != "none":
        raise ConfigError(
            "int8 needs ONNX Runtime and a BiLSTM student: pip install 'xtremedistil[onnx]'. "
            f"Received: backend={backend} quantize={quantize} encoder={student.shape.encoder}"
        )
    else:
        network = keras_network(folder)
    return Predictor(student.codec, network, student.shape.kind.window)

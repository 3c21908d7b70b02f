"""A student's folder to a predictor, with the fastest backend that is installed."""

import os

import numpy as np

from xtremedistil import artifacts
from xtremedistil.errors import ConfigError
from xtremedistil.models.folder import BUNDLE, StudentFolder
from xtremedistil.models.shape import BILSTM, StudentShape
from xtremedistil.serving import litert
from xtremedistil.serving.onnx_folder import CARD, build_onnx, load_onnx
from xtremedistil.serving.onnx_model import OnnxModel, can_build
from xtremedistil.serving.predictor import WINDOW_PIECES, Network, Predictor

BACKENDS = ("auto", "onnx", "keras")
QUANTIZE = ("none", "int8")
# A Transformer's cost grows with the square of the length.
_TRANSFORMER_WINDOW = 512


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
    if artifacts.exists(os.path.join(folder, CARD)):
        return load_onnx(folder, threads)
    if artifacts.exists(os.path.join(folder, litert.CARD)):
        return litert.load_litert(folder, threads)
    if artifacts.exists(os.path.join(folder, "saved_model.pb")):
        raise ConfigError(
            f"{folder} is a SavedModel: tf.saved_model.load reads it, with tensorflow_text "
            "imported. Give the student's folder instead. Received: a folder with saved_model.pb"
        )
    inner = os.path.join(folder, "student")
    if not artifacts.exists(os.path.join(folder, BUNDLE)) and artifacts.is_folder(inner):
        folder = inner
    student = StudentFolder.load(folder)
    bilstm = student.shape.encoder == BILSTM
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
    return Predictor(student.codec, network, window_of(student.shape))


def window_of(shape: StudentShape) -> int:
    """The wordpieces that a student reads at once."""
    return WINDOW_PIECES if shape.encoder == BILSTM else _TRANSFORMER_WINDOW


def keras_network(folder: str) -> Network:
    """The student of a folder, as Keras runs it."""
    import tensorflow as tf  # here, not above: ONNX Runtime does without

    from xtremedistil.models.bundle import Bundle

    model = Bundle.load(folder).model
    run = tf.function(
        lambda ids: model(ids, training=False),
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )

    def network(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return run(ids).numpy()

    return network

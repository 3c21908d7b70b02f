"""A student's network as Keras runs it, and how much text it reads at once."""

import numpy as np

from xtremedistil.serving.python.predictor import WINDOW_PIECES, Network
from xtremedistil.students.shape import BILSTM, StudentShape

# A Transformer's cost grows with the square of the length.
_TRANSFORMER_WINDOW = 512


def window_of(shape: StudentShape) -> int:
    """The wordpieces that a student reads at once."""
    return WINDOW_PIECES if shape.encoder == BILSTM else _TRANSFORMER_WINDOW


def keras_network(folder: str) -> Network:
    """The student of a folder, as Keras runs it."""
    import tensorflow as tf  # here, not above: ONNX Runtime does without

    from xtremedistil.students.bundle import Bundle

    model = Bundle.load(folder).model
    run = tf.function(
        lambda ids: model(ids, training=False),
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )

    def network(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return run(ids).numpy()

    return network

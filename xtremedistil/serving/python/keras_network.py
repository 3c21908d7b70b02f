"""A student's network as Keras runs it."""

import numpy as np

from xtremedistil.serving.python.predictor import Network


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

"""A student's network as Keras runs it."""

import numpy as np


class KerasNetwork:
    """The student of a folder, as Keras runs it."""

    def __init__(self, folder: str):
        import tensorflow as tf  # here, not above: ONNX Runtime does without

        from xtremedistil.students.bundle import Bundle

        model = Bundle.load(folder).model
        self._run = tf.function(
            lambda ids: model(ids, training=False),
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
        )

    def __call__(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Logits of `(batch, length)` int32 rows, 0 where padded, whatever the lengths."""
        return self._run(ids).numpy()

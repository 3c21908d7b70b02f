"""The layers that a BERT teacher and a Transformer student have in common."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("xtremedistil")
class SelfAttention(layers.Layer):
    """Scaled dot-product attention of queries, keys and values that are projected already.

    Keras's MultiHeadAttention does the same in einsums, at 1.25 times the time of a training step
    on a CPU.
    """

    def __init__(self, heads: int, dropout: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads, self.dropout = heads, layers.Dropout(dropout)

    def call(self, query: Any, key: Any, value: Any, real: Any, training: bool = False) -> Any:
        batch, length, width = ops.shape(query)[0], ops.shape(query)[1], query.shape[-1]
        size = width // self.heads

        def split(x: Any) -> Any:
            return ops.transpose(ops.reshape(x, (batch, length, self.heads, size)), (0, 2, 1, 3))

        scores = ops.matmul(split(query) * size**-0.5, ops.transpose(split(key), (0, 1, 3, 2)))
        masked = ops.where(
            real[:, None, None, :], ops.cast(0, scores.dtype), ops.cast(-3e4, scores.dtype)
        )
        weights = self.dropout(ops.softmax(scores + masked), training=training)
        return ops.reshape(
            ops.transpose(ops.matmul(weights, split(value)), (0, 2, 1, 3)), (batch, length, width)
        )

    def compute_output_spec(
        self, query: Any, key: Any, value: Any, real: Any, training: bool = False
    ) -> Any:
        return keras.KerasTensor(query.shape, query.dtype)

    def get_config(self) -> dict:
        return super().get_config() | {"heads": self.heads, "dropout": self.dropout.rate}


@keras.saving.register_keras_serializable("xtremedistil")
class IsReal(layers.Layer):
    """True where a piece is not padding, which is piece 0: `(batch, length)` ids to booleans."""

    def call(self, ids: Any) -> Any:
        return ops.not_equal(ids, 0)

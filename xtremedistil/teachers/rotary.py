"""The layers of ModernBERT: attention with rotated queries and keys, gate, and mean."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from xtremedistil.layers.attention import SelfAttention
from xtremedistil.teachers.family import ACTIVATIONS


@keras.saving.register_keras_serializable("xtremedistil")
class RotaryAttention(SelfAttention):
    """Attention whose queries and keys are rotated by their positions.

    Pair i of a head's `size` numbers, its i-th and its (size / 2 + i)-th, is rotated by `position *
    theta ** (-2 i / size)`, so that scores depend on distances (RoFormer, equations 15 and 34).
    """

    def __init__(
        self, heads: int, dropout: float, theta: float, window: int | None = None, **kwargs: Any
    ):
        """A layer.

        Args:
            heads: that the width is split into.
            dropout: rate, of the weights.
            theta: base of the rotations.
            window: pieces that each sees to either side; None for all.
            kwargs: those of every Keras layer.
        """
        super().__init__(heads, dropout, **kwargs)
        self.theta, self.window = theta, window

    def call(self, projected: Any, real: Any, training: bool = False) -> Any:
        """From queries, keys, values, `(batch, length, 3 width)`, to `(batch, length, width)`."""
        query, key, value = ops.split(projected, 3, axis=-1)
        length, size = ops.shape(query)[1], query.shape[-1] // self.heads
        positions = ops.arange(length)
        frequencies = 1 / np.float32(self.theta) ** (np.arange(0, size, 2, np.float32) / size)
        angles = ops.cast(positions, "float32")[:, None] * frequencies
        cosine, sine = ops.cos(angles), ops.sin(angles)

        def rotate(x: Any) -> Any:
            # in float32: half precision has too few digits for far positions
            first, second = ops.split(ops.cast(self.split_heads(x), "float32"), 2, axis=-1)
            halves = [first * cosine - second * sine, second * cosine + first * sine]
            return ops.cast(ops.concatenate(halves, axis=-1), x.dtype)

        scores = ops.matmul(rotate(query) * size**-0.5, ops.transpose(rotate(key), (0, 1, 3, 2)))
        visible = real[:, None, None, :]
        if self.window is not None:
            near = ops.abs(positions[:, None] - positions) <= self.window
            visible = ops.logical_and(visible, near)
        return self.mix(scores, value, visible, training)

    def compute_output_spec(self, projected: Any, real: Any, training: bool = False) -> Any:
        return keras.KerasTensor((*projected.shape[:-1], projected.shape[-1] // 3), projected.dtype)

    def get_config(self) -> dict:
        return super().get_config() | {"theta": self.theta, "window": self.window}


@keras.saving.register_keras_serializable("xtremedistil")
class Gate(layers.Layer):
    """The activated first half of the last axis times its second half (Shazeer, 2020)."""

    def __init__(self, activation: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activation

    def call(self, x: Any) -> Any:
        first, second = ops.split(x, 2, axis=-1)
        return ACTIVATIONS[self.activation](first) * second

    def get_config(self) -> dict:
        return super().get_config() | {"activation": self.activation}


@keras.saving.register_keras_serializable("xtremedistil")
class MeanOfReal(layers.Layer):
    """The mean over real pieces: `(batch, length, width)` to `(batch, width)`."""

    def call(self, x: Any, real: Any) -> Any:
        weights = ops.cast(real, x.dtype)[:, :, None]
        return ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)

"""The layers of DeBERTa: attention to contents and distances, and the tables that it adds to."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from xtremedistil.layers.attention import SelfAttention
from xtremedistil.teachers.family import initializer


def distance_rows(max_distance: int, buckets: int) -> np.ndarray:
    """The row of the table of distances that each distance reads.

    Up to half of `buckets` each distance has a row; farther ones share rows, on a logarithmic scale
    that ends at `max_distance`. In float32, as in the reference, since rounding decides the row.

    Args:
        max_distance: the farthest that is told from farther ones.
        buckets: in each direction, or 0 for a row for each distance.

    Returns:
        `(2 max_distance + 1,)` int32: of the distances from `-max_distance` to `max_distance`.
    """
    distances = np.arange(-max_distance, max_distance + 1)
    span = buckets or max_distance
    if buckets:
        half = buckets // 2
        far = np.maximum(np.abs(distances), half).astype(np.float32) / np.float32(half)
        whole = np.log(np.float32((max_distance - 1) / half))
        steps = np.ceil(np.log(far) / whole * np.float32(half - 1)).astype(int) + half
        near = np.abs(distances) <= half
        distances = np.where(near, distances, np.sign(distances) * steps)
    return np.clip(distances + span, 0, 2 * span - 1).astype(np.int32)


@keras.saving.register_keras_serializable("xtremedistil")
class DisentangledAttention(SelfAttention):
    """Attention to contents and to distances (He et al., 2021, equations 2 to 4)."""

    def __init__(self, heads: int, dropout: float, max_distance: int, buckets: int, **kwargs: Any):
        """A layer.

        Args:
            heads: that the width is split into.
            dropout: rate, of the weights.
            max_distance: the farthest that is told from farther ones.
            buckets: of distances, or 0; `distance_rows` says more.
            kwargs: those of every Keras layer.
        """
        super().__init__(heads, dropout, **kwargs)
        self.max_distance, self.buckets = max_distance, buckets

    def call(
        self,
        query: Any,
        key: Any,
        value: Any,
        real: Any,
        position_key: Any = None,
        position_query: Any = None,
        training: bool = False,
    ) -> Any:
        """From projections, `(batch, length, width)`, and those of the table of distances, `(1,
        rows, width)` or None, to `(batch, length, width)`."""
        length = ops.shape(query)[1]
        # every distance in a text of this length: place of a piece minus place of the seen one
        distances = ops.clip(
            ops.arange(2 * length - 1) - (length - 1), -self.max_distance, self.max_distance
        )
        table = ops.convert_to_tensor(distance_rows(self.max_distance, self.buckets))
        rows = ops.take(table, distances + self.max_distance, axis=0)

        def of_distances(projected: Any, rows: Any) -> Any:
            return ops.transpose(self.split_heads(ops.take(projected, rows, axis=1)), (0, 1, 3, 2))

        terms = 1 + (position_key is not None) + (position_query is not None)
        scale = (query.shape[-1] // self.heads * terms) ** -0.5
        query, key = self.split_heads(query * scale), self.split_heads(key)
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        if position_key is not None:
            scores += _skew(ops.matmul(query, of_distances(position_key, ops.flip(rows, 0))))
        if position_query is not None:
            seen = _skew(ops.matmul(key * scale, of_distances(position_query, rows)))
            scores += ops.transpose(seen, (0, 1, 3, 2))
        return self.mix(scores, value, real[:, None, None, :], training)

    def compute_output_spec(self, query: Any, *others: Any, **options: Any) -> Any:
        return keras.KerasTensor(query.shape, query.dtype)

    def get_config(self) -> dict:
        return super().get_config() | {"max_distance": self.max_distance, "buckets": self.buckets}


def _skew(x: Any) -> Any:
    """Moves row i by i places to the right, so that columns of offsets become columns of pieces.

    Args:
        x: `(batch, heads, length, 2 length - 1)`; column `length - 1 + d` is of the piece that is d
            after the row's.

    Returns:
        `(batch, heads, length, length)`, by padding and reading the numbers in rows of another
        length (Dai et al., 2019, appendix B).
    """
    batch, heads, length = ops.shape(x)[0], x.shape[1], ops.shape(x)[2]
    x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (1, 0)))
    x = ops.reshape(x, (batch, heads, 2 * length, length))[:, :, 1:]
    return ops.reshape(x, (batch, heads, length, 2 * length - 1))[..., :length]


@keras.saving.register_keras_serializable("xtremedistil")
class DistanceTable(layers.Layer):
    """The table of embeddings of distances, `(1, rows, width)`, whatever it is called with."""

    def __init__(self, rows: int, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.rows, self.width = rows, width

    def build(self, input_shape: tuple) -> None:
        self.table = self.add_weight((self.rows, self.width), initializer(), name="table")

    def call(self, x: Any) -> Any:
        return ops.expand_dims(self.table, 0)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor((1, self.rows, self.width), self.compute_dtype)

    def get_config(self) -> dict:
        return super().get_config() | {"rows": self.rows, "width": self.width}


@keras.saving.register_keras_serializable("xtremedistil")
class AddRows(layers.Layer):
    """Adds a table's rows to those of a text: row i to piece i, or row 0 to all."""

    def __init__(self, rows: int, by_position: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.rows, self.by_position = rows, by_position

    def build(self, input_shape: tuple) -> None:
        self.table = self.add_weight((self.rows, input_shape[-1]), initializer(), name="table")

    def call(self, x: Any) -> Any:
        return x + (self.table[: ops.shape(x)[1]] if self.by_position else self.table[0])

    def get_config(self) -> dict:
        return super().get_config() | {"rows": self.rows, "by_position": self.by_position}


@keras.saving.register_keras_serializable("xtremedistil")
class ClearPadding(layers.Layer):
    """States, 0 where padded."""

    def call(self, x: Any, real: Any) -> Any:
        return x * ops.cast(real, x.dtype)[:, :, None]

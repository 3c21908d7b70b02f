"""The Keras layers that students are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


@dataclass(frozen=True)
class SeededLayers:
    """Layers whose initial weights and dropout come from one stream of seeds.

    Attributes:
        next_seed: gives the next one; the order of the calls decides who gets which.
        dropout: the rate of every dropout.
    """

    next_seed: Callable[[], int]
    dropout: float

    def start(
        self, kind: type[keras.initializers.Initializer] = keras.initializers.GlorotUniform
    ) -> keras.initializers.Initializer:
        """An initializer of a kind that takes a seed."""
        return kind(seed=self.next_seed())

    def drop(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Dropout as the layer `{name}_dropout`."""
        return layers.Dropout(self.dropout, seed=self.next_seed(), name=f"{name}_dropout")(x)

    def dense(
        self,
        x: keras.KerasTensor,
        units: int,
        name: str,
        activation: Callable[[Any], Any] | None = None,
        dtype: str | None = None,
    ) -> keras.KerasTensor:
        """A dense layer on `(..., width)`, which gives `(..., units)`."""
        start = self.start()
        return layers.Dense(units, activation, kernel_initializer=start, name=name, dtype=dtype)(x)


@keras.saving.register_keras_serializable("xtremedistil")
class RowEmbedding(layers.Embedding):
    """Keras's embedding, which reads no more of its table than a batch's rows.

    Keras's own reads the whole variable first. TensorFlow hands that out as it lies, until
    something gathers from the variable or scatters into it, as `LazyAdam` does: from then on every
    such read is a copy of the table, and its memory comes fresh from the system.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        # no cast of the variable, which would read all of it; `call` casts the rows
        super().__init__(*args, autocast=False, **kwargs)

    def call(self, inputs: Any) -> Any:
        return ops.cast(self._read(inputs), self.compute_dtype)

    def _read(self, inputs: Any) -> tf.Tensor:
        return tf.gather(self.embeddings.value, inputs)


class MappedEmbedding(RowEmbedding):
    """Rows that learn together too: each is its own plus a linear map, which all share, of what is
    known of its piece.

    The map starts at zero. `fold` writes what it has learned into the rows, so that an embedding
    without a map computes the same.
    """

    def __init__(self, *args: Any, known: np.ndarray, **kwargs: Any):
        """As its parents.

        Args:
            args: theirs.
            known: `(rows, D)` float32; neither trained nor saved.
            kwargs: theirs.
        """
        super().__init__(*args, **kwargs)
        # a variable, of which each device has a copy: a constant would be sent to it at every step
        self._known = tf.Variable(known, trainable=False)

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        shape = (self._known.shape[1], self.output_dim)
        self.map = self.add_weight(name="map", shape=shape, initializer="zeros")

    def _read(self, inputs: Any) -> tf.Tensor:
        known = tf.gather(self._known, inputs)
        return super()._read(inputs) + tf.tensordot(known, self.map.value, 1)

    def fold(self) -> None:
        """Adds what the map gives to the rows, and starts it at zero again."""
        self.embeddings.assign_add(self._known.numpy() @ self.map.numpy())
        self.map.assign(np.zeros(self.map.shape, np.float32))


@keras.saving.register_keras_serializable("xtremedistil")
class SinusoidalPositions(layers.Layer):
    """Scales embeddings by the root of their width and adds sines of the position."""

    def call(self, x: Any) -> Any:
        width = x.shape[-1]
        position = ops.cast(ops.arange(ops.shape(x)[1]), "float32")[:, None]
        rate = np.exp(-np.log(10000.0) * (np.arange(width) // 2 * 2) / width).astype(np.float32)
        even = (np.arange(width) % 2 == 0).astype(np.float32)
        angle = position * rate
        waves = even * ops.sin(angle) + (1 - even) * ops.cos(angle)
        return x * width**0.5 + ops.cast(waves, x.dtype)


@keras.saving.register_keras_serializable("xtremedistil")
def gelu(x: Any) -> Any:
    """The tanh approximation of gelu, as in the paper's own code."""
    return keras.activations.gelu(x, approximate=True)

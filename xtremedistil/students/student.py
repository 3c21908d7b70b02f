"""The student: embeddings, an encoder, a projection to the teacher's width, and two heads.

Sections 3 to 5 of the paper; the encoder is one BiLSTM, or Transformer blocks (Section 6.5). Both
heads read the projected representation, because Table 4 unfreezes the projection in stages 2 and 3
and F1 moves; `heads_on="states"` is the other reading, Eq. 1 and 3. A deployed student keeps one
head, and the projection only if the head reads it. No recurrent dropout: it would rule out the
fused GPU kernel. The paper leaves its Transformer blocks open: these are the standard ones, with
layer normalization before each half (they train without warm-up), feed-forward layers of four
times the width, and sinusoidal positions, which have no weights and no longest sentence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from xtremedistil.layers.attention import IsReal, SelfAttention
from xtremedistil.students.shape import BILSTM, StudentShape

# From the top of the network to the bottom: the order of gradual unfreezing (Section 5.3).
UNFREEZING_ORDER = ("head", "projection", "encoder", "embeddings")
LOGIT_HEAD, LABEL_HEAD = "logit_head", "label_head"


def build_student(
    shape: StudentShape, dropout: float, seed: int = 0, fused: str | bool = "auto"
) -> keras.Model:
    """The functional model for training.

    Args:
        shape: sizes.
        dropout: rate after embeddings, encoder and projection.
        seed: of the initial weights and of dropout.
        fused: Keras's `use_cudnn`: `auto`, or False for a graph that runs without a GPU, or that
            XLA compiles.

    Returns:
        A model from `ids`, `(batch, length)` int32 rows of the table (0 is masked), to a dict of
        `representation`, `(batch, length, teacher_width)`, and `logit_head` and `label_head`,
        `(batch, length, classes)`; for classification without the axis `length`.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(256))
    make = _Maker(lambda: int(next(seeds)), dropout)
    ids = keras.Input((None,), dtype="int32", name="ids")
    bilstm = shape.encoder == BILSTM
    table = layers.Embedding(
        shape.vocabulary_size,
        shape.embedding_dim,
        embeddings_initializer=make.start(keras.initializers.RandomNormal),
        mask_zero=bilstm,
        name="embeddings",
    )
    x = make.drop(table(ids), "embeddings")
    states = _bilstm(x, shape, make, fused) if bilstm else _transformer(x, ids, shape, make)
    states = make.drop(states, "encoder")
    activation = None if shape.projection == "linear" else gelu
    representation = make.dense(states, shape.teacher_width, "projection", activation)
    on_states = shape.heads_on == "states"
    read = states if on_states else make.drop(representation, "projection")
    outputs = {"representation": representation}
    for name in (LOGIT_HEAD, LABEL_HEAD):
        outputs[name] = make.dense(read, shape.classes, name, dtype="float32")
    return keras.Model(ids, outputs, name="student")


@dataclass(frozen=True)
class _Maker:
    """Layers whose initial weights and dropout come from one stream of seeds."""

    next_seed: Callable[[], int]
    dropout: float

    def start(self, kind: type = keras.initializers.GlorotUniform) -> Any:
        return kind(seed=self.next_seed())

    def drop(self, x: Any, name: str) -> Any:
        return layers.Dropout(self.dropout, seed=self.next_seed(), name=f"{name}_dropout")(x)

    def dense(
        self, x: Any, units: int, name: str, activation: Any = None, dtype: str | None = None
    ) -> Any:
        start = self.start()
        return layers.Dense(units, activation, kernel_initializer=start, name=name, dtype=dtype)(x)


def _bilstm(x: Any, shape: StudentShape, make: _Maker, fused: str | bool) -> Any:
    def lstm(backwards: bool) -> layers.LSTM:
        return layers.LSTM(
            shape.hidden_size,
            return_sequences=shape.task == "ner",
            go_backwards=backwards,
            name="backward_lstm" if backwards else "lstm",  # Keras makes it "forward_lstm"
            kernel_initializer=make.start(),
            recurrent_initializer=make.start(keras.initializers.Orthogonal),
            use_cudnn=fused,
        )

    return layers.Bidirectional(lstm(False), backward_layer=lstm(True), name="encoder")(x)


def _transformer(x: Any, ids: Any, shape: StudentShape, make: _Maker) -> Any:
    width = shape.embedding_dim
    real = IsReal(name="is_real")(ids)
    x = SinusoidalPositions(name="positions")(x)

    def norm(x: Any, name: str) -> Any:
        return layers.LayerNormalization(epsilon=1e-6, name=name)(x)

    for number in range(1, shape.depth + 1):
        block = f"encoder_block_{number}"
        y = norm(x, f"{block}_attention_norm")
        parts = [make.dense(y, width, f"{block}_{part}") for part in ("query", "key", "value")]
        attention = SelfAttention(shape.attention_heads, 0.0, name=f"{block}_attention")
        y = make.dense(attention(*parts, real), width, f"{block}_attention_output")
        x = layers.Add(name=f"{block}_attention_add")([x, make.drop(y, f"{block}_attention")])
        y = norm(x, f"{block}_output_norm")
        y = make.dense(y, 4 * width, f"{block}_intermediate", gelu)
        y = make.dense(y, width, f"{block}_output")
        x = layers.Add(name=f"{block}_output_add")([x, make.drop(y, f"{block}_output")])
    x = norm(x, "encoder_block_norm")
    return x if shape.task == "ner" else x[:, 0]


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


def deployed(model: keras.Model, head: str) -> keras.Model:
    """The part of a student that predicts with one head: `ids` to logits.

    Shares its layers with `model`.
    """
    return keras.Model(model.input, model.output[head], name="student")


def set_trainable(model: keras.Model, names: tuple[str, ...], heads: tuple[str, ...]) -> None:
    """Sets `layer.trainable` of every layer with weights.

    Args:
        model: a student.
        names: of `UNFREEZING_ORDER`: what a step trains.
        heads: the heads that `head` means.
    """
    chosen = {*names, *(heads if "head" in names else ())}
    for layer in model.layers:
        if layer.weights:
            layer.trainable = layer.name.split("_block_")[0] in chosen


def copy_head(model: keras.Model) -> None:
    """Starts the label head where the logit head stands, so that stage 3 goes on from stage 2."""
    model.get_layer(LABEL_HEAD).set_weights(model.get_layer(LOGIT_HEAD).get_weights())

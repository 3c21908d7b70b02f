"""The BiLSTM student: embeddings, one BiLSTM, a projection to the teacher's width, and two heads
(Sections 3 to 5).

Both heads read the projected representation, because Table 4 unfreezes the projection in stages 2
and 3 and F1 moves; `heads_on="states"` is the other reading, Eq. 1 and 3. A deployed student keeps
one head, and the projection only if the head reads it. No recurrent dropout: it would rule out the
fused GPU kernel.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

# From the top of the network to the bottom: the order of gradual unfreezing (Section 5.3).
UNFREEZING_ORDER = ("head", "projection", "encoder", "embeddings")
LOGIT_HEAD, LABEL_HEAD = "logit_head", "label_head"


@dataclass(frozen=True)
class StudentShape:
    """Everything that decides a student's weights' shapes.

    Attributes:
        vocabulary_size: rows V of the embedding table; row 0 is padding.
        embedding_dim: E.
        hidden_size: H, units of each direction.
        teacher_width: width of the representations that it imitates.
        classes: C.
        task: `ner` (a prediction per piece) or `classification` (one per text).
        heads_on: `projection` or `states`.
        projection: activation of the projection, `gelu` (tanh form: it also exports) or `linear`.
    """

    vocabulary_size: int
    embedding_dim: int
    hidden_size: int
    teacher_width: int
    classes: int
    task: str = "ner"
    heads_on: str = "projection"
    projection: str = "gelu"

    @property
    def deployed_parameters(self) -> int:
        """Weights of the deployed student, which has one head (Tables 15 and 16)."""
        states = 2 * self.hidden_size
        table = self.vocabulary_size * self.embedding_dim
        lstm = 2 * 4 * self.hidden_size * (self.embedding_dim + self.hidden_size + 1)
        if self.heads_on == "states":
            return table + lstm + (states + 1) * self.classes
        return (
            table
            + lstm
            + (states + 1) * self.teacher_width
            + (self.teacher_width + 1) * self.classes
        )

    def to_dict(self) -> dict[str, Any]:
        """The shape as JSON values."""
        return dataclasses.asdict(self)


def build_student(
    shape: StudentShape, dropout: float, seed: int = 0, fused: str = "auto"
) -> keras.Model:
    """The functional model for training.

    Args:
        shape: sizes.
        dropout: rate after embeddings, encoder and projection.
        seed: of the initial weights and of dropout.
        fused: Keras's `use_cudnn`: `auto`, or False for a graph that runs without a GPU.

    Returns:
        A model from `ids`, `(batch, length)` int32 rows of the table (0 is masked), to a dict of
        `representation`, `(batch, length, teacher_width)`, and `logit_head` and `label_head`,
        `(batch, length, classes)`; for classification without the axis `length`.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(16))

    def start(kind: type = keras.initializers.GlorotUniform) -> keras.initializers.Initializer:
        return kind(seed=int(next(seeds)))

    def drop(x: Any, name: str) -> Any:
        return layers.Dropout(dropout, seed=int(next(seeds)), name=f"{name}_dropout")(x)

    def lstm(backwards: bool) -> layers.LSTM:
        return layers.LSTM(
            shape.hidden_size,
            return_sequences=shape.task == "ner",
            go_backwards=backwards,
            name="backward_lstm" if backwards else "lstm",  # Keras makes the latter "forward_lstm"
            kernel_initializer=start(),
            recurrent_initializer=start(keras.initializers.Orthogonal),
            use_cudnn=fused,
        )

    ids = keras.Input((None,), dtype="int32", name="ids")
    table = layers.Embedding(
        shape.vocabulary_size,
        shape.embedding_dim,
        embeddings_initializer=start(keras.initializers.RandomNormal),
        mask_zero=True,
        name="embeddings",
    )
    x = drop(table(ids), "embeddings")
    states = layers.Bidirectional(lstm(False), backward_layer=lstm(True), name="encoder")(x)
    states = drop(states, "encoder")
    activation = None if shape.projection == "linear" else gelu
    project = layers.Dense(
        shape.teacher_width, activation, kernel_initializer=start(), name="projection"
    )
    representation = project(states)
    read = states if shape.heads_on == "states" else drop(representation, "projection")
    outputs = {"representation": representation}
    for name in (LOGIT_HEAD, LABEL_HEAD):
        head = layers.Dense(shape.classes, kernel_initializer=start(), dtype="float32", name=name)
        outputs[name] = head(read)
    return keras.Model(ids, outputs, name="student")


def gelu(x: Any) -> Any:
    """The tanh approximation of gelu, as in the paper's own code."""
    return keras.activations.gelu(x, approximate=True)


def deployed(model: keras.Model, head: str) -> keras.Model:
    """The part of a student that predicts with one head: `ids` to `(batch, length, classes)`
    logits.

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
    for name in (*UNFREEZING_ORDER[1:], LOGIT_HEAD, LABEL_HEAD):
        model.get_layer(name).trainable = name in chosen


def copy_head(model: keras.Model) -> None:
    """Starts the label head from the logit head's weights, so that stage 3 starts where stage 2
    ended (Table 4)."""
    model.get_layer(LABEL_HEAD).set_weights(model.get_layer(LOGIT_HEAD).get_weights())

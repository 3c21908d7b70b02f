"""The student: embeddings, an encoder, a projection to the teacher's width, and two heads.

Sections 3 to 5 of the paper; the encoder is what the kind of student says. Both heads read the
projected representation, because Table 4 unfreezes the projection in stages 2 and 3 and F1 moves;
`heads_on="states"` is the other reading, Eq. 1 and 3. A deployed student keeps one head, and the
projection only if the head reads it.
"""

from functools import partial

import keras
import numpy as np

from xtremedistil.students.kind import EncoderInputs
from xtremedistil.students.layers import MappedEmbedding, RowEmbedding, SeededLayers, gelu
from xtremedistil.students.shape import StudentShape

# From the top of the network to the bottom: the order of gradual unfreezing (Section 5.3).
UNFREEZING_ORDER = ("head", "projection", "encoder", "embeddings")
LOGIT_HEAD, LABEL_HEAD = "logit_head", "label_head"


def build_student(
    shape: StudentShape,
    dropout: float,
    seed: int = 0,
    fused: str | bool = "auto",
    known: np.ndarray | None = None,
) -> keras.Model:
    """The functional model for training.

    Args:
        shape: sizes.
        dropout: rate after embeddings, encoder and projection.
        seed: of the initial weights and of dropout.
        fused: Keras's `use_cudnn`: `auto`, or False for a graph that runs without a GPU, or that
            XLA compiles.
        known: `(vocabulary_size, D)` float32: what the embeddings share a map of
            (`MappedEmbedding`); None: they share nothing.

    Returns:
        A model from `ids`, `(batch, length)` int32 rows of the table (0 is masked), to a dict of
        `representation`, `(batch, length, teacher_width)`, and `logit_head` and `label_head`,
        `(batch, length, classes)`; for classification without the axis `length`.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(256))
    make = SeededLayers(lambda: int(next(seeds)), dropout)
    ids = keras.Input((None,), dtype="int32", name="ids")
    embedding = RowEmbedding if known is None else partial(MappedEmbedding, known=known)
    table = embedding(
        shape.vocabulary_size,
        shape.embedding_dim,
        embeddings_initializer=make.start(keras.initializers.RandomNormal),
        mask_zero=shape.kind.masks_zero,
        name="embeddings",
    )
    embedded = make.drop(table(ids), "embeddings")
    states = shape.kind.build(shape, EncoderInputs(embedded, ids, make, fused))
    states = make.drop(states, "encoder")
    activation = None if shape.projection == "linear" else gelu
    representation = make.dense(states, shape.teacher_width, "projection", activation)
    on_states = shape.heads_on == "states"
    read = states if on_states else make.drop(representation, "projection")
    outputs = {"representation": representation}
    for name in (LOGIT_HEAD, LABEL_HEAD):
        outputs[name] = make.dense(read, shape.classes, name, dtype="float32")
    return keras.Model(ids, outputs, name="student")


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


def fold_map(model: keras.Model) -> None:
    """Writes what the embeddings' map has learned, if they share one, into their rows."""
    layer = model.get_layer("embeddings")
    if isinstance(layer, MappedEmbedding):
        layer.fold()


def copy_head(model: keras.Model) -> None:
    """Starts the label head where the logit head stands, so that stage 3 goes on from stage 2."""
    model.get_layer(LABEL_HEAD).set_weights(model.get_layer(LOGIT_HEAD).get_weights())

"""The Transformer student of Section 6.5.

The paper leaves its blocks open: these are the standard ones, with layer normalization before each
half (they train without warm-up), feed-forward layers of four times the width, and sinusoidal
positions, which have no weights and no longest sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtremedistil.students.kind import EncoderInputs, Sizes, StudentKind

if TYPE_CHECKING:
    import keras


_HEADS = (12, 8, 6, 4, 3, 2, 1)


def attention_heads(width: int) -> int:
    """Heads of a block of some width: 12 if they divide it, as BERT's do, else fewer."""
    return next(n for n in _HEADS if width % n == 0)


def _parameters(shape: Sizes) -> int:
    # attention 4 (E x E + E), feed-forward 8 E x E + 5 E, two norms 4 E; a last norm 2 E
    width = shape.embedding_dim
    return shape.depth * (12 * width * width + 13 * width) + 2 * width


def _multiplications(shape: Sizes, length: int) -> int:
    # every piece meets the matrices, and every other piece twice: as a key and as a value
    width = shape.embedding_dim
    return shape.depth * length * width * (12 * width + 2 * length)


def _build(shape: Sizes, inputs: EncoderInputs) -> keras.KerasTensor:
    from keras import layers  # here, not above: a deployed student does without

    from xtremedistil.layers.attention import IsReal, SelfAttention
    from xtremedistil.students.layers import SinusoidalPositions, gelu

    make, width = inputs.layers, shape.embedding_dim
    real = IsReal(name="is_real")(inputs.ids)
    x = SinusoidalPositions(name="positions")(inputs.embedded)

    def norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        return layers.LayerNormalization(epsilon=1e-6, name=name)(x)

    for number in range(1, shape.depth + 1):
        block = f"encoder_block_{number}"
        y = norm(x, f"{block}_attention_norm")
        parts = [make.dense(y, width, f"{block}_{part}") for part in ("query", "key", "value")]
        attention = SelfAttention(attention_heads(width), 0.0, name=f"{block}_attention")
        y = make.dense(attention(*parts, real), width, f"{block}_attention_output")
        x = layers.Add(name=f"{block}_attention_add")([x, make.drop(y, f"{block}_attention")])
        y = norm(x, f"{block}_output_norm")
        y = make.dense(y, 4 * width, f"{block}_intermediate", gelu)
        y = make.dense(y, width, f"{block}_output")
        x = layers.Add(name=f"{block}_output_add")([x, make.drop(y, f"{block}_output")])
    x = norm(x, "encoder_block_norm")
    return x if shape.task == "ner" else x[:, 0]


TRANSFORMER = StudentKind(
    name="transformer",
    size="depth",
    window=512,  # the cost grows with the square of the length
    masks_zero=False,
    states_width=lambda shape: shape.embedding_dim,
    parameters=_parameters,
    multiplications=_multiplications,
    build=_build,
)

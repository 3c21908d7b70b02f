"""What a kind of student is: the encoder between embeddings and projection, as one record.

All that depends on the encoder is a field here, so that nothing else asks which one a student has.
A new kind is a file beside `bilstm.py` and a line in `registry.py`. Needs no TensorFlow: a record's
`build` imports Keras when it is called, and a deployed student does without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import keras

    from xtremedistil.students.layers import SeededLayers

Weights = TypeVar("Weights")


class Sizes(Protocol):
    """What an encoder depends on: fields of a `StudentShape`."""

    embedding_dim: int
    hidden_size: int
    depth: int
    task: str


@dataclass(frozen=True)
class LstmCell(Generic[Weights]):
    """The weights of one direction of an LSTM, with Keras's gates: input, forget, cell, output.

    Attributes:
        kernel: `(inputs, 4 * units)`.
        recurrent_kernel: `(units, 4 * units)`.
        bias: `(4 * units,)`.
    """

    kernel: Weights
    recurrent_kernel: Weights
    bias: Weights


@dataclass(frozen=True)
class EncoderInputs:
    """What an encoder is built on.

    Attributes:
        embedded: `(batch, length, embedding_dim)`.
        ids: `(batch, length)` rows of the table, 0 where padded.
        layers: makes layers whose weights and dropout come from the student's seed.
        fused: Keras's `use_cudnn`: `auto`, or False for a graph that runs without a GPU.
    """

    embedded: keras.KerasTensor
    ids: keras.KerasTensor
    layers: SeededLayers
    fused: str | bool


@dataclass(frozen=True)
class StudentKind:
    """A kind of student.

    Attributes:
        name: as `--student` and `StudentShape.encoder` say it.
        size: the option, and the field of `StudentShape`, that is its size beside E.
        window: wordpieces that it reads at once when it is served.
        masks_zero: whether the embedding masks row 0 for the layers above it.
        states_width: width of the states that it gives.
        parameters: weights of the encoder.
        multiplications: of the encoder, for a text of so many wordpieces.
        build: adds the encoder; gives states `(batch, length, width)`, or `(batch, width)` for
            classification. Its layers with weights are named `encoder` or `encoder_block_...`.
        lstm: from all weights by name to those of its two directions, forward and backward, where
            the encoder is one bidirectional LSTM and nothing else; None of all others.
    """

    name: str
    size: str
    window: int
    masks_zero: bool
    states_width: Callable[[Sizes], int]
    parameters: Callable[[Sizes], int]
    multiplications: Callable[[Sizes, int], int]
    build: Callable[[Sizes, EncoderInputs], keras.KerasTensor]
    lstm: Callable[[Mapping[str, Weights]], tuple[LstmCell[Weights], LstmCell[Weights]]] | None = (
        None
    )

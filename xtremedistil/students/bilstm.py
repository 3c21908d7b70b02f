"""The paper's student: one bidirectional LSTM (Section 3). No recurrent dropout: it would rule out
the fused GPU kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from xtremedistil.students.kind import EncoderInputs, LstmCell, Sizes, StudentKind, Weights

if TYPE_CHECKING:
    import keras


def _kernel_size(shape: Sizes) -> int:
    """Weights of the kernels of both directions: four gates on inputs and states."""
    return 2 * 4 * shape.hidden_size * (shape.embedding_dim + shape.hidden_size)


def _build(shape: Sizes, inputs: EncoderInputs) -> keras.KerasTensor:
    import keras  # here, not above: a deployed student does without

    from xtremedistil.students.block_lstm import BlockLSTM

    make = inputs.layers

    def lstm(backwards: bool) -> keras.layers.LSTM:
        return BlockLSTM(
            shape.hidden_size,
            return_sequences=shape.task == "ner",
            go_backwards=backwards,
            name="backward_lstm" if backwards else "lstm",  # Keras makes it "forward_lstm"
            kernel_initializer=make.start(),
            recurrent_initializer=make.start(keras.initializers.Orthogonal),
            use_cudnn=inputs.fused,
        )

    both = keras.layers.Bidirectional(lstm(False), backward_layer=lstm(True), name="encoder")
    return both(inputs.embedded)


def _lstm(weights: Mapping[str, Weights]) -> tuple[LstmCell[Weights], LstmCell[Weights]]:
    def cell(side: str) -> LstmCell[Weights]:
        parts = ("kernel", "recurrent_kernel", "bias")
        return LstmCell(*(weights[f"encoder/{side}_lstm/lstm_cell/{part}"] for part in parts))

    return cell("forward"), cell("backward")


BILSTM = StudentKind(
    name="bilstm",
    size="hidden_size",
    window=1024,
    masks_zero=True,
    states_width=lambda shape: 2 * shape.hidden_size,
    parameters=lambda shape: _kernel_size(shape) + 2 * 4 * shape.hidden_size,
    multiplications=lambda shape, length: length * _kernel_size(shape),
    build=_build,
    lstm=_lstm,
)

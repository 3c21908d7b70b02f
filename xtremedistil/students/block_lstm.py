"""Keras's LSTM, trained on a CPU by one operation for all steps of a sequence.

Keras runs a loop of some thirty operations a step, whose gradient adds to the kernels' gradients in
every step. TensorFlow's block LSTM computes the same in one operation, and its gradient in another.
(`tf.raw_ops.BlockLSTMV2` is registered with the gradient of the older operation, which has two
gates the other way round: its own is called here.)
"""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("xtremedistil")
class BlockLSTM(keras.layers.LSTM):
    """An LSTM whose training step on a CPU in float32 is the block operation.

    Elsewhere (inference, a GPU, XLA, half precision) it is Keras's own. Masks must leave padding at
    the end, as cuDNN demands too; outputs at padding are zero.
    """

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool | None = False
    ) -> tuple[Any, Any, Any]:
        """What `keras.layers.RNN` asks for: the last output, all outputs, and the last states,
        which nothing reads here."""
        on_gpu = self.use_cudnn is False or tf.config.list_logical_devices("GPU")
        if not training or on_gpu or self.return_state or self.compute_dtype != "float32":
            return super().inner_loop(sequences, initial_state, mask, training)
        batch, length = tf.shape(sequences)[0], tf.shape(sequences)[1]
        real = tf.ones((batch, length), tf.bool) if mask is None else mask
        lengths = tf.reduce_sum(tf.cast(real, tf.int32), axis=1)
        x = tf.transpose(sequences, (1, 0, 2))
        if self.go_backwards:  # padding stays behind
            x = tf.reverse_sequence(x, lengths, seq_axis=0, batch_axis=1)
        cell = self.cell
        states = _block_lstm(x, cell.kernel.value, cell.recurrent_kernel.value, cell.bias.value)
        last = tf.gather(tf.transpose(states, (1, 0, 2)), tf.maximum(lengths - 1, 0), batch_dims=1)
        if self.go_backwards:  # Keras gives them from the last position to the first
            states = tf.reverse(tf.reverse_sequence(states, lengths, seq_axis=0, batch_axis=1), [0])
            real = tf.reverse(real, [1])
        outputs = tf.transpose(states, (1, 0, 2)) * tf.cast(real, tf.float32)[:, :, None]
        return last, outputs, [last, last]


@tf.custom_gradient
def _block_lstm(x: Any, kernel: Any, recurrent: Any, bias: Any) -> tuple[Any, Any]:
    """States of an LSTM that starts from zero.

    Args:
        x: `(length, batch, inputs)`.
        kernel: `(inputs, 4 * units)`, in Keras's order of the gates.
        recurrent: `(units, 4 * units)`.
        bias: `(4 * units,)`.

    Returns:
        `(length, batch, units)`, and its gradient.
    """
    units = recurrent.shape[0]
    start, unused = tf.zeros((tf.shape(x)[1], units)), tf.zeros((units,))
    given = {
        "seq_len_max": tf.shape(x, out_type=tf.int64)[0],
        "x": x,
        "cs_prev": start,
        "h_prev": start,
        "w": tf.concat([kernel, recurrent], axis=0),
        "b": bias,
        **dict.fromkeys(("wci", "wcf", "wco"), unused),  # peepholes, which this LSTM lacks
    }
    made = tf.raw_ops.BlockLSTMV2(**given)._asdict()

    def gradient(by_states: Any) -> tuple[Any, Any, Any, Any]:
        back = tf.raw_ops.BlockLSTMGradV2(
            **given,
            **made,
            cs_grad=tf.zeros_like(by_states),
            h_grad=by_states,
            use_peephole=False,
        )
        by_kernel, by_recurrent = tf.split(back.w_grad, [x.shape[-1], units])
        return back.x_grad, by_kernel, by_recurrent, back.b_grad

    return made["h"], gradient

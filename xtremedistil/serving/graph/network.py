"""A student's network in a graph, expressed as suits a CPU."""

import tensorflow as tf

from xtremedistil.students.bundle import Bundle
from xtremedistil.students.kind import LstmCell


class Network(tf.Module):
    """A student's network.

    Args:
        bundle: of the student.
        jit_compile: compile the model as it is with XLA, instead of the operations chosen here.
    """

    def __init__(self, bundle: Bundle, jit_compile: bool):
        super().__init__(name="network")
        self.model = bundle.model
        self.shape = bundle.shape
        self.head = bundle.head
        self.whole = tf.function(
            lambda ids: self.model(ids, training=False), jit_compile=jit_compile or None
        )
        self.lstm = None if jit_compile else bundle.shape.kind.lstm

    def __call__(self, ids: tf.Tensor) -> tf.Tensor:
        """Logits of ids, as the student's model gives them."""
        return self.whole(ids) if self.lstm is None else self._answer(self._states(ids))

    def at(self, ids: tf.Tensor, asked: tf.Tensor) -> tf.Tensor:
        """Logits of some pieces, or of all texts.

        Args:
            ids: `(batch, length)`.
            asked: `(batch, length)` bool; a classifier answers whatever it is.

        Returns:
            `(asked, classes)`, or `(batch, classes)`.
        """
        if self.shape.task == "classification":
            return self(ids)
        if self.lstm is None:
            return tf.boolean_mask(self.whole(ids), asked)
        return self._answer(tf.boolean_mask(self._states(ids), asked))

    def _answer(self, states: tf.Tensor) -> tf.Tensor:
        """Logits of the encoder's states."""
        layer = self.model.get_layer
        if self.shape.heads_on == "projection":
            states = layer("projection")(states)
        return layer(self.head)(states)

    def _states(self, ids: tf.Tensor) -> tf.Tensor:
        """The encoder's states, with one `BlockLSTMV2` op per direction: padding comes last, so
        that the forward one meets it after all that counts, and the backward one after its text is
        reversed."""
        layer = self.model.get_layer
        cells = self.lstm({variable.path: variable.value for variable in self.model.weights})
        lengths = tf.reduce_sum(tf.cast(tf.not_equal(ids, 0), tf.int32), axis=1)
        x = tf.gather(layer("embeddings").embeddings.value, ids)
        forward = self._one_way(x, cells[0])
        back = self._one_way(tf.reverse_sequence(x, lengths, 1), cells[1])
        if self.shape.task == "classification":
            last = tf.maximum(lengths - 1, 0)
            parts = [tf.gather(way, last, batch_dims=1) for way in (forward, back)]
        else:
            parts = [forward, tf.reverse_sequence(back, lengths, 1)]
        return tf.concat(parts, axis=-1)

    def _one_way(self, x: tf.Tensor, cell: LstmCell[tf.Variable]) -> tf.Tensor:
        """States of one direction, `(batch, length, units)`."""
        zeros = tf.zeros([tf.shape(x)[0], self.shape.hidden_size])
        unused = tf.zeros([self.shape.hidden_size])
        found = tf.raw_ops.BlockLSTMV2(
            seq_len_max=tf.shape(x, tf.int64)[1],
            x=tf.transpose(x, [1, 0, 2]),
            cs_prev=zeros,
            h_prev=zeros,
            w=tf.concat([cell.kernel, cell.recurrent_kernel], axis=0),
            wci=unused,
            wcf=unused,
            wco=unused,
            b=cell.bias,
            cell_clip=0.0,
        )
        return tf.transpose(found.h, [1, 0, 2])

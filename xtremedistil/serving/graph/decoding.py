"""`data.decoding.best_tags` as a graph: the best sequence of tags that the tag scheme allows."""

import numpy as np
import tensorflow as tf


class Decoding(tf.Module):
    """Scores of tags to tags."""

    def __init__(self, legal: np.ndarray | None):
        """Of one set of tags.

        Args:
            legal: of `decoding.legal_steps`.
        """
        super().__init__(name="decoding")
        self.legal = None if legal is None else tf.constant(legal)

    def __call__(self, scores: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """The tags of words.

        Args:
            scores: `(words, tags)`, text after text.
            rows: `(words,)` int64: the text of each, in ascending order.

        Returns:
            `(words,)` int32 indices of tags.
        """
        best = tf.argmax(scores, axis=-1, output_type=tf.int32)
        if self.legal is None:
            return best
        begins = begins_row(rows)
        before = tf.where(begins, tf.shape(scores)[1], tf.roll(best, 1, 0))
        wrong = ~tf.gather_nd(self.legal, tf.stack([before, best], axis=1))
        wrong |= tf.roll(begins, -1, 0) & ~tf.gather(self.legal[:, -1], best)
        return tf.cond(
            tf.reduce_any(wrong), lambda: self._mend(scores, rows, best, wrong), lambda: best
        )

    def _mend(
        self, scores: tf.Tensor, rows: tf.Tensor, best: tf.Tensor, wrong: tf.Tensor
    ) -> tf.Tensor:
        texts = tf.reduce_max(rows) + 1
        is_wrong = tf.math.unsorted_segment_max(tf.cast(wrong, tf.int32), rows, texts) > 0
        words = tf.where(tf.gather(is_wrong, rows))
        some = tf.RaggedTensor.from_value_rowids(
            tf.gather_nd(scores, words), tf.gather_nd(rows, words)
        )
        found = self._viterbi(tf.ragged.boolean_mask(some, is_wrong[: some.nrows()]))
        return tf.tensor_scatter_nd_update(best, words, found)

    def _viterbi(self, scores: tf.RaggedTensor) -> tf.Tensor:
        """The best legal tags of all words of some texts, none of which is empty (Viterbi 1967)."""
        step = tf.where(self.legal, 0.0, -np.inf)
        between, at_start, at_end = step[:-1, :-1], step[-1, :-1], step[:-1, -1]
        lengths, dense = scores.row_lengths(), tf.transpose(scores.to_tensor(), [1, 0, 2])
        longest = tf.shape(dense)[0]
        itself = tf.range(tf.shape(dense)[2], dtype=tf.int32)[None]

        def forward(place: tf.Tensor, sums: tf.Tensor, came_from: tf.TensorArray) -> tuple:
            reached = sums[:, :, None] + between
            live = (tf.cast(place, tf.int64) < lengths)[:, None]
            pointers = tf.where(live, tf.argmax(reached, axis=1, output_type=tf.int32), itself)
            sums = tf.where(live, tf.reduce_max(reached, axis=1) + dense[place], sums)
            return place + 1, sums, came_from.write(place, pointers)

        def backward(place: tf.Tensor, chosen: tf.Tensor, tags: tf.TensorArray) -> tuple:
            tags = tags.write(place, chosen)
            return place - 1, tf.gather(came_from.read(place), chosen, batch_dims=1), tags

        came_from = tf.TensorArray(tf.int32, longest, clear_after_read=False)
        came_from = came_from.write(0, tf.repeat(itself, tf.shape(dense)[1], axis=0))
        _, sums, came_from = tf.while_loop(
            lambda place, *_: place < longest, forward, (1, dense[0] + at_start, came_from)
        )
        chosen = tf.argmax(sums + at_end, axis=1, output_type=tf.int32)
        tags = tf.TensorArray(tf.int32, longest)
        _, _, tags = tf.while_loop(
            lambda place, *_: place >= 0, backward, (longest - 1, chosen, tags)
        )
        return tf.boolean_mask(tf.transpose(tags.stack()), tf.sequence_mask(lengths))


def begins_row(rows: tf.Tensor) -> tf.Tensor:
    """`(values,)` bool: which values are the first of their row."""
    differs = tf.not_equal(rows, tf.roll(rows, 1, 0))
    return tf.logical_or(differs, tf.equal(tf.range(tf.size(rows)), 0))

"""The LSTM that trains by one operation, against Keras's loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from xtremedistil.students.block_lstm import BlockLSTM

LENGTHS = (5, 1, 3)


def layer_of(kind, per_piece, weights=None):
    made = [
        kind(4, return_sequences=per_piece, go_backwards=backwards, name=f"to_{backwards}")
        for backwards in (False, True)
    ]
    both = keras.layers.Bidirectional(made[0], backward_layer=made[1], name="encoder")
    both.build((None, None, 3))
    if weights:
        both.set_weights(weights)
    return both


def results(layer, x, mask, by_outputs):
    """Outputs, and gradients of inputs and weights."""
    variables = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, mask=mask, training=True)
        loss = tf.reduce_sum(outputs * by_outputs)
    return [outputs, *tape.gradient(loss, [x, *variables])]


@pytest.mark.parametrize("per_piece", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_outputs_and_gradients_are_those_of_keras(per_piece, masked, monkeypatch):
    keras.utils.set_random_seed(1)
    theirs = layer_of(keras.layers.LSTM, per_piece)
    weights = [np.random.default_rng(2).normal(size=w.shape) for w in theirs.get_weights()]
    theirs.set_weights(weights)
    ours = layer_of(BlockLSTM, per_piece, weights)
    x = tf.random.normal((3, 5, 3))
    mask = tf.sequence_mask(LENGTHS, 5) if masked else None
    by_outputs = tf.random.normal((3, 5, 8) if per_piece else (3, 8))
    expected = results(theirs, x, mask, by_outputs)
    monkeypatch.setattr(keras.layers.LSTM, "inner_loop", None)  # ours does without
    for one, other in zip(expected, results(ours, x, mask, by_outputs), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]

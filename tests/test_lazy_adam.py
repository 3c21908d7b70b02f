"""Adam that catches rows up, against Keras's Adam on the whole table."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from xtremedistil.data.batches import InMemory
from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime import signals
from xtremedistil.training.lazy_adam import LazyAdam
from xtremedistil.training.loop import train
from xtremedistil.training.state import TrainingState
from xtremedistil.training.task import LoopOptions, Stream, Term, Training

STEPS = 700


def model_of(rows):
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32")
    table = keras.layers.Embedding(rows, 3, name="embeddings")
    return keras.Model(ids, keras.layers.Dense(2, name="head")(table(ids)))


def table_of(model):
    return model.get_layer("embeddings").embeddings


def trained(model, optimizer, batches, scale, take_up=None, leave=None):
    """The losses of some steps; gradients of a table are as large as `scale`. Before and after them
    a state may be taken up and left, given the optimizer."""
    variables = model.trainable_variables
    lazy = isinstance(optimizer, LazyAdam) and optimizer.lazy
    if isinstance(optimizer, LazyAdam):
        optimizer.tables = [table_of(model)]
    optimizer.build(variables)
    if take_up:
        take_up(optimizer)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def step(ids):
        if lazy:
            optimizer.catch_up(ids)
        with tf.GradientTape() as tape:
            target = tf.cast(ids % 3, tf.float32)[..., None]
            loss = scale * tf.reduce_mean(tf.square(model(ids) - target))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    losses = [float(step(ids)) for ids in batches]
    if leave:
        leave(optimizer)
    if lazy:
        optimizer.catch_up_all()
    return losses


# at the smallest scale the root of the second moment is near epsilon, 1e-7
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_weights_and_losses_are_those_of_adam(scale):
    """Row 1 is in every batch, rows 2 to 9 often, row 10 in the first alone, row 11 in none, row 12
    in two that are 445 steps apart."""
    rng = np.random.default_rng(0)
    batches = [np.array([[1, *rng.integers(2, 10, 3)]], np.int32) for _ in range(STEPS)]
    for number, row in ((0, 10), (5, 12), (450, 12)):
        batches[number][0, 3] = row
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, STEPS, alpha=1e-5)
    dense, lazy = model_of(13), model_of(13)
    expected = trained(dense, keras.optimizers.Adam(schedule), batches, scale)
    found = trained(lazy, LazyAdam(schedule, STEPS), batches, scale)
    np.testing.assert_allclose(found, expected, atol=1e-5 * scale)
    for one, other in zip(dense.get_weights(), lazy.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, atol=2e-6)


def test_tables_have_a_rate_of_their_own():
    rng, steps = np.random.default_rng(0), 60
    batches = [np.array([[1, *rng.integers(2, 10, 3)]], np.int32) for _ in range(steps)]
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, steps, alpha=1e-5)
    moved = []
    for rate in (1.0, 0.3):
        lazy, dense, start = model_of(13), model_of(13), model_of(13)
        trained(lazy, LazyAdam(schedule, steps, rate), batches, 1.0)
        eager = LazyAdam(schedule, steps, rate)
        eager.lazy = False
        trained(dense, eager, batches, 1.0)
        for one, other in zip(dense.get_weights(), lazy.get_weights(), strict=True):
            np.testing.assert_allclose(other, one, atol=2e-6)
        first = model_of(13)
        trained(first, LazyAdam(schedule, steps, rate), batches[:1], 1.0)
        moved.append([a - b for a, b in zip(first.get_weights(), start.get_weights(), strict=True)])
    (table, *head), (slower, *same) = moved
    read = np.unique(batches[0])
    np.testing.assert_allclose(slower[read], 0.3 * table[read], rtol=1e-3)
    for one, other in zip(head, same, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("first_lazy", [True, False])
def test_one_kind_goes_on_from_the_state_of_the_other(tmp_path, first_lazy):
    """As when a run of one process is taken up by two, whose tables are not lazy."""
    rng, half = np.random.default_rng(0), 30
    batches = [np.array([[1, *rng.integers(2, 10, 3)]], np.int32) for _ in range(2 * half)]
    batches[0][0, 3], batches[half + 9][0, 3] = 10, 11  # rows of one half alone
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 2 * half, alpha=1e-5)
    dense, first, second = model_of(13), model_of(13), model_of(13)
    trained(dense, keras.optimizers.Adam(schedule), batches, 1.0)
    path = str(tmp_path / "state")

    def adam(lazy):
        optimizer = LazyAdam(schedule, 2 * half)
        optimizer.lazy = lazy
        return optimizer

    def leave(optimizer):
        TrainingState(path, first, optimizer).save()

    def take_up(optimizer):
        assert TrainingState(path, second, optimizer).load()

    trained(first, adam(first_lazy), batches[:half], 1.0, leave=leave)
    trained(second, adam(not first_lazy), batches[half:], 1.0, take_up=take_up)
    for one, other in zip(dense.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, atol=2e-6)


def test_a_row_is_given_what_it_missed_when_it_is_read():
    """One gradient of 1 at rate 1, then two updates without: m is 0.1 * 0.9^j, and v 0.001 *
    0.999^j. (Keras's 1 - 0.999, in float32, is 0.001 to five digits.)"""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25])
    model = model_of(2)
    table = table_of(model)
    table.assign(tf.zeros((2, 3)))
    optimizer = LazyAdam(schedule, 3)
    optimizer.tables = [table]
    optimizer.build([table])
    for row in (1, 0, 0):
        optimizer.catch_up(tf.constant([row]))
        optimizer.apply([tf.IndexedSlices(tf.ones((1, 3)), tf.constant([row]), (2, 3))], [table])
    moves = [
        rate * np.sqrt(1 - 0.999**n) / (1 - 0.9**n) * 0.1 * 0.9**j / np.sqrt(0.001 * 0.999**j)
        for n, (j, rate) in enumerate(enumerate((1.0, 0.5, 0.25)), 1)
    ]
    np.testing.assert_allclose(table.numpy()[1], -moves[0], rtol=1e-4)
    optimizer.catch_up(tf.constant([[1]]))
    np.testing.assert_allclose(table.numpy()[1], -sum(moves), rtol=1e-4)
    optimizer.catch_up_all()  # it has missed nothing since
    np.testing.assert_allclose(table.numpy()[1], -sum(moves), rtol=1e-4)


def task_of(optimizer):
    rng = np.random.default_rng(1)
    ids = [rng.integers(1, 40, rng.integers(2, 5)).astype(np.int32) for _ in range(120)]
    rows = Ragged.from_lists({"ids": ids}, {})

    def loss(outputs, batch):
        count = tf.reduce_sum(batch["mask"])
        target = tf.cast(batch["ids"] % 3, tf.float32)[..., None]
        error = tf.reduce_sum(tf.square(outputs - target), axis=-1) * batch["mask"]
        return tf.reduce_sum(error) / count, count

    return Training(
        name="remainder",
        terms=[Term("a", "a", 1.0, loss)],
        streams={"a": Stream(InMemory(rows), rows, 4)},
        epochs=3,
        optimizer=lambda steps: optimizer(
            keras.optimizers.schedules.CosineDecay(0.05, steps), steps
        ),
        seed=[1],
        tables=("embeddings",),
    )


def test_a_training_is_that_of_adam_and_goes_on_bit_for_bit(tmp_path):
    dense, whole, stopped = (model_of(40) for _ in range(3))
    plain = task_of(lambda schedule, steps: keras.optimizers.Adam(schedule))
    expected = train(dense, plain, LoopOptions(str(tmp_path / "dense")))["history"]
    found = train(whole, task_of(LazyAdam), LoopOptions(str(tmp_path / "whole")))["history"]
    for name in ("loss", "validation_loss"):
        losses = [[entry[name] for entry in one[1:]] for one in (expected, found)]
        np.testing.assert_allclose(*losses, rtol=1e-5)
    seen = 0

    class Signalled(LazyAdam):
        def catch_up(self, rows):
            def tick():
                nonlocal seen
                seen += 1
                if seen == 41:  # amid the second epoch
                    os.kill(os.getpid(), signal.SIGTERM)
                return np.float32(0)

            super().catch_up(rows + tf.cast(tf.numpy_function(tick, [], tf.float32), rows.dtype))

    options = LoopOptions(str(tmp_path / "stopped"))
    with signals.handled(), pytest.raises(signals.Interrupted):
        train(stopped, task_of(Signalled), options)
    again = train(model_of(40), task_of(LazyAdam), options)["history"]
    assert [e["loss"] for e in again] == [e["loss"] for e in found]
    assert [e["validation_loss"] for e in again] == [e["validation_loss"] for e in found]

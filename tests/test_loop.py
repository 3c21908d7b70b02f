"""The training loop on a model that is small enough to know the answer."""

import dataclasses
import json
import os
import signal
import time

import keras
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from xtremedistil.data.batches import InMemory
from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime import signals
from xtremedistil.runtime.errors import TrainingError
from xtremedistil.training import loop as loop_module
from xtremedistil.training.lazy_adam import LazyAdam
from xtremedistil.training.loop import STATE_FILE, TIMES, train
from xtremedistil.training.task import LoopOptions, Stream, Term, Training


def rows_of(number, seed):
    """Sentences of ids, whose target is the id's parity."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(1, 20, rng.integers(2, 6)).astype(np.int32) for _ in range(number)]
    return Ragged.from_lists({"ids": ids, "target": [(i % 2).astype(np.float32) for i in ids]}, {})


def build(dropout=0.0):
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(20, 4, name="embeddings")(ids)
    x = keras.layers.Dropout(dropout, seed=5)(x)
    return keras.Model(ids, keras.layers.Dense(1, name="head")(x))


def squared(outputs, batch):
    error = tf.square(outputs[..., 0] - batch["target"]) * batch["mask"]
    count = tf.reduce_sum(batch["mask"])
    return tf.reduce_sum(error) / count, count


def training(epochs=3, rate=0.05, metric=None, loss=squared, streams=("a",)):
    return Training(
        name="parity",
        terms=[Term(name, name, 1.0, loss) for name in streams],
        streams={
            n: Stream(InMemory(rows_of(200, i)), rows_of(50, 9), 16) for i, n in enumerate(streams)
        },
        epochs=epochs,
        optimizer=lambda steps: keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(rate, steps)
        ),
        seed=[1],
        metric=metric,
    )


def validation_loss(model):
    rows = rows_of(50, 9)
    batch = rows.pad(np.arange(50))
    return float(squared(model(batch["ids"]), batch)[0])


def test_it_learns_and_reports_what_it_kept(tmp_path):
    model = build()
    result = train(model, training(epochs=5), LoopOptions(str(tmp_path)))
    losses = [entry["validation_loss"] for entry in result["history"]]
    assert [entry["epoch"] for entry in result["history"]] == [0, 1, 2, 3, 4, 5]
    assert losses[0] > 0.2
    assert losses[-1] < 0.01
    assert validation_loss(model) == pytest.approx(losses[result["best_epoch"]], rel=1e-5)


def test_the_time_spent_waiting_for_batches_is_told(tmp_path):
    class Slow(InMemory):
        def windows(self, rng, sentences):
            def slowly(read):
                time.sleep(0.3)
                return read()

            one = super().windows(rng, sentences)
            return [(count, lambda read=read: slowly(read)) for count, read in one]

    slow = training(epochs=2)
    streams = {"a": dataclasses.replace(slow.streams["a"], source=Slow(rows_of(200, 0)))}
    result = train(build(), dataclasses.replace(slow, streams=streams), LoopOptions(str(tmp_path)))
    waited = [entry["waiting_seconds"] for entry in result["history"]]
    assert waited[0] == 0
    assert all(0.3 <= part <= e["seconds"] for part, e in zip(waited[1:], result["history"][1:]))
    assert result["waiting_seconds"] == sum(waited)


def test_training_cannot_make_a_model_worse(tmp_path):
    model = build()
    train(model, training(epochs=5), LoopOptions(str(tmp_path / "a")))
    before = [w.numpy() for w in model.weights]
    result = train(model, training(epochs=2, rate=5.0), LoopOptions(str(tmp_path / "b")))
    assert result["best_epoch"] == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_patience_ends_a_training_that_gets_no_better(tmp_path):
    given = dataclasses.replace(training(epochs=6, rate=5.0), patience=2)
    result = train(build(), given, LoopOptions(str(tmp_path / "a")))
    losses = [entry["validation_loss"] for entry in result["history"]]
    best = result["best_epoch"]
    assert best == int(np.argmin(losses))
    assert len(losses) - 1 == min(6, best + 2)
    longer = train(build(), training(epochs=6, rate=5.0), LoopOptions(str(tmp_path / "b")))
    assert losses == [entry["validation_loss"] for entry in longer["history"]][: len(losses)]
    assert len(losses) < 7


def test_frozen_layers_stay_as_they_are(tmp_path):
    model = build()
    model.get_layer("embeddings").trainable = False
    table = model.get_layer("embeddings").embeddings.numpy()
    head = model.get_layer("head").kernel.numpy()
    train(model, training(), LoopOptions(str(tmp_path)))
    np.testing.assert_array_equal(model.get_layer("embeddings").embeddings.numpy(), table)
    assert not np.array_equal(model.get_layer("head").kernel.numpy(), head)


def test_a_metric_can_choose_instead_of_the_loss(tmp_path):
    scores = iter([10, 50, 90, 20])
    result = train(build(), training(metric=lambda: next(scores)), LoopOptions(str(tmp_path)))
    assert result["best_epoch"] == 2
    assert [entry["metric"] for entry in result["history"]] == [10, 50, 90, 20]


def test_no_epochs_change_nothing(tmp_path):
    result = train(build(), training(epochs=0), LoopOptions(str(tmp_path)))
    assert result["best_epoch"] == 0
    assert len(result["history"]) == 1


class Killed(BaseException):
    """Stands for a signal that no code can catch."""


@pytest.mark.parametrize("streams", [("a",), ("a", "b")])
@pytest.mark.parametrize("killed_at", [1, 7, 13, 14, 30])
def test_a_killed_training_ends_with_the_same_weights(tmp_path, monkeypatch, killed_at, streams):
    monkeypatch.setattr(loop_module, "_CHECKED_STEPS", 3)
    options = LoopOptions(str(tmp_path / "killed"), save_every=0)
    whole = build(dropout=0.3)
    task = training(streams=streams)
    expected = train(whole, task, LoopOptions(str(tmp_path / "whole")))
    seen = 0

    def dying(outputs, batch):
        nonlocal seen
        loss, count = squared(outputs, batch)

        def tick():
            nonlocal seen
            seen += 1
            if seen == killed_at:
                raise Killed
            return np.float32(0)

        return loss + tf.numpy_function(tick, [], tf.float32), count

    with pytest.raises(BaseException):  # noqa: B017, PT011 (TensorFlow wraps it)
        train(build(dropout=0.3), training(loss=dying, streams=streams), options)
    resumed = build(dropout=0.3)
    if os.path.exists(
        tmp_path / "killed" / STATE_FILE
    ):  # then what a new process starts from does not matter
        for variable in resumed.weights:
            variable.assign(variable + 1)
    result = train(resumed, task, options)
    assert same_weights(whole, resumed)
    assert untimed(expected["history"]) == untimed(result["history"])


def untimed(history):
    return [{k: v for k, v in entry.items() if k not in TIMES} for entry in history]


def same_weights(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


# 13 batches an epoch, and one of validation at the start and after each
@pytest.mark.parametrize(
    ("stopped_at", "saved_at"), [(1, (0, 0)), (5, (0, 4)), (14, (0, 13)), (15, (1, 0))]
)
def test_a_signal_stops_it_saved_at_that_very_batch(tmp_path, stopped_at, saved_at):
    whole, stopped, resumed = (build(dropout=0.3) for _ in range(3))
    expected = train(whole, training(), LoopOptions(str(tmp_path / "whole")))
    seen = 0

    def signalled(outputs, batch):
        loss, count = squared(outputs, batch)

        def tick():
            nonlocal seen
            seen += 1
            if seen == stopped_at:
                os.kill(os.getpid(), signal.SIGTERM)
            return np.float32(0)

        return loss + tf.numpy_function(tick, [], tf.float32), count

    options = LoopOptions(str(tmp_path / "stopped"))
    with signals.handled(), pytest.raises(signals.Interrupted):
        train(stopped, training(loss=signalled), options)
    with safetensors.safe_open(tmp_path / "stopped" / STATE_FILE, "numpy") as file:
        meta = json.loads(file.metadata()["training"])
    assert (meta["epoch"], meta["batch"]) == saved_at
    result = train(resumed, training(), options)
    assert same_weights(whole, resumed)
    assert [e["loss"] for e in result["history"]] == [e["loss"] for e in expected["history"]]


def test_a_damaged_state_starts_the_step_again(tmp_path):
    options = LoopOptions(str(tmp_path))
    model = build()
    train(model, training(), options)
    path = os.path.join(tmp_path, STATE_FILE)
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 2)
    again = build()
    train(again, training(), options)
    assert same_weights(model, again)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_best_weights(tmp_path):
    model = build()
    before = [w.numpy() for w in model.weights]

    def exploding(outputs, batch):
        loss, count = squared(outputs, batch)
        return loss / 0.0, count

    message = (
        r"parity: the loss is no longer finite in epoch 1, batches 1 to 13\..*lower learning rate"
    )
    with pytest.raises(TrainingError, match=message):
        train(model, training(loss=exploding), LoopOptions(str(tmp_path)))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def tiny_gradients(outputs, batch):
    loss, count = squared(tf.cast(outputs, tf.float32), batch)
    return loss * 1e-7, count  # 6e-8 is the smallest number of float16


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_small_gradients(tmp_path, policy):
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model, again = build(), build()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    table = model.get_layer("embeddings").embeddings.numpy()
    result = train(model, training(epochs=1, loss=tiny_gradients), LoopOptions(str(tmp_path)))
    assert result["history"][1]["validation_loss"] < result["history"][0]["validation_loss"]
    changed = model.get_layer("embeddings").embeddings.numpy() != table
    assert changed[1:].all()
    train(again, training(epochs=1, loss=tiny_gradients), LoopOptions(str(tmp_path)))  # taken up
    assert same_weights(model, again)


def test_float16_that_overflows_lowers_its_scale_and_goes_on(tmp_path):
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")

    def large(outputs, batch):
        loss, count = squared(tf.cast(outputs, tf.float32), batch)
        return loss * 1e4, count

    options = LoopOptions(str(tmp_path))
    result = train(model, training(loss=large), options)
    scale = safetensors.numpy.load_file(str(tmp_path / STATE_FILE))["optimizer.00003"]
    assert scale < 2.0**15
    assert result["history"][-1]["validation_loss"] < 0.5 * result["history"][0]["validation_loss"]


def test_tables_have_a_rate_of_their_own_in_float16_too(tmp_path):
    moved = []
    for rate in (1.0, 0.1):
        keras.mixed_precision.set_dtype_policy("mixed_float16")
        try:
            model = build()
        finally:
            keras.mixed_precision.set_dtype_policy("float32")
        start = model.get_layer("embeddings").get_weights()[0]
        task = dataclasses.replace(
            training(epochs=1, loss=lambda out, batch: squared(tf.cast(out, tf.float32), batch)),
            optimizer=lambda steps, rate=rate: LazyAdam(
                keras.optimizers.schedules.CosineDecay(0.01, steps), steps, rate
            ),
            tables=("embeddings",),
        )
        train(model, task, LoopOptions(str(tmp_path / str(rate))))
        moved.append(np.abs(model.get_layer("embeddings").get_weights()[0] - start).mean())
    assert 0 < moved[1] < 0.2 * moved[0]


def test_compiled_training_learns_the_same(tmp_path):
    plain, compiled = build(), build()
    task = training(epochs=2, streams=("a", "b"))
    expected = train(plain, task, LoopOptions(str(tmp_path / "a")))["history"]
    options = LoopOptions(str(tmp_path / "b"), jit_compile=True)
    found = train(compiled, task, options)["history"]
    for a, b in zip(plain.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    for name in ("loss", "validation_loss"):
        losses = [[entry[name] for entry in one[1:]] for one in (expected, found)]
        np.testing.assert_allclose(*losses, atol=1e-5)


def test_logs_are_written_for_tensorboard(tmp_path):
    train(build(), training(), LoopOptions(str(tmp_path / "a"), log_folder=str(tmp_path / "logs")))
    (name,) = os.listdir(tmp_path / "logs")
    events = list(tf.compat.v1.train.summary_iterator(str(tmp_path / "logs" / name)))
    tags = {value.tag for event in events for value in event.summary.value}
    assert tags == {"loss", "validation_loss", "learning_rate"}
    assert json.dumps(sorted({event.step for event in events})) == "[0, 1, 2, 3]"

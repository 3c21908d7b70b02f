"""The one training loop: of the teacher's fine-tuning, and of every step of distillation.

It trains the variables that are trainable when it starts, validates after every epoch, and ends
with the weights of the best epoch; the weights that it started from are a candidate too, so that
training cannot make a model worse by its own measure.
Its whole state is saved every few minutes and after each epoch: a run that is killed goes on from
there, and ends with the weights, bit for bit, of one that never was.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xtremedistil.data.batches import (
    Batch,
    epoch_batches,
    ordered_batches,
    prefetch,
    steps_per_epoch,
)
from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime import files, signals
from xtremedistil.runtime.errors import TrainingError
from xtremedistil.runtime.machine import return_free_memory
from xtremedistil.runtime.progress import progress
from xtremedistil.training.lazy_adam import LazyAdam
from xtremedistil.training.replicas import ManyDevices, OneDevice
from xtremedistil.training.state import TrainingState
from xtremedistil.training.task import LoopOptions, Training

STATE_FILE = "state.safetensors"
TIMES = ("seconds", "waiting_seconds")  # of an epoch: all that a second run need not repeat
_VALIDATION_PIECES = 16384
_CHECKED_STEPS = 20  # a loss is fetched from the device once in so many steps
_RETURN_SECONDS = 10  # between two returns of free memory: a hundredth of the time at the most


def train(model: keras.Model, training: Training, options: LoopOptions) -> dict[str, Any]:
    """Trains `model` in place, and leaves it with the weights of its best epoch.

    The saved state stays: whoever has stored the result removes it (`STATE_FILE`).

    Args:
        model: functional model; what is trainable now is trained.
        training: what to do.
        options: how.

    Returns:
        `history`, a list with one dict per epoch from 0, the start (`epoch`, `loss`,
        `validation_loss`, `metric`, `seconds`, and of these the `waiting_seconds` that the next
        batch was not ready), `best_epoch`, and both times of them all, also of those before an
        interruption.

    Raises:
        TrainingError: a loss is not finite; the model then has its best weights so far.
        Interrupted: a signal came; the state is saved.
    """
    loop = _Loop(model, training, options)
    with signals.deferred():
        try:
            loop.run()
        finally:
            loop.state.restore_best()
            loop.close()
    history = loop.state.history
    times = {name: sum(entry[name] for entry in history) for name in TIMES}
    return {"history": history, "best_epoch": loop.state.best_epoch, **times}


class _Loop:
    """The moving parts of one `train` call."""

    def __init__(self, model: keras.Model, training: Training, options: LoopOptions):
        self.model, self.training, self.options = model, training, options
        self.workers = options.workers
        strategy = self.workers.strategy
        self.devices = ManyDevices(strategy) if strategy else OneDevice()
        _seed_dropout(model, training.seed)
        self.main = next(iter(training.streams))
        self.steps = [self._steps(self.main, epoch) for epoch in range(training.epochs)]
        with self.workers.scope():
            self.optimizer = _scaling(training.optimizer(max(1, sum(self.steps))), model)
            self.lazy = self._find_lazy()
            self.optimizer.build(model.trainable_variables)
        files.make_folder(options.folder)
        self.state = TrainingState(os.path.join(options.folder, STATE_FILE), model, self.optimizer)
        self.train_step, self.validation_steps = self._compile()
        logged = options.log_folder if self.workers.chief else None
        self.writer = tf.summary.create_file_writer(logged) if logged else None

    def _find_lazy(self) -> LazyAdam | None:
        """The optimizer, where it can leave a table's rows alone until a batch reads them. On a GPU
        a pass over a table costs little, XLA wants shapes that are known, and replicas would have
        to agree on the rows."""
        tables = [self.model.get_layer(name) for name in self.training.tables]
        chosen = [layer.embeddings for layer in tables if layer.trainable]
        plain = self.workers.strategy is None and not self.options.jit_compile
        plain = plain and not tf.config.list_logical_devices("GPU")
        own = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        plain = plain and own is self.optimizer  # scaling leaves steps out, which rows cannot know
        if not (chosen and isinstance(own, LazyAdam)):
            return None
        own.tables, own.lazy = chosen, plain
        return own if plain else None

    def _steps(self, stream: str, epoch: int) -> int:
        one = self.training.streams[stream]
        return steps_per_epoch(one.source, one.batch_size, self._order(stream, epoch))

    def _order(self, stream: str, epoch: int) -> list[int]:
        return [*self.training.seed, list(self.training.streams).index(stream), epoch]

    def _losses(
        self, batches: Mapping[str, Mapping[str, tf.Tensor]], training: bool
    ) -> list[tuple]:
        batches, present = self.devices.share(batches)
        batches = {name: self._completed(name, batch) for name, batch in batches.items()}
        outputs = {
            stream: self.model(batch["ids"], training=training) for stream, batch in batches.items()
        }
        terms = [term for term in self.training.terms if term.stream in batches]
        losses = [term.loss(outputs[term.stream], batches[term.stream]) for term in terms]
        return self.devices.of_mean(losses, [present.get(t.stream) for t in terms])

    def _completed(self, stream: str, batch: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        complete = self.training.streams[stream].complete
        return batch if complete is None else complete(batch)

    def _compile(self) -> tuple[Callable, dict[str, Callable]]:
        variables = self.model.trainable_variables

        def train_step(batches: Mapping) -> tf.Tensor:
            if self.lazy:
                ids = [tf.reshape(batch["ids"], (-1,)) for batch in batches.values()]
                self.lazy.catch_up(tf.concat(ids, 0))
            with tf.GradientTape() as tape:
                losses = self._losses(batches, training=True)
                total = tf.add_n(
                    [
                        t.weight * loss
                        for t, (loss, _) in zip(self.training.terms, losses, strict=True)
                    ]
                )
                scaled = self.optimizer.scale_loss(total)
            gradients = self.devices.clip(tape.gradient(scaled, variables), self.optimizer)
            self.optimizer.apply(gradients, variables)
            return self.devices.sum(total)

        def validation_step(batches: Mapping) -> list[tuple]:
            return self.devices.sum(self._losses(batches, training=False))

        function = self.devices.function
        if self.options.jit_compile:  # traced for each shape, as XLA wants
            return function(train_step, jit_compile=True), dict.fromkeys(
                self.training.streams, function(validation_step, jit_compile=True)
            )
        signatures = {k: _signature(v.validation) for k, v in self.training.streams.items()}
        validate = {
            name: function(validation_step, input_signature=[{name: signature}])
            for name, signature in signatures.items()
        }
        return function(train_step, input_signature=[signatures]), validate

    def run(self) -> None:
        state = self.state
        loaded = state.load()
        done = sum(self.steps[: state.epoch]) + state.batch
        agreed = self.workers.agree(done if loaded else -1)
        if agreed != (done if loaded else -1):
            raise TrainingError(
                f"{self.training.name}: workers see different states: is {self.options.folder} on "
                f"a file system that they share? Received: batch {done}, the chief's {agreed:.0f}"
            )
        if not loaded:
            self._end_epoch(0, [], started=time.monotonic())
        with progress(self.training.name, sum(self.steps), "batches", done) as self.bar:
            while state.epoch < self.training.epochs and not self._is_patient_no_more():
                self._run_epoch(state.epoch)

    def _is_patient_no_more(self) -> bool:
        patience = self.training.patience
        return 0 < patience <= self.state.epoch - self.state.best_epoch

    def _run_epoch(self, epoch: int) -> None:
        state, started = self.state, time.monotonic() - self.state.seconds
        saved = returned = time.monotonic()
        pending: list[tf.Tensor] = []
        for batches in self._waited_for(self._batches(epoch, state.batch)):
            pending.append(self.train_step(batches))
            state.batch += 1
            self.bar.update()
            checked = len(pending) == _CHECKED_STEPS
            stopping = self._stopping(checked)
            if checked or stopping:
                self._collect(pending)
                if stopping or time.monotonic() - saved > self.options.save_every:
                    state.seconds = time.monotonic() - started
                    self._save()
                    saved = time.monotonic()
                if time.monotonic() - returned > _RETURN_SECONDS:
                    return_free_memory()
                    returned = time.monotonic()
            if stopping:
                signals.stop()
        self._collect(pending)
        self._end_epoch(epoch + 1, state.losses, started)

    def _stopping(self, checked: bool) -> bool:
        """Whether a signal came, to this worker or another: several must stop at the same batch,
        and ask each other only now and then."""
        if self.workers.number == 1:
            return signals.noted()
        return checked and self.workers.any(signals.noted())

    def _save(self) -> None:
        if self.workers.chief:
            self.state.save()

    def _batches(self, epoch: int, start: int) -> Iterator[dict[str, Batch]]:
        """Batches of every stream from batch `start` of the epoch on."""
        before = sum(self.steps[:epoch]) + start
        streams = {
            name: prefetch(self._endless(name, before))
            for name in self.training.streams
            if name != self.main
        }
        one = self.training.streams[self.main]
        order = self._order(self.main, epoch)
        main = epoch_batches(one.source, one.batch_size, order, start, self.options.length_step)
        for batch in prefetch(main):
            yield {self.main: batch} | {name: next(stream) for name, stream in streams.items()}

    def _waited_for(self, batches: Iterator) -> Iterator:
        """The same, and the time until each was ready counted."""
        while True:
            started = time.monotonic()
            batch = next(batches, None)
            self.state.waiting_seconds += time.monotonic() - started
            if batch is None:
                return
            yield batch

    def _endless(self, stream: str, before: int) -> Iterator[Batch]:
        """Batches of a stream that starts again as often as needed, from the `before`-th on."""
        one = self.training.streams[stream]
        epoch = 0
        while before >= (number := self._steps(stream, epoch)):
            before -= number
            epoch += 1
        while True:
            order = self._order(stream, epoch)
            yield from epoch_batches(
                one.source, one.batch_size, order, before, self.options.length_step
            )
            before, epoch = 0, epoch + 1

    def _collect(self, pending: list[tf.Tensor]) -> None:
        """Fetches losses of the last steps."""
        losses = [float(loss) for loss in pending]
        first = self.state.batch - len(losses) + 1
        pending.clear()
        if not all(map(math.isfinite, losses)):
            raise TrainingError(
                f"{self.training.name}: the loss is no longer finite in epoch "
                f"{self.state.epoch + 1}, batches {first} to {self.state.batch}. The best weights "
                "so far are kept. A lower learning rate, --mixed_precision=off, or a look at the "
                f"data may help. Received: losses {losses}"
            )
        self.state.losses.extend(losses)
        if losses:
            self.bar.set_postfix(loss=f"{losses[-1]:.4f}", **self.state.summary(), refresh=False)

    def _end_epoch(self, epoch: int, losses: list[float], started: float) -> None:
        validation = self._validate()
        metric = self.training.metric and self.workers.agree(float(self.training.metric()))
        entry = {
            "epoch": epoch,
            "loss": float(np.mean(losses)) if losses else None,
            "validation_loss": validation,
            "metric": metric,
            "seconds": time.monotonic() - started,
            "waiting_seconds": self.state.waiting_seconds,
        }
        self.state.end_epoch(entry, score=-validation if metric is None else metric)
        self._save()
        if self._stopping(checked=True):
            signals.stop()
        if self.writer:
            with self.writer.as_default(step=epoch):
                for name in ("loss", "validation_loss", "metric"):
                    if entry[name] is not None:
                        tf.summary.scalar(name, entry[name])
                tf.summary.scalar("learning_rate", float(self.optimizer.learning_rate))
            self.writer.flush()

    def _validate(self) -> float:
        """The weighted sum of the mean losses on all held-out rows."""
        if self.lazy:
            self.lazy.catch_up_all()
        total = 0.0
        for name, stream in self.training.streams.items():
            terms = [term for term in self.training.terms if term.stream == name]
            sums = np.zeros((len(terms), 2))
            for _, batch in ordered_batches(
                stream.validation, _VALIDATION_PIECES, self.options.length_step
            ):
                for row, (loss, count) in zip(
                    sums, self.validation_steps[name]({name: batch}), strict=True
                ):
                    row += float(loss) * float(count), float(count)
            total += sum(
                t.weight * row[0] / max(row[1], 1) for t, row in zip(terms, sums, strict=True)
            )
        return float(total)

    def close(self) -> None:
        if self.writer:
            self.writer.close()


def _seed_dropout(model: keras.Model, seed: Sequence[int]) -> None:
    """Starts every dropout afresh: else its masks would depend on what this process trained before,
    and a run that went on between two trainings would end with other weights."""
    states = [v for v in model.variables if v.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign(np.random.SeedSequence([*seed, number]).generate_state(2))


def _scaling(
    optimizer: keras.optimizers.Optimizer, model: keras.Model
) -> keras.optimizers.Optimizer:
    """The optimizer, with loss scaling where the model computes in float16: its small gradients
    would be zero there. bfloat16 has the range of float32 and needs none."""
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def _signature(rows: Ragged) -> dict[str, tf.TensorSpec]:
    """Shapes and types of the batches of `rows`, with batch and length left open."""
    example = rows.pad(np.zeros(1, np.int64))
    open_axes = {name: 1 if name in rows.sentences else 2 for name in example}
    return {
        name: tf.TensorSpec(
            [None] * open_axes[name] + list(values.shape[open_axes[name] :]), values.dtype
        )
        for name, values in example.items()
    }

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
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xtremedistil import artifacts, interruption
from xtremedistil.data.pipeline import (
    Batch,
    Source,
    epoch_batches,
    ordered_batches,
    prefetch,
    steps_per_epoch,
)
from xtremedistil.data.ragged import Ragged
from xtremedistil.errors import TrainingError
from xtremedistil.progress import progress
from xtremedistil.training.state import TrainingState

STATE_FILE = "state.safetensors"
_VALIDATION_PIECES = 16384
_CHECKED_STEPS = 20  # a loss is fetched from the device once in so many steps


@dataclass(frozen=True)
class Term:
    """One loss of a weighted sum.

    Attributes:
        name: as it is logged.
        stream: the data that it is computed on.
        weight: its factor.
        loss: from the model's outputs and a batch to the mean loss and the number of positions in
            that mean.
    """

    name: str
    stream: str
    weight: float
    loss: Callable[[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor]], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True)
class Stream:
    """One data set of a training: batches to learn from, and held-out rows.

    Attributes:
        source: what to train on.
        validation: what to validate on.
        batch_size: sentences in a batch.
    """

    source: Source
    validation: Ragged
    batch_size: int


@dataclass(frozen=True)
class Training:
    """What to train, on what, for how long.

    Attributes:
        name: for the progress line.
        terms: the losses.
        streams: by name; the first sets the length of an epoch, the others start again as often as
            needed.
        epochs: passes over the first stream.
        optimizer: from the total number of steps to a new optimizer.
        seed: of the order of the batches.
        metric: validation score to choose the best epoch by, the larger the better; None to choose
            by loss.
    """

    name: str
    terms: Sequence[Term]
    streams: Mapping[str, Stream]
    epochs: int
    optimizer: Callable[[int], keras.optimizers.Optimizer]
    seed: Sequence[int]
    metric: Callable[[], float] | None = None


@dataclass(frozen=True)
class LoopOptions:
    """How training runs, whatever it trains.

    Attributes:
        folder: where its state is saved.
        log_folder: where TensorBoard logs go, or None.
        jit_compile: compile the step with XLA, for padded lengths that are multiples of 8.
        save_every: seconds between two saves of the state.
    """

    folder: str
    log_folder: str | None = None
    jit_compile: bool = False
    save_every: float = 300.0

    @property
    def length_step(self) -> int:
        """Lengths are padded to a multiple of this."""
        return 8 if self.jit_compile else 1


def train(model: keras.Model, training: Training, options: LoopOptions) -> dict[str, Any]:
    """Trains `model` in place, and leaves it with the weights of its best epoch.

    The saved state stays: whoever has stored the result removes it (`STATE_FILE`).

    Args:
        model: functional model; what is trainable now is trained.
        training: what to do.
        options: how.

    Returns:
        `history`, a list with one dict per epoch from 0, the start (`epoch`, `loss`,
        `validation_loss`, `metric`, `seconds`), `best_epoch`, and the `seconds` of them all, also
        of those before an interruption.

    Raises:
        TrainingError: a loss is not finite; the model then has its best weights so far.
        Interrupted: a signal came; the state is saved.
    """
    loop = _Loop(model, training, options)
    with interruption.deferred():
        try:
            loop.run()
        finally:
            loop.state.restore_best()
            loop.close()
    history = loop.state.history
    seconds = sum(entry["seconds"] for entry in history)
    return {"history": history, "best_epoch": loop.state.best_epoch, "seconds": seconds}


class _Loop:
    """The moving parts of one `train` call."""

    def __init__(self, model: keras.Model, training: Training, options: LoopOptions):
        self.model, self.training, self.options = model, training, options
        self.main = next(iter(training.streams))
        self.steps = [self._steps(self.main, epoch) for epoch in range(training.epochs)]
        self.optimizer = training.optimizer(max(1, sum(self.steps)))
        self.optimizer.build(model.trainable_variables)
        artifacts.make_folder(options.folder)
        self.state = TrainingState(os.path.join(options.folder, STATE_FILE), model, self.optimizer)
        self.train_step, self.validation_steps = self._compile()
        self.writer = (
            tf.summary.create_file_writer(options.log_folder) if options.log_folder else None
        )

    def _steps(self, stream: str, epoch: int) -> int:
        one = self.training.streams[stream]
        return steps_per_epoch(one.source, one.batch_size, self._order(stream, epoch))

    def _order(self, stream: str, epoch: int) -> list[int]:
        return [*self.training.seed, list(self.training.streams).index(stream), epoch]

    def _losses(
        self, batches: Mapping[str, Mapping[str, tf.Tensor]], training: bool
    ) -> list[tuple]:
        outputs = {
            stream: self.model(batch["ids"], training=training) for stream, batch in batches.items()
        }
        return [
            term.loss(outputs[term.stream], batches[term.stream])
            for term in self.training.terms
            if term.stream in batches
        ]

    def _compile(self) -> tuple[Callable, dict[str, Callable]]:
        variables = self.model.trainable_variables

        def train_step(batches: Mapping) -> tf.Tensor:
            with tf.GradientTape() as tape:
                losses = self._losses(batches, training=True)
                total = tf.add_n(
                    [
                        t.weight * loss
                        for t, (loss, _) in zip(self.training.terms, losses, strict=True)
                    ]
                )
                scaled = self.optimizer.scale_loss(total)
            self.optimizer.apply(tape.gradient(scaled, variables), variables)
            return total

        def validation_step(batches: Mapping) -> list[tuple]:
            return self._losses(batches, training=False)

        if self.options.jit_compile:  # traced for each shape, as XLA wants
            return tf.function(train_step, jit_compile=True), dict.fromkeys(
                self.training.streams, tf.function(validation_step, jit_compile=True)
            )
        signatures = {k: _signature(v.validation) for k, v in self.training.streams.items()}
        validate = {
            name: tf.function(validation_step, input_signature=[{name: signature}])
            for name, signature in signatures.items()
        }
        return tf.function(train_step, input_signature=[signatures]), validate

    def run(self) -> None:
        state = self.state
        if not state.load():
            self._end_epoch(0, [], started=time.monotonic())
        done = sum(self.steps[: state.epoch]) + state.batch
        with progress(self.training.name, sum(self.steps), "batches", done) as self.bar:
            while state.epoch < self.training.epochs:
                self._run_epoch(state.epoch)

    def _run_epoch(self, epoch: int) -> None:
        state, started = self.state, time.monotonic() - self.state.seconds
        saved, pending = time.monotonic(), []
        for batches in self._batches(epoch, state.batch):
            pending.append(self.train_step(batches))
            state.batch += 1
            self.bar.update()
            stopping = interruption.noted()
            if len(pending) == _CHECKED_STEPS or stopping:
                self._collect(pending)
                if stopping or time.monotonic() - saved > self.options.save_every:
                    state.seconds = time.monotonic() - started
                    state.save()
                    saved = time.monotonic()
            interruption.check()
        self._collect(pending)
        self._end_epoch(epoch + 1, state.losses, started)

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
                f"{self.state.epoch + 1}, batches {first} to "
                f"{self.state.batch}. The best weights so far are kept. A lower learning rate, "
                f"--mixed_precision=off, or "
                f"a look at the data may help. Received: losses {losses}"
            )
        self.state.losses.extend(losses)
        if losses:
            self.bar.set_postfix(loss=f"{losses[-1]:.4f}", **self.state.summary(), refresh=False)

    def _end_epoch(self, epoch: int, losses: list[float], started: float) -> None:
        validation = self._validate()
        metric = None if self.training.metric is None else float(self.training.metric())
        entry = {
            "epoch": epoch,
            "loss": float(np.mean(losses)) if losses else None,
            "validation_loss": validation,
            "metric": metric,
            "seconds": time.monotonic() - started,
        }
        self.state.end_epoch(entry, score=-validation if metric is None else metric)
        self.state.save()
        interruption.check()
        if self.writer:
            with self.writer.as_default(step=epoch):
                for name in ("loss", "validation_loss", "metric"):
                    if entry[name] is not None:
                        tf.summary.scalar(name, entry[name])
                tf.summary.scalar("learning_rate", float(self.optimizer.learning_rate))
            self.writer.flush()

    def _validate(self) -> float:
        """The weighted sum of the mean losses on all held-out rows."""
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

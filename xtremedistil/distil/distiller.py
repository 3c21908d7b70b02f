"""Walks a strategy: one training per step, each from the weights that the last one left (Algorithm
1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from absl import logging

from xtremedistil.config import DistillationConfig
from xtremedistil.data.batches import InMemory, Source, ordered_batches
from xtremedistil.data.ragged import Ragged
from xtremedistil.distil.baseline import constant_loss
from xtremedistil.distil.losses import Loss, Moments, loss_named, standardize
from xtremedistil.distil.strategies import REPRESENTATION, Step
from xtremedistil.layers.weights import load_weights, save_weights
from xtremedistil.runtime.parts import Part
from xtremedistil.students.student import LABEL_HEAD, LOGIT_HEAD, copy_head, fold_map, set_trainable
from xtremedistil.training.lazy_adam import LazyAdam
from xtremedistil.training.loop import STATE_FILE, train
from xtremedistil.training.task import LoopOptions, Stream, Term, Training

WEIGHTS = "weights.safetensors"
LABELED, TRANSFER = "labeled", "transfer"
_PIECES_AT_ONCE = 4096  # that a live teacher reads
_TAUGHT_NOTHING = 0.9  # of the constant's loss is left


@dataclass(frozen=True)
class DistillationData:
    """What steps learn from and validate on; `ids` are rows of the student's table.

    Attributes:
        labeled: D_l with `labels`, cut to the training length, of a language or (None) of all.
        dev: labeled sentences to validate on, likewise.
        transfer: from the target kinds (`logits`, `states`) to D_u with them, its held-out slice,
            and what completes a batch of either (`Stream.complete`).
        classification: whether `labels` and targets are per text.
    """

    labeled: Callable[[str | None], Ragged]
    dev: Callable[[str | None], Ragged]
    transfer: Callable[[tuple[str, ...]], tuple[Source, Ragged, Callable | None]]
    classification: bool


@dataclass(frozen=True)
class Distiller:
    """Trains a student step by step.

    Attributes:
        model: a student with its starting weights.
        data: what to learn from.
        config: losses, batch size, learning rates, selection.
        seed: of batch order.
        options: how to train in a step's folder.
        metric: the dev score of the model with a head, on a language or all, for
            steps that it chooses in (`--select_by`).
    """

    model: keras.Model
    data: DistillationData
    config: DistillationConfig
    seed: int
    options: Callable[[Part], LoopOptions]
    metric: Callable[[str, str | None], float]

    def run(
        self, steps: Sequence[Step], parts: Sequence[Part], last_stage: int
    ) -> list[dict[str, Any]]:
        """Goes through the steps, on from those that are done; each language starts afresh.

        Args:
            steps: of `strategies.steps_of`.
            parts: the folder of each.
            last_stage: steps of later stages are left for another run.

        Returns:
            What each step recorded: `history`, `best_epoch`, `seconds`, `peak_memory_bytes`, and
            the `constant_loss` of `baseline.py` where one loss learns from stored targets.
        """
        start = self.model.get_weights()
        records = []
        for number, (step, part) in enumerate(zip(steps, parts, strict=True)):
            before = steps[number - 1] if number else None
            if before is not None and before.language != step.language:
                self.model.set_weights(start)
                before = None
            if step.stage > last_stage:
                continue
            with part.claimed() as record:
                if record is None:
                    if step.head == LABEL_HEAD and before and before.head == LOGIT_HEAD:
                        copy_head(self.model)
                    title = f"[{number + 1}/{len(steps)}] {_title(step)}"
                    record = self._make(step, part, self._training(step, number, title))
                else:
                    load_weights(part.path(WEIGHTS), self.model)
            records.append(record)
        return records

    def _make(self, step: Step, part: Part, training: Training) -> dict[str, Any]:
        def train_step() -> tuple[dict[str, Any], tuple[str, ...]]:
            set_trainable(self.model, step.trained, step.heads)
            result = train(self.model, training, self.options(part))
            fold_map(self.model)
            result["constant_loss"] = self._constant_loss(step, training)
            if part.workers.chief:
                _warn_of_nothing(step, self._losses(step), result)
                save_weights(part.path(WEIGHTS), self.model)
            return result, (WEIGHTS,)

        return part.make(train_step, scratch=(STATE_FILE,), together=True)

    def _training(self, step: Step, number: int, title: str) -> Training:
        config, data, losses = self.config, self.data, self._losses(step)
        streams = {}
        if wanted := dict.fromkeys(loss.target for loss in losses if loss.of_teacher):
            source, held_out, complete = data.transfer(tuple(wanted))
            streams[TRANSFER] = Stream(source, held_out, config.batch_size, complete)
        if any(not loss.of_teacher for loss in losses):
            labeled, dev = data.labeled(step.language), data.dev(step.language)
            size = config.label_batch_size or config.batch_size
            streams[LABELED] = Stream(InMemory(labeled), dev, size)
        terms = [
            Term(
                name=loss.name,
                stream=TRANSFER if loss.of_teacher else LABELED,
                weight=getattr(config, loss.weight) if len(losses) > 1 else 1.0,
                loss=loss.of_batch(
                    data.classification,
                    Moments.of(_held_out(streams[TRANSFER], loss)) if loss.standardized else None,
                ),
            )
            for loss in losses
        ]
        scored = step.select_by == "metric" and step.head is not None
        return Training(
            name=title,
            terms=terms,
            streams=streams,
            epochs=step.epochs,
            optimizer=lambda steps: self._optimizer(step.learning_rate, steps),
            seed=[self.seed, number],
            metric=(lambda: self.metric(step.head, step.language)) if scored else None,
            patience=config.patience,
            tables=("embeddings",),
        )

    def _losses(self, step: Step) -> list[Loss]:
        return [loss_named(name, self.config) for name in step.losses]

    def _constant_loss(self, step: Step, training: Training) -> float | None:
        """The held-out loss of the best constant answer; None for several losses, one that reports
        none (labels), or targets that are not stored."""
        loss, *others = self._losses(step)
        if others or loss.divergence is None:
            return None
        stream = training.streams[TRANSFER]
        if stream.complete is not None:
            return None
        targets = _held_out(stream, loss)
        if loss.standardized:
            targets = standardize(targets, Moments.of(targets))
        return constant_loss(loss.divergence, targets)

    def _optimizer(self, high: float, steps: int) -> keras.optimizers.Optimizer:
        """A fresh Adam with a cosine schedule of its own (Appendix A.2)."""
        low = self.config.final_learning_rate
        schedule = keras.optimizers.schedules.CosineDecay(high, steps, alpha=low / high)
        return LazyAdam(schedule, steps, self.config.embedding_rate)


def _held_out(stream: Stream, loss: Loss) -> np.ndarray:
    """`(positions, width)`: the targets that a loss learns from in held-out sentences, which are a
    sample of the transfer set."""
    held_out = {**stream.validation.pieces, **stream.validation.sentences}
    if stream.complete is None:
        targets = held_out[loss.target]
        counted = np.asarray(loss.positions(held_out, np.ones(len(targets), np.float32))) > 0
        return targets if counted.all() else targets[counted]
    found = []
    for _, batch in ordered_batches(stream.validation, _PIECES_AT_ONCE):
        values = np.asarray(stream.complete(batch)[loss.target])
        found.append(values[batch["mask"] > 0] if values.ndim == 3 else values)
    return np.concatenate(found)


def _warn_of_nothing(step: Step, losses: Sequence[Loss], result: Mapping[str, Any]) -> None:
    """Says so where a whole stage learned no more than one answer for all texts."""
    best, constant = result["history"][result["best_epoch"]], result["constant_loss"]
    if constant is None or "embeddings" not in step.trained:
        return
    if best["validation_loss"] > _TAUGHT_NOTHING * constant:
        hint = "More epochs or a higher --learning_rate may help."
        if step.losses == (REPRESENTATION,):
            other = "" if losses[0].standardized else ", or --representation_loss=standardized"
            hint = (
                "The states may hardly differ from text to text: try another --teacher_layer"
                f"{other}."
            )
        logging.warning(
            "%s taught the student nothing about the texts: its validation loss is %.3g, and that "
            "of the best single answer for all texts %.3g. %s",
            *(step.name, best["validation_loss"], constant, hint),
        )


def _title(step: Step) -> str:
    words = f"{'+'.join(step.losses)}: {step.newest}"
    return f"{words} {step.language}" if step.language else words

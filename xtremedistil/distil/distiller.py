"""Walks a strategy: one training per step, each from the weights that the last one left (Algorithm
1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from xtremedistil.artifacts import Part
from xtremedistil.config import DistillationConfig
from xtremedistil.data.labels import IGNORED
from xtremedistil.data.pipeline import InMemory, Source
from xtremedistil.data.ragged import Ragged
from xtremedistil.distil import losses
from xtremedistil.distil.strategies import LABELS, LOGITS, REPRESENTATION, Step
from xtremedistil.models.student import LABEL_HEAD, LOGIT_HEAD, copy_head, set_trainable
from xtremedistil.models.weights import load_weights, save_weights
from xtremedistil.training.loop import STATE_FILE, LoopOptions, Stream, Term, Training, train

WEIGHTS = "weights.safetensors"
LABELED, TRANSFER = "labeled", "transfer"


@dataclass(frozen=True)
class DistillationData:
    """What steps learn from and validate on; `ids` are rows of the student's table.

    Attributes:
        labeled: D_l with `labels`, cut to the training length.
        dev: labeled sentences to validate on, cut likewise.
        transfer: from the target kinds (`logits`, `states`) to D_u with them, and its held-out
            slice.
        classification: whether `labels` and targets are per text.
    """

    labeled: Ragged
    dev: Ragged
    transfer: Callable[[tuple[str, ...]], tuple[Source, Ragged]]
    classification: bool


def distil_steps(
    model: keras.Model,
    steps: Sequence[Step],
    parts: Sequence[Part],
    data: DistillationData,
    config: DistillationConfig,
    seed: int,
    options: Callable[[Part], LoopOptions],
    metric: Callable[[str], float],
    last_stage: int,
) -> list[dict[str, Any]]:
    """Trains a student step by step, going on after the steps that are done.

    Args:
        model: a student with its starting weights; ends with those of the last step.
        steps: of `strategies.plan`.
        parts: the folder of each step.
        data: what to learn from.
        config: losses, batch size, learning rates, selection.
        seed: of batch order.
        options: how to train in a step's folder.
        metric: the dev score of the model with a head, for `--select_by=metric`.
        last_stage: steps of later stages are left for another run.

    Returns:
        What each step recorded: `history`, `best_epoch`, `seconds`, `peak_memory_bytes`.
    """
    records = []
    previous: Step | None = None
    for number, (step, part) in enumerate(zip(steps, parts, strict=True)):
        if step.stage > last_stage:
            break
        record = part.results()
        if record is None:
            if step.head == LABEL_HEAD and previous is not None and previous.head == LOGIT_HEAD:
                copy_head(model)
            training = _training(step, number, len(steps), data, config, seed, metric)

            def train_step(
                step: Step = step, part: Part = part, training: Training = training
            ) -> tuple:
                set_trainable(model, step.trained, step.heads)
                result = train(model, training, options(part))
                save_weights(part.path(WEIGHTS), model)
                return result, (WEIGHTS,)

            record = part.make(train_step, scratch=(STATE_FILE,))
        else:
            load_weights(part.path(WEIGHTS), model)
        records.append(record)
        previous = step
    return records


def _training(
    step: Step,
    number: int,
    total: int,
    data: DistillationData,
    config: DistillationConfig,
    seed: int,
    metric: Callable[[str], float],
) -> Training:
    streams = {}
    kinds = tuple(
        kind
        for loss, kind in ((LOGITS, "logits"), (REPRESENTATION, "states"))
        if loss in step.losses
    )
    if kinds:
        source, held_out = data.transfer(kinds)
        streams[TRANSFER] = Stream(source, held_out, config.batch_size)
    if LABELS in step.losses:
        streams[LABELED] = Stream(InMemory(data.labeled), data.dev, config.batch_size)
    joint = len(step.losses) > 1
    weights = {LABELS: config.alpha, REPRESENTATION: config.beta, LOGITS: config.gamma}
    terms = [
        Term(
            name=loss,
            stream=LABELED if loss == LABELS else TRANSFER,
            weight=weights[loss] if joint else 1.0,
            loss=_term(loss, config.representation_loss, data.classification),
        )
        for loss in step.losses
    ]

    def optimizer(steps: int) -> keras.optimizers.Optimizer:
        shrink = config.final_learning_rate / config.learning_rate if config.learning_rate else 0.0
        return keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(config.learning_rate, steps, alpha=shrink)
        )

    scored = config.select_by == "metric" and step.head is not None
    return Training(
        name=f"[{number + 1}/{total}] {'+'.join(step.losses)}: {step.newest}",
        terms=terms,
        streams=streams,
        epochs=step.epochs,
        optimizer=optimizer,
        seed=[seed, number],
        metric=(lambda: metric(step.head)) if scored else None,
    )


def _term(
    loss: str, representation_loss: str, classification: bool
) -> Callable[[Mapping, Mapping], tuple]:
    """A loss of the model's outputs and a batch, with the number of positions that it is a mean
    over."""

    def mask_of(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.ones_like(batch["mask"][:, 0]) if classification else batch["mask"]

    def of_labels(outputs: Mapping, batch: Mapping) -> tuple:
        mask = mask_of(batch) * tf.cast(tf.not_equal(batch["labels"], IGNORED), tf.float32)
        return losses.label_loss(outputs[LABEL_HEAD], batch["labels"], mask), tf.reduce_sum(mask)

    def of_logits(outputs: Mapping, batch: Mapping) -> tuple:
        mask = mask_of(batch)
        return losses.logit_loss(outputs[LOGIT_HEAD], batch["logits"], mask), tf.reduce_sum(mask)

    def of_states(outputs: Mapping, batch: Mapping) -> tuple:
        mask = mask_of(batch)
        distance = (
            losses.representation_loss
            if representation_loss == "kld"
            else losses.squared_representation_loss
        )
        return distance(outputs["representation"], batch["states"], mask), tf.reduce_sum(mask)

    return {LABELS: of_labels, LOGITS: of_logits, REPRESENTATION: of_states}[loss]

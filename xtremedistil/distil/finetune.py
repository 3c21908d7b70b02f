"""Fine-tunes the teacher on D_l end to end (Section 3): AdamW, warm-up, best epoch by validation
loss."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xtremedistil.config import TeacherConfig
from xtremedistil.data.batches import InMemory, steps_per_epoch
from xtremedistil.data.labels import IGNORED, LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.distil.losses import label_loss
from xtremedistil.training.adamw import FusedAdamW
from xtremedistil.training.loop import train
from xtremedistil.training.task import LoopOptions, Stream, Term, Training

_UNDECAYED = ("bias", "gamma", "beta")
_RANDOM_STREAM = 7  # of --teacher_seed; another number would train another teacher


def finetune(
    model: keras.Model,
    labels: LabelSet,
    train_rows: Ragged,
    dev_rows: Ragged,
    config: TeacherConfig,
    options: LoopOptions,
) -> dict[str, Any]:
    """Trains a teacher in place.

    Args:
        model: of `build_teacher`.
        labels: its classes.
        train_rows: D_l with `ids` and `labels`, cut to the training length.
        dev_rows: labeled sentences to validate on, cut likewise.
        config: epochs, batch size, learning rate.
        options: how to train.

    Returns:
        The loop's history.
    """

    def term(outputs: dict, batch: dict) -> tuple:
        shown = batch["mask"] if labels.task == "ner" else tf.ones_like(batch["mask"][:, 0])
        mask = shown * tf.cast(tf.not_equal(batch["labels"], IGNORED), tf.float32)
        return label_loss(outputs["logits"], batch["labels"], mask), tf.reduce_sum(mask)

    def optimizer(steps: int) -> keras.optimizers.Optimizer:
        schedule, decay = _schedule(config, steps), config.teacher_weight_decay
        return FusedAdamW(schedule, decay, _UNDECAYED, clip_norm=1.0)

    training = Training(
        name="teacher: fine-tuning",
        terms=(Term("labels", "labeled", 1.0, term),),
        streams={"labeled": Stream(InMemory(train_rows), dev_rows, config.teacher_batch_size)},
        epochs=config.teacher_epochs,
        optimizer=optimizer,
        seed=_seed(config),
    )
    return train(model, training, options)


def decay_without_gradient(train_rows: Ragged, config: TeacherConfig, epochs: int) -> float:
    """What the weight decay of `finetune` leaves of a weight that never has a gradient.

    Args:
        train_rows: as in `finetune`.
        config: likewise.
        epochs: after how many of `config.teacher_epochs`.

    Returns:
        The product of `1 - weight decay * learning rate` over the steps.
    """
    source = InMemory(train_rows)
    steps = [
        steps_per_epoch(source, config.teacher_batch_size, [*_seed(config), 0, epoch])
        for epoch in range(config.teacher_epochs)
    ]
    rates = _schedule(config, max(1, sum(steps)))(np.arange(sum(steps[:epochs]))).numpy()
    return float(np.prod(1 - config.teacher_weight_decay * rates.astype(np.float64)))


def _seed(config: TeacherConfig) -> list[int]:
    return [config.teacher_seed, _RANDOM_STREAM]


def _schedule(config: TeacherConfig, steps: int) -> "_LinearDecay":
    warmup = math.ceil(config.teacher_warmup * steps)
    return _LinearDecay(config.teacher_learning_rate, warmup, steps)


@keras.saving.register_keras_serializable("xtremedistil")
class _LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Up from zero to a peak in `warmup` steps, then down to zero at the last of `steps`, as BERT
    is fine-tuned."""

    def __init__(self, peak: float, warmup: int, steps: int):
        self.peak, self.warmup, self.steps = peak, warmup, steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        up = (step + 1) / max(1, self.warmup)
        down = (self.steps - step) / max(1, self.steps - self.warmup)
        return self.peak * tf.clip_by_value(tf.minimum(up, down), 0.0, 1.0)

    def get_config(self) -> dict:
        return {"peak": self.peak, "warmup": self.warmup, "steps": self.steps}

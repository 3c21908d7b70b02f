"""The losses of distillation. Each is a mean over real positions; the mask is never optional.

Shapes below are those of NER, `(batch, length, ...)`; classification has no axis `length`.
Arithmetic is in float32 whatever the inputs are. What training needs to know of a loss is its
record at the end of this file: a new loss is a function and a record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil.config import DistillationConfig
from xtremedistil.data.encoding import HAS_CLASS
from xtremedistil.data.labels import IGNORED
from xtremedistil.distil.baseline import HALF_SQUARES, KL_OF_SOFTMAX, MEAN_SQUARES, Divergence
from xtremedistil.students.student import LABEL_HEAD, LOGIT_HEAD

REPRESENTATION, LOGITS, LABELS = "representation", "logits", "labels"


def _mean(values: Any, mask: Any) -> Any:
    mask = tf.cast(mask, tf.float32)
    # where, not a product alone: a padded position may hold anything, even NaN
    values = tf.where(mask > 0, values, 0.0)
    return tf.math.divide_no_nan(tf.reduce_sum(values * mask), tf.reduce_sum(mask))


def label_loss(logits: Any, labels: Any, mask: Any) -> Any:
    """Cross-entropy with the true classes (Eq. 2).

    Args:
        logits: student (or teacher) scores, `(batch, length, classes)`.
        labels: `(batch, length)` integers; where the mask is 0 they may be anything.
        mask: `(batch, length)`, 1 where a class applies.

    Returns:
        Scalar: the mean over the positions of the mask, in nats.
    """
    classes = tf.where(tf.cast(mask, tf.bool), tf.cast(labels, tf.int32), 0)
    return _mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(classes, tf.cast(logits, tf.float32)), mask
    )


def logit_loss(student: Any, teacher: Any, mask: Any) -> Any:
    """Half the squared distance between student scores and teacher logits (Eq. 4).

    Args:
        student: `(batch, length, classes)`.
        teacher: pre-softmax scores, same shape.
        mask: `(batch, length)`, 1 where a piece is real.

    Returns:
        Scalar: summed over classes, averaged over real positions.
    """
    difference = tf.cast(student, tf.float32) - tf.cast(teacher, tf.float32)
    return _mean(0.5 * tf.reduce_sum(tf.square(difference), axis=-1), mask)


def representation_loss(student: Any, teacher: Any, mask: Any) -> Any:
    """KL divergence from softmaxed teacher states to softmaxed student states (Eq. 6).

    The paper writes it on raw vectors, where it is undefined for negative entries; a softmax over
    the hidden dimension makes both sides distributions, and KL(teacher || student) is
    distillation's usual direction.

    Args:
        student: projected student states, `(batch, length, width)`.
        teacher: teacher states at the distilled layer, same shape.
        mask: `(batch, length)`, 1 where a piece is real.

    Returns:
        Scalar: summed over the width, averaged over real positions, in nats.
    """
    student = tf.nn.log_softmax(tf.cast(student, tf.float32))
    teacher = tf.nn.log_softmax(tf.cast(teacher, tf.float32))
    return _mean(tf.reduce_sum(tf.exp(teacher) * (teacher - student), axis=-1), mask)


def squared_representation_loss(student: Any, teacher: Any, mask: Any) -> Any:
    """Mean squared error between hidden states: the other reading of Eq. 6
    (`--representation_loss=mse`).

    Args and shapes as in `representation_loss`.

    Returns:
        Scalar: averaged over the width and over real positions.
    """
    difference = tf.cast(student, tf.float32) - tf.cast(teacher, tf.float32)
    return _mean(tf.reduce_mean(tf.square(difference), axis=-1), mask)


def cosine_representation_loss(student: Any, teacher: Any, mask: Any) -> Any:
    """One less the cosine between hidden states (`--representation_loss=cosine`): directions alone.

    Args and shapes as in `representation_loss`.

    Returns:
        Scalar: averaged over real positions, from 0 to 2.
    """
    student, teacher = (
        tf.math.l2_normalize(tf.cast(states, tf.float32), axis=-1) for states in (student, teacher)
    )
    return _mean(1.0 - tf.reduce_sum(student * teacher, axis=-1), mask)


def _all(batch: Mapping[str, Any], real: Any) -> Any:
    return real


def _with_label(batch: Mapping[str, Any], real: Any) -> Any:
    return real * tf.cast(tf.not_equal(batch["labels"], IGNORED), tf.float32)


def _with_class(batch: Mapping[str, Any], real: Any) -> Any:
    """Elsewhere a ready-made teacher's logits were never trained."""
    return real * tf.cast(batch[HAS_CLASS], tf.float32) if HAS_CLASS in batch else real


@dataclass(frozen=True)
class Loss:
    """All that training needs to know of a loss.

    Attributes:
        name: as strategies name it.
        function: from the student's output, the target and a mask to the mean over the mask.
        output: the output of the student that it reads.
        target: what it learns from, by its name in a batch: `labels`, or a kind of target that the
            teacher gives.
        weight: the option that weighs it in a joint stage (Eq. 7).
        positions: from a batch and the mask of real positions, `(batch, length)`, to the mask of
            those that count.
        option: the option that chooses among several losses of one name, and its value for this
            one.
        divergence: what the best constant answer loses is computed from; None where it is not
            reported.
        standardized: whether the targets are first given, in each dimension, mean 0 and deviation 1
            over held-out text (`standardize`), which the student then learns.
    """

    name: str
    function: Callable[[Any, Any, Any], Any]
    output: str
    target: str
    weight: str
    positions: Callable[[Mapping[str, Any], Any], Any] = _all
    option: tuple[str, str] | None = None
    divergence: Divergence | None = None
    standardized: bool = False

    @property
    def of_teacher(self) -> bool:
        """Whether the teacher gives the target, and not the data."""
        return self.target != "labels"

    @property
    def trains_head(self) -> bool:
        """Whether the output that it reads is a head."""
        return self.output in (LOGIT_HEAD, LABEL_HEAD)

    def of_batch(
        self, per_text: bool, moments: "Moments | None" = None
    ) -> Callable[[Mapping[str, Any], Mapping[str, Any]], tuple]:
        """The loss of a batch, as `training.task.Term` wants it.

        Args:
            per_text: whether outputs and targets have no axis `length`.
            moments: of the targets, where the loss wants them standardized.

        Returns:
            From the student's outputs and a batch to the mean loss and the number of positions
            that it is a mean over.
        """

        def mean_and_number(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple:
            real = tf.ones_like(batch["mask"][:, 0]) if per_text else batch["mask"]
            mask, target = self.positions(batch, real), batch[self.target]
            if moments is not None:
                target = standardize(tf.cast(target, tf.float32), moments)
            loss = self.function(outputs[self.output], target, mask)
            return loss, tf.reduce_sum(mask)

        return mean_and_number


class Moments(NamedTuple):
    """Mean and standard deviation of targets in each dimension, `(width,)` float32 both."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, targets: np.ndarray) -> "Moments":
        """Those of `(positions, width)` targets; a dimension that never varies has deviation 1."""
        mean = targets.mean(axis=0, dtype=np.float64)
        deviation = targets.std(axis=0, dtype=np.float64)
        # what varies less than half precision rounds is not blown up to be learned
        deviation = np.maximum(deviation, np.abs(mean) * 2.0**-10)
        deviation[deviation == 0] = 1
        return cls(mean.astype(np.float32), deviation.astype(np.float32))


def standardize(targets: Any, moments: Moments) -> Any:
    """Targets, `(..., width)`, with mean 0 and deviation 1 in each dimension."""
    return (targets - moments.mean) / moments.deviation


LOSSES = [
    Loss(LABELS, label_loss, LABEL_HEAD, "labels", weight="alpha", positions=_with_label),
    Loss(
        LOGITS,
        logit_loss,
        LOGIT_HEAD,
        "logits",
        weight="gamma",
        positions=_with_class,
        divergence=HALF_SQUARES,
    ),
    Loss(
        REPRESENTATION,
        representation_loss,
        "representation",
        "states",
        weight="beta",
        option=("representation_loss", "kld"),
        divergence=KL_OF_SOFTMAX,
    ),
    Loss(
        REPRESENTATION,
        squared_representation_loss,
        "representation",
        "states",
        weight="beta",
        option=("representation_loss", "mse"),
        divergence=MEAN_SQUARES,
    ),
    Loss(
        REPRESENTATION,
        squared_representation_loss,
        "representation",
        "states",
        weight="beta",
        option=("representation_loss", "standardized"),
        divergence=MEAN_SQUARES,
        standardized=True,
    ),
    Loss(
        REPRESENTATION,
        cosine_representation_loss,
        "representation",
        "states",
        weight="beta",
        option=("representation_loss", "cosine"),
    ),
]


def loss_named(name: str, config: DistillationConfig) -> Loss:
    """The loss of a name, chosen by the options where there are several."""
    (loss,) = (
        loss
        for loss in LOSSES
        if loss.name == name and (loss.option is None or _is_chosen(loss.option, config))
    )
    return loss


def _is_chosen(option: tuple[str, str], config: DistillationConfig) -> bool:
    name, value = option
    return getattr(config, name) == value

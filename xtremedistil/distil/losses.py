"""The three losses of distillation. Each is a mean over real positions; the mask is never optional.

Shapes below are those of NER, `(batch, length, ...)`; classification has no axis `length`.
Arithmetic is in float32 whatever the inputs are.
"""

from typing import Any

import tensorflow as tf


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

"""The loss of a student that gives one answer for every position of every text.

A step whose loss ends no lower has taught nothing about the texts. That happens where the teacher's
states hardly differ from text to text, as softmaxed [CLS] states do.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_ROWS = 8192  # that are in memory at once in float64


@dataclass(frozen=True)
class Divergence:
    """What a loss measures between target and answer, where that is a Bregman divergence.

    Such a loss is least, among all constant answers, at the mean of the targets, and loses there
    the mean of the potential less the potential of the mean (Banerjee et al., 2005, Theorem 1).

    Attributes:
        prepare: from targets, `(rows, width)` float64, to what is compared, of the same shape.
        potential: the convex function, of each row: `(..., width)` to `(...)`.
    """

    prepare: Callable[[np.ndarray], np.ndarray]
    potential: Callable[[np.ndarray], np.ndarray]


def constant_loss(divergence: Divergence, targets: np.ndarray) -> float:
    """The loss of the best constant answer.

    Args:
        divergence: of the loss.
        targets: `(positions, width)`, at least one row: what the teacher says.

    Returns:
        In the unit of the loss.
    """
    number, width = targets.shape
    total, own = np.zeros(width), 0.0  # sums of the rows, and of the potential of each
    for start in range(0, number, _ROWS):
        rows = divergence.prepare(targets[start : start + _ROWS].astype(np.float64))
        own += float(divergence.potential(rows).sum())
        total += rows.sum(axis=0)
    return own / number - float(divergence.potential(total / number))


def _softmax(rows: np.ndarray) -> np.ndarray:
    raised = np.exp(rows - rows.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _negative_entropy(rows: np.ndarray) -> np.ndarray:
    """In nats; an entry of 0 has none."""
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    return (rows * logs).sum(axis=-1)


KL_OF_SOFTMAX = Divergence(_softmax, _negative_entropy)
HALF_SQUARES = Divergence(lambda rows: rows, lambda rows: 0.5 * np.square(rows).sum(axis=-1))
MEAN_SQUARES = Divergence(lambda rows: rows, lambda rows: np.square(rows).mean(axis=-1))

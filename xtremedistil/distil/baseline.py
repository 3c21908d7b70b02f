"""The loss of a student that gives one answer for every position of every text.

A step whose loss ends no lower has taught nothing about the texts. That happens where the teacher's
states hardly differ from text to text, as softmaxed [CLS] states do.
"""

import numpy as np

_ROWS = 8192  # that are in memory at once in float64


def constant_loss(kind: str, targets: np.ndarray) -> float:
    """The loss of the best constant answer.

    Args:
        kind: `logits` (Eq. 4), `kld` (Eq. 6, of softmaxed states) or `mse`.
        targets: `(positions, width)`, at least one row: what the teacher says.

    Returns:
        In the unit of the loss in `losses.py`: summed over the width for `logits`, averaged for
        `mse`, in nats for `kld`.
    """
    number, width = targets.shape
    total, own = np.zeros(width), 0.0  # sums of the rows, and of what each row has by itself
    for start in range(0, number, _ROWS):
        rows = targets[start : start + _ROWS].astype(np.float64)
        if kind == "kld":
            logs = rows - rows.max(axis=1, keepdims=True)
            logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
            rows = np.exp(logs)
            own += float((rows * logs).sum())
        else:
            own += float(np.square(rows).sum())
        total += rows.sum(axis=0)
    mean, own = total / number, own / number
    if kind == "kld":  # the mean's entropy, less the mean of the rows' entropies
        return own - float((mean[mean > 0] * np.log(mean[mean > 0])).sum())
    variance = own - float(np.square(mean).sum())
    return 0.5 * variance if kind == "logits" else variance / width

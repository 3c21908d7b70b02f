"""What the training loop is asked to do: losses, data, epochs; and how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from xtremedistil.data.batches import Source
from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime.workers import ALONE, Workers


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
    """One data set that is trained on: batches to learn from, and held-out rows.

    Attributes:
        source: what to train on.
        validation: what to validate on.
        batch_size: sentences in a batch.
        complete: adds to a batch, on the device, what its source does not hold.
    """

    source: Source
    validation: Ragged
    batch_size: int
    complete: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]] | None = None


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
        patience: stop after so many epochs without a better one; 0 for never. The optimizer's
            schedule stays that of `epochs`.
        tables: names of embedding layers that read a batch's `ids` and nothing else.
    """

    name: str
    terms: Sequence[Term]
    streams: Mapping[str, Stream]
    epochs: int
    optimizer: Callable[[int], keras.optimizers.Optimizer]
    seed: Sequence[int]
    metric: Callable[[], float] | None = None
    patience: int = 0
    tables: Sequence[str] = ()


@dataclass(frozen=True)
class LoopOptions:
    """How training runs, whatever it trains.

    Attributes:
        folder: where its state is saved.
        log_folder: where TensorBoard logs go, or None.
        jit_compile: compile the step with XLA, for padded lengths that are multiples of 8.
        save_every: seconds between two saves of the state.
        workers: the devices and processes that train together; the model is built in their scope.
    """

    folder: str
    log_folder: str | None = None
    jit_compile: bool = False
    save_every: float = 300.0
    workers: Workers = ALONE

    @property
    def length_step(self) -> int:
        """Lengths are padded to a multiple of this."""
        return 8 if self.jit_compile else 1

"""The devices and the processes that work on one run together, with tf.distribute.

All workers run the same program and share the run's folder. What computes on all of them (training,
targets) they do together; anything else the chief does, and the others wait for. Only the chief
writes what exists once.
"""

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xtremedistil.runtime.errors import ConfigError, TrainingError


@dataclass(frozen=True)
class Workers:
    """Who works on a run.

    Attributes:
        strategy: a `tf.distribute.Strategy`, or None for one device.
        index: of this process; 0 is the chief.
        number: of processes.
    """

    strategy: Any = None
    index: int = 0
    number: int = 1

    @property
    def chief(self) -> bool:
        """Whether this process writes what exists once."""
        return self.index == 0

    def scope(self) -> contextlib.AbstractContextManager:
        """Where models that train on all devices are built."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def agree(self, value: float) -> float:
        """The chief's value, on every worker; all must ask, in the same order."""
        return self._sum(value if self.chief else 0.0)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any worker; all must ask, in the same order."""
        return self._sum(float(flag)) > 0

    def meet(self) -> None:
        """Waits until every worker is here."""
        self._sum(0.0)

    def _sum(self, value: float) -> float:
        if self.number == 1:
            return value
        summed = _adder(self.strategy)(value)
        replicas = self.strategy.experimental_local_results(summed)
        return float(replicas[0]) / len(replicas)

    @contextlib.contextmanager
    def loss_named(self) -> Iterator[None]:
        """Turns the failures that follow the loss of another worker into an error that says so.

        Raises:
            TrainingError: another worker is gone.
        """
        if self.number == 1:
            yield
            return
        import tensorflow as tf  # as in _adder

        try:
            yield
        except (
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.DeadlineExceededError,
            tf.errors.InternalError,
            tf.errors.UnavailableError,
        ) as error:
            raise TrainingError(
                f"worker {self.index} of {self.number} lost another worker: start the same "
                "command again on every worker, and the run goes on from its last saved state. "
                f"Received: {str(error).splitlines()[0][:200]}"
            ) from error


@functools.cache
def _adder(strategy: Any) -> Any:
    """From a number on each worker to their sum on each replica; traced once."""
    import tensorflow as tf  # here, not above: one device needs none of this

    def all_reduce(value: Any) -> Any:
        here = tf.identity(value)  # on the replica's own device
        return tf.distribute.get_replica_context().all_reduce("SUM", here)

    return tf.function(
        lambda value: strategy.run(all_reduce, args=(value,)),
        input_signature=[tf.TensorSpec([], tf.float64)],
        autograph=False,
    )


ALONE = Workers()


def start_workers(distribution: str) -> Workers:
    """Connects the workers; must come before any other use of TensorFlow.

    Args:
        distribution: `none`, `mirrored` or `multi_worker`.

    Raises:
        ConfigError: `multi_worker` without a usable TF_CONFIG.
    """
    if distribution == "none":
        return ALONE
    import tensorflow as tf  # as in _adder

    if distribution == "mirrored":
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        return Workers(tf.distribute.MirroredStrategy(devices))
    index, number = _place(os.environ.get("TF_CONFIG", ""))
    return Workers(tf.distribute.MultiWorkerMirroredStrategy(), index, number)


def _place(text: str) -> tuple[int, int]:
    """This process's index among the workers, and their number, from TF_CONFIG."""
    try:
        content = json.loads(text)
        cluster, task = content["cluster"], content["task"]
        names = [
            (kind, index)
            for kind in ("chief", "worker")
            for index in range(len(cluster.get(kind, ())))
        ]
        return names.index((task["type"], int(task["index"]))), len(names)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "--distribution=multi_worker needs TF_CONFIG, as TensorFlow defines it: "
            '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
            '"task": {"type": "worker", "index": 0}}, with an index of its own on each worker. '
            f"Received: TF_CONFIG={text!r}"
        ) from error

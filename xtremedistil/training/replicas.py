"""A training step on one device, or on all devices of a `tf.distribute` strategy.

On many devices each takes its rows of every batch. A loss is a mean over positions, and devices
have different numbers of them: each weighs its mean by its positions, so that the sum over devices
is the mean over the whole batch, and summed gradients are the gradients of one device.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

Batches = Mapping[str, Mapping[str, tf.Tensor]]
Loss = tuple[tf.Tensor, tf.Tensor]  # a mean, and the number of positions in it


class OneDevice:
    """Everything stays as it is."""

    def share(self, batches: Batches) -> tuple[Batches, Mapping[str, Any]]:
        """The rows of each stream for this device, and 1.0 by stream, or 0.0 if it has none."""
        return batches, {}

    def of_mean(self, losses: list[Loss], present: list[Any]) -> list[Loss]:
        """This device's parts of the means over all devices.

        Args:
            losses: of this device.
            present: of `share`, for the stream of each loss.
        """
        return losses

    def sum(self, values: Any) -> Any:
        """The sum of tensors over the devices."""
        return values

    def part(self, value: tf.Tensor) -> tf.Tensor:
        """One of the equal parts, for each device, of what all of them know."""
        return value

    def clip(self, gradients: list, optimizer: keras.optimizers.Optimizer) -> list:
        """This device's part of the gradients of all, clipped by the norm of their sum where the
        optimizer has a `clip_norm`: an optimizer itself sees them before they are added up."""
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if getattr(inner, "clip_norm", None) is None:
            return gradients
        limit = optimizer.scale_loss(tf.constant(inner.clip_norm))
        whole = [tf.convert_to_tensor(gradient) for gradient in self.sum(gradients)]
        clipped, _ = tf.clip_by_global_norm(whole, limit)
        return [self.part(gradient) for gradient in clipped]

    def function(self, step: Callable, **options: Any) -> Callable:
        """A step as a graph, to be called with whole batches."""
        return tf.function(step, **options)


class ManyDevices(OneDevice):
    """Devices of a strategy; all but `function` is called on each of them."""

    def __init__(self, strategy: tf.distribute.Strategy):
        self.strategy = strategy

    def share(self, batches: Batches) -> tuple[Batches, Mapping[str, Any]]:
        context = tf.distribute.get_replica_context()
        device, devices = context.replica_id_in_sync_group, context.num_replicas_in_sync
        shares, present = {}, {}
        with tf.device("CPU:0"):  # only its rows travel to a device
            for stream, batch in batches.items():
                rows = tf.shape(batch["ids"])[0]
                start, end = rows * device // devices, rows * (device + 1) // devices
                present[stream] = tf.cast(end > start, tf.float32)
                # a device without rows computes one that counts for nothing: kernels want a row
                start = tf.minimum(start, rows - 1)
                end = tf.maximum(end, start + 1)
                shares[stream] = {name: values[start:end] for name, values in batch.items()}
        return shares, present

    def of_mean(self, losses: list[Loss], present: list[Any]) -> list[Loss]:
        counts = [
            tf.cast(count, tf.float32) * here
            for (_, count), here in zip(losses, present, strict=True)
        ]
        return [
            (tf.math.divide_no_nan(loss * count, total), count)
            for (loss, _), count, total in zip(losses, counts, self.sum(counts), strict=True)
        ]

    def sum(self, values: Any) -> Any:
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    def part(self, value: tf.Tensor) -> tf.Tensor:
        return value / tf.distribute.get_replica_context().num_replicas_in_sync

    def function(self, step: Callable, **options: Any) -> Callable:
        def on_all(batches: Batches) -> Any:
            results = self.strategy.run(step, args=(batches,))
            return tf.nest.map_structure(
                lambda value: self.strategy.experimental_local_results(value)[0], results
            )

        return tf.function(on_all, autograph=False, **options)  # nothing in a step needs it

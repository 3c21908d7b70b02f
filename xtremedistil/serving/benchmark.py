"""Latency, measured as Section 6.2 does: batches of sentences of one length, on this machine, in
one process."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

LENGTH = 32


def latency(call: Callable[[], Any], runs: int, warmup: int = 5) -> dict[str, float]:
    """Times a call.

    Args:
        call: does the work, and returns when it is done.
        runs: timed calls.
        warmup: calls before them.

    Returns:
        `median`, `low` and `high` (5 and 95 percent) in milliseconds.
    """
    for _ in range(warmup):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    low, median, high = np.percentile(times, [5, 50, 95])
    return {"median": float(median), "low": float(low), "high": float(high)}


def model_latency(
    models: dict[str, tuple[keras.Model, int, str]], batch_sizes: tuple[int, ...] = (1, 32)
) -> dict[str, Any]:
    """Latency of models side by side, each as a plain `tf.function` on ids.

    Args:
        models: by name, a model from ids, the number of its pieces, and the output that predicts.
        batch_sizes: sentences at once.

    Returns:
        By name, by `batch_1`, ..., what `latency` returns; lengths are 32 pieces.
    """
    rng = np.random.default_rng(0)
    results: dict[str, Any] = {name: {} for name in models}
    for size in batch_sizes:
        for name, (model, pieces, head) in models.items():
            ids = tf.constant(rng.integers(1, pieces, (size, LENGTH)), tf.int32)
            run = tf.function(lambda ids, model=model, head=head: model(ids, training=False)[head])
            runs = 50 if size == 1 else 15
            results[name][f"batch_{size}"] = latency(
                lambda run=run, ids=ids: run(ids).numpy(), runs
            )
    return results

"""Latency, measured as Section 6.2 does: batches of sentences of one length, on this machine, in
one process."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

LENGTH = 32
ROUNDS = {1: 50, 32: 15}
_WARM_UP = 5


def latencies(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, float]]:
    """Times calls in rounds, each once a round, so that a disturbance of the machine meets all.

    Args:
        calls: by name, what does the work and returns when it is done.
        rounds: timed calls of each, after a warm-up.

    Returns:
        By name, `median`, `low` and `high` (5 and 95 percent) in milliseconds.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(_WARM_UP):
            call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(1000 * (time.perf_counter() - start))
    results = {}
    for name, own in times.items():
        low, median, high = np.percentile(own, [5, 50, 95]).tolist()
        results[name] = {"median": median, "low": low, "high": high}
    return results


def model_latency(
    models: Mapping[str, tuple[keras.Model, int, str]], rounds: Mapping[int, int] = ROUNDS
) -> dict[str, Any]:
    """Latency of models side by side, each as a plain `tf.function` on ids.

    Args:
        models: by name, a model from ids, the number of its pieces, and the output that predicts.
        rounds: by the number of sentences at once, how often.

    Returns:
        By name, by `batch_1`, ..., what `latencies` returns; lengths are 32 pieces.
    """
    rng = np.random.default_rng(0)
    results: dict[str, Any] = {name: {} for name in models}
    for size, number in rounds.items():
        calls = {}
        for name, (model, pieces, head) in models.items():
            ids = tf.constant(rng.integers(1, pieces, (size, LENGTH)), tf.int32)
            run = tf.function(lambda ids, model=model, head=head: model(ids, training=False)[head])
            calls[name] = lambda run=run, ids=ids: run(ids).numpy()
        for name, found in latencies(calls, number).items():
            results[name][f"batch_{size}"] = found
    return results

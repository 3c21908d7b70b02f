"""Latency, measured as Section 6.2 does: batches of sentences of one length, on this machine, in
one process."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xtremedistil.benchmark.clock import Pace, spread, time_calls

LENGTH = 32
ROUNDS = {1: 50, 32: 15}


def model_latency(
    models: Mapping[str, tuple[keras.Model, int, str]],
    rounds: Mapping[int, int] = ROUNDS,
    served: Mapping[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], int]] | None = None,
    length: int = LENGTH,
) -> dict[str, Any]:
    """Latency of models side by side, each as a plain `tf.function` on ids, and of networks as they
    are served.

    Args:
        models: by name, a model from ids, the number of its pieces, and the output that predicts.
        rounds: by the number of sentences at once, how often.
        served: by name, a network from ids and lengths, and the number of its pieces.
        length: pieces of each sentence.

    Returns:
        By name, by `batch_1`, ..., what `clock.spread` returns.
    """
    rng = np.random.default_rng(0)
    results: dict[str, Any] = {name: {} for name in (*models, *(served or ()))}
    for size, number in rounds.items():
        calls = {}
        for name, (model, pieces, head) in models.items():
            ids = tf.constant(rng.integers(1, pieces, (size, length)), tf.int32)
            run = tf.function(lambda ids, model=model, head=head: model(ids, training=False)[head])
            calls[name] = lambda run=run, ids=ids: run(ids).numpy()
        for name, (network, pieces) in (served or {}).items():
            texts = (
                rng.integers(1, pieces, (size, length), np.int32),
                np.full(size, length, np.int32),
            )
            calls[name] = lambda network=network, texts=texts: network(*texts)
        for name, times in time_calls(calls, Pace(number)).items():
            results[name][f"batch_{size}"] = spread(times)
    return results

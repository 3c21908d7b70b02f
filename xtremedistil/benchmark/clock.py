"""The one place where calls are timed: warmed up, in rounds through all of them, so that a
disturbance of the machine meets all alike; and what is told of the times."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

_LEAST_CALLS = 3  # of each, whatever the time


@dataclass(frozen=True)
class Pace:
    """How long to time calls.

    Attributes:
        rounds: through all calls, at the most.
        seconds: rounds end when it is over, and every call was timed a few times; None: never.
        warm_up: calls of each before any is timed, which trace, compile and fill caches.
        calls: of each, at the most; None: one a round.
    """

    rounds: int
    seconds: float | None = None
    warm_up: int = 5
    calls: int | None = None


def time_calls(calls: Mapping[str, Callable[[], object]], pace: Pace) -> dict[str, list[float]]:
    """Times calls side by side.

    Where `pace.calls` is given, a round lasts about as long for every call as a quarter of the
    slowest one's, so that a fast one is called more often.

    Args:
        calls: by name, what does the work and returns when it is done.
        pace: how long.

    Returns:
        By name, the milliseconds of each call.
    """
    each = dict.fromkeys(calls, 1)
    for call in calls.values():
        for _ in range(pace.warm_up):
            call()
    if pace.calls is not None:
        costs = {name: _milliseconds(call) for name, call in calls.items()}
        slowest = max(costs.values())
        each = {name: max(1, round(slowest / 4 / cost)) for name, cost in costs.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = np.inf if pace.seconds is None else time.perf_counter() + pace.seconds
    for number in range(1, pace.rounds + 1):
        for name, call in calls.items():
            own = times[name]
            left = each[name] if pace.calls is None else pace.calls - len(own)
            own.extend(_milliseconds(call) for _ in range(min(each[name], left)))
        if time.perf_counter() > end and number >= _LEAST_CALLS:
            break
    return times


def _milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def spread(times: list[float]) -> dict[str, float]:
    """What is told of the milliseconds of a call.

    Returns:
        `median`; `low`, `high` and `top`, which 5, 95 and 99 percent of the calls stay below; and
        their number, `calls`.
    """
    low, median, high, top = np.percentile(times, [5, 50, 95, 99]).tolist()
    return {"median": median, "low": low, "high": high, "top": top, "calls": len(times)}


def median_seconds(call: Callable[[], object], rounds: int) -> float:
    """The median time of one call by itself, after one to warm up."""
    (times,) = time_calls({"": call}, Pace(rounds, warm_up=1)).values()
    return spread(times)["median"] / 1000

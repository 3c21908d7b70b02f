"""The one progress line of long work: what, how far, how fast, how much longer."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


class _Log:
    """Standard error for a progress line that cannot be redrawn: each state is a line of its
    own."""

    def write(self, text: str) -> None:
        if text := text.strip("\r\n"):
            sys.stderr.write(f"{text.rstrip()}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def progress(
    label: str, total: int | None, unit: str, done: int = 0, iterable: Iterable | None = None
) -> Any:
    """A progress line on standard error, with a rate and an ETA.

    On a terminal it redraws itself twice a second; in a log it adds a line every half minute, and
    one at the end.

    Args:
        label: what is being done.
        total: how many units there are, if known.
        unit: what is counted.
        done: units that an earlier run has done already.
        iterable: what to iterate over; None to call `update` by hand.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        iterable,
        desc=f"{label:<34}",
        total=total,
        unit=f" {unit}",
        initial=done,
        file=sys.stderr if terminal else _Log(),
        mininterval=0.5 if terminal else 30.0,
        maxinterval=1.0 if terminal else 60.0,
        delay=0.5,
        ncols=None if terminal else 120,
        dynamic_ncols=terminal,
        smoothing=0.05,
        bar_format=None if total is None else _FORMAT,
    )


_FORMAT = (
    "{desc} {percentage:3.0f}% {n_fmt}/{total_fmt}{unit} "
    "[{elapsed}<{remaining}, {rate_fmt}{postfix}]"
)

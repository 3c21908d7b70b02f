"""The one progress line of long work: what, how far, how fast, how much longer."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
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


class _Nested:
    """Progress of a part, shown at the end of the line of the whole."""

    def __init__(self, label: str, total: int | None, done: int, iterable: Iterable | None):
        self.label, self.total, self.n, self.iterable = label, total, done, iterable
        self.update(0)

    def update(self, number: int = 1) -> None:
        self.n += number
        share = f" {100 * self.n // self.total}%" if self.total else ""
        bar, name, advance = _outer[-1]
        bar.set_postfix_str(f"{name}: {self.label}{share}", refresh=False)
        advance()

    def set_postfix(self, **_: Any) -> None:
        """The line has no room for losses."""

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable:
            yield item
            self.update()

    def __enter__(self) -> "_Nested":
        return self

    def __exit__(self, *_: Any) -> None:
        pass


_hidden = False


def hide() -> None:
    """Leaves every progress line of this process out from now on."""
    global _hidden
    _hidden = True


_outer: list[tuple[Any, str, Callable[[], None]]] = []


@contextlib.contextmanager
def nested(bar: Any, name: str, seconds: float) -> Iterator[None]:
    """Shows all progress inside the block at the end of one line.

    The line moves with the clock: it has a rate and an ETA from the start, where one part of it may
    take hours. What the block takes beyond what was expected makes the whole longer.

    Args:
        bar: that line, of `progress`, which counts expected seconds.
        name: of the part that is being done.
        seconds: that the part is expected to take; the bar ends that much further, or more.
    """
    start, total, expected, begun = bar.n, bar.total, round(seconds), time.monotonic()

    def advance(least: int = 0) -> None:
        passed = max(least, round(time.monotonic() - begun))
        # a line that is beyond its total shows none, and rounded parts may sum up to more
        bar.total = max(total + passed - expected, total, start + passed)
        bar.update(start + passed - bar.n)

    _outer.append((bar, name, advance))
    try:
        yield
    finally:
        _outer.pop()
    advance(least=expected)


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
    if _outer:
        return _Nested(label.strip(), total, done, iterable)
    terminal = sys.stderr.isatty()
    return tqdm(
        iterable,
        desc=f"{label:<34}",
        total=total,
        disable=_hidden,
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
    "{desc} {percentage:3.0f}% {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}, "
    "{rate_fmt}{postfix}]"
)

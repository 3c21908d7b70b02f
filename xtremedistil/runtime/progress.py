"""The one progress line of long work: what, how far, how fast, how much longer."""

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
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
        _outer[-1].show(self.label, self.n / self.total if self.total else None)

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


class _Whole:
    """A line of expected seconds, and how many of them its present block has done."""

    def __init__(self, bar: Any, name: str, seconds: float, parts: Mapping[str, float]):
        self._bar, self._name, self._parts = bar, name, parts
        self._start, self._seconds = bar.n, seconds
        self._done, self._of_part, self._share, self._shown = 0.0, 0.0, 0.0, 0.0
        bar.smoothing = 0  # the rate is that of all so far, as one part may go by in a second

    def show(self, label: str, share: float | None) -> None:
        """A part's own progress, of which `share` is done."""
        self._share = max(self._share, share or 0.0)
        percent = "" if share is None else f" {int(100 * share)}%"
        self._bar.set_postfix_str(f"{self._name}: {label}{percent}", refresh=False)
        self._move()
        now = time.monotonic()
        if now - self._shown >= _interval():
            self._shown = now
            self._bar.refresh()
            self._bar.last_print_t = time.time()  # tqdm ends no line that it thinks was never drawn

    @contextlib.contextmanager
    def part(self, key: str) -> Iterator[None]:
        """Counts the block as the part of that key."""
        around = self._of_part, self._share
        self._of_part, self._share = self._parts.get(key, 0.0), 0.0
        yield
        self._done += self._of_part
        self._of_part, self._share = around
        self._move()

    def end(self) -> None:
        """All that was expected of the block is done."""
        self._done = self._seconds
        self._move()

    def _move(self) -> None:
        done = min(self._done + self._share * self._of_part, self._seconds)
        # rounded blocks may sum up to more than the rounded whole
        aim = min(self._start + round(done), self._bar.total)
        # not by `update`, which draws no line that stands still
        self._bar.n = max(self._bar.n, aim)


_hidden = False


def hide() -> None:
    """Leaves every progress line of this process out from now on."""
    global _hidden
    _hidden = True


_outer: list[_Whole] = []


@contextlib.contextmanager
def nested(bar: Any, name: str, seconds: float, parts: Mapping[str, float]) -> Iterator[None]:
    """Shows all progress inside the block at the end of one line.

    The line moves by what was expected of the parts that are done, and of the one at work by its
    own progress: how many expected seconds a second does is its rate, and its ETA is right on a
    machine that is faster or slower than expected.

    Args:
        bar: that line, of `progress`, which counts expected seconds.
        name: of the block.
        seconds: that the block is expected to take; the bar ends that much further.
        parts: those of `part` that these seconds are known of, by key.
    """
    whole = _Whole(bar, name, seconds, parts)
    _outer.append(whole)
    try:
        yield
    finally:
        _outer.pop()
    whole.end()


@contextlib.contextmanager
def part(key: str) -> Iterator[None]:
    """The block makes a part of what `nested` shows, if anything is shown so."""
    with _outer[-1].part(key) if _outer else contextlib.nullcontext():
        yield


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
        mininterval=_interval(),
        maxinterval=1.0 if terminal else 60.0,
        delay=0.5,
        ncols=None if terminal else 120,
        dynamic_ncols=terminal,
        smoothing=0.05,
        bar_format=None if total is None else _FORMAT,
    )


def _interval() -> float:
    """Seconds between two states of a line."""
    return 0.5 if sys.stderr.isatty() else 30.0


_FORMAT = (
    "{desc} {percentage:3.0f}% {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}, "
    "{rate_fmt}{postfix}]"
)

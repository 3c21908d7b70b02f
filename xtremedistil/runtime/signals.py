"""Ctrl-C and SIGTERM: work stops where the same command can go on.

Every file of a run appears whole or not at all, so most work may stop anywhere: a signal is then an
exception, `Interrupted`. Work that has something to save first runs inside `deferred`, where a
signal is only noted, and calls `check` where it may stop. A second signal stops it at once.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from absl import logging

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked this process to stop. Like KeyboardInterrupt, it is not an `Exception`.

    Attributes:
        signal: which one.
    """

    def __init__(self, number: int):
        self.signal = signal.Signals(number)
        super().__init__(self.signal.name)

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that ended this way: 130 or 143."""
        return 128 + self.signal


class _Noted:
    """The signals of this process: it has one set of them."""

    number: int | None = None
    deferrals = 0


def _receive(number: int, frame: FrameType | None) -> None:
    if _Noted.deferrals and _Noted.number is None:
        _Noted.number = number
        logging.warning("%s: saving. Once more stops at once.", signal.Signals(number).name)
    else:
        # Python drops what is raised inside a finalizer or a weak reference's callback: work that
        # goes on all the same then stops where it next checks.
        _Noted.number = number
        raise Interrupted(number)


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Turns the signals into `Interrupted` within the block; for the main thread only."""
    before = {number: signal.signal(number, _receive) for number in _SIGNALS}
    try:
        yield
    finally:
        _Noted.number = None
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Notes a signal instead of raising it, until `check` is called or the block ends well."""
    _Noted.deferrals += 1
    try:
        yield
    finally:
        _Noted.deferrals -= 1
    check()


def noted() -> bool:
    """Whether a signal waits."""
    return _Noted.number is not None


def check() -> None:
    """Raises the signal that waits, if any.

    Raises:
        Interrupted: one does.
    """
    if noted():
        stop()


def stop() -> NoReturn:
    """Stops now: by the signal that waits, or as if by SIGTERM, since another worker was told to.

    Raises:
        Interrupted: always.
    """
    number, _Noted.number = _Noted.number, None
    raise Interrupted(signal.SIGTERM if number is None else number)

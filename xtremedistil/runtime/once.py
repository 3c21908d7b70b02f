"""Work that an object does once."""

import functools
from collections.abc import Callable
from typing import TypeVar

_Self = TypeVar("_Self")
_Result = TypeVar("_Result")


def once(method: Callable[[_Self], _Result]) -> Callable[[_Self], _Result]:
    """A method without arguments that does its work at the first call; what it returned is kept
    with its object and given to later calls.

    Unlike a cached property, a call says that work may be done.
    """
    kept = f"_{method.__name__}_result"

    @functools.wraps(method)
    def call(self: _Self) -> _Result:
        if kept not in vars(self):
            vars(self)[kept] = method(self)
        return vars(self)[kept]

    return call

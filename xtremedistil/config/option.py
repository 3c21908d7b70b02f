"""Dataclass fields that are also flags, and the checks that they carry."""

import dataclasses
import types
import typing
from typing import Any

from xtremedistil.runtime.errors import ConfigError


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    repeated: bool = False,
) -> Any:
    """A dataclass field that is also a flag.

    Args:
        default: the value when the flag is not given.
        help: the flag's help, one sentence or two.
        choices: the legal values, for strings.
        low: the smallest legal value, for numbers (for lists: of each item).
        high: the largest legal value.
        repeated: a list whose flag is given once for each item, not once with commas.

    Returns:
        A `dataclasses.field`.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "repeated": repeated}
    return dataclasses.field(default=default, metadata=metadata)


class Checked:
    """Checks choices and ranges of a dataclass made of `option` fields."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            self._check(field)

    def _check(self, field: dataclasses.Field) -> None:
        value = getattr(self, field.name)
        wanted = field_type(field)
        if typing.get_origin(wanted) is tuple:
            value = tuple(value) if isinstance(value, (list, tuple)) else (value,)
            object.__setattr__(self, field.name, value)
            items, item_type = value, typing.get_args(wanted)[0]
            if not items and field.default:
                raise ConfigError(f"--{field.name} needs at least one value. Received: none")
        else:
            items, item_type = (value,), wanted
        if item_type is float:
            items = tuple(float(i) if type(i) is int else i for i in items)
        choices, low, high = (field.metadata[key] for key in ("choices", "low", "high"))
        for item in items:
            if type(item) is not item_type:
                raise ConfigError(
                    f"--{field.name} must be of type {item_type.__name__}. Received: "
                    f"{field.name}={item!r}"
                )
            if choices is not None and item not in choices:
                raise ConfigError(
                    f"--{field.name} must be one of {', '.join(choices)}. Received: "
                    f"{field.name}={item!r}"
                )
            if (low is not None and not item >= low) or (high is not None and not item <= high):
                legal = f"at least {low}" if high is None else f"between {low} and {high}"
                raise ConfigError(
                    f"--{field.name} must be {legal}. Received: {field.name}={item!r}"
                )


def field_type(field: dataclasses.Field) -> Any:
    """The declared type of a field (never a string: annotations are not postponed here)."""
    if not isinstance(field.type, (type, types.GenericAlias)):
        raise TypeError(f"{field.name}: {field.type!r}")
    return field.type

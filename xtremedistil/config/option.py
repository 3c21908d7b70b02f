"""Dataclass fields that are also flags, the checks that they carry, and the parts of a run that
they decide."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any

from xtremedistil.runtime.errors import ConfigError

# The parts of a run, in the order that they are made; of steps, also those of one kind.
PARTS = (
    "labeled",
    "transfer",
    "vocabulary",
    "vectors",
    "teacher",
    "rows",
    "targets",
    "stored targets",
    "steps",
    "transfer steps",
    "representation steps",
    "logits steps",
    "labels steps",
    "joint steps",
    "added rows",
    "scores",
)


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    repeated: bool = False,
    decides: tuple[str, ...] = (),
    by_value: bool = True,
    before: Any = None,
) -> Any:
    """A dataclass field that is also a flag.

    Args:
        default: the value when the flag is not given.
        help: the flag's help, one sentence or two.
        choices: the legal values, for strings.
        low: the smallest legal value, for numbers (for lists: of each item).
        high: the largest legal value.
        repeated: a list whose flag is given once for each item, not once with commas.
        decides: the parts of a run (of `PARTS`) that are others with another value. Those that are
            made from these parts need no mention. None for what decides no result.
        by_value: whether the value itself is what counts; else what it stands for does (the content
            of a file, the steps of a strategy), which the part adds to its inputs.
        before: of an option that was added later, the value that says what was done before: a
            config without the option means it, and at it the option is left out of a part's inputs,
            so that parts that were made before stay what they are. It must then stay, too.

    Returns:
        A `dataclasses.field`.

    Raises:
        ValueError: `decides` names no part.
    """
    if unknown := set(decides) - set(PARTS):
        raise ValueError(f"no parts of a run: {', '.join(sorted(unknown))}")
    metadata = {
        "help": help,
        "choices": choices,
        "low": low,
        "high": high,
        "repeated": repeated,
        "decides": decides,
        "by_value": by_value,
        "before": before,
    }
    return dataclasses.field(default=default, metadata=metadata)


def field_of(section: type, name: str) -> Any:
    """An option of a section, for a command that has it too."""
    field = section.__dataclass_fields__[name]
    return dataclasses.field(default=field.default, metadata=field.metadata)


def options_of(*parts: str, sections: Any) -> dict[str, Any]:
    """The options that decide parts of a run by their value.

    Args:
        parts: of `PARTS`.
        sections: a dataclass of dataclasses of options, with their values.

    Returns:
        Values by name.
    """
    return {
        field.name: value
        for field, value in _values(sections)
        if field.metadata["by_value"]
        and set(field.metadata["decides"]) & set(parts)
        and (field.metadata["before"] is None or value != field.metadata["before"])
    }


def deciding_options(sections: Any) -> dict[str, Any]:
    """The options, by name, that decide any part of a run, by value or by what it stands for."""
    return {f.name: value for f, value in _values(sections) if f.metadata["decides"]}


def _values(sections: Any) -> Iterator[tuple[dataclasses.Field, Any]]:
    for section in dataclasses.fields(sections):
        values = getattr(sections, section.name)
        for field in dataclasses.fields(values):
            yield field, getattr(values, field.name)


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

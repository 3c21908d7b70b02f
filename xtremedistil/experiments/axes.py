"""What a sweep varies: flags and their values, read from text."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil.config import Config, options
from xtremedistil.config.option import field_type
from xtremedistil.runtime.errors import ConfigError


@dataclass(frozen=True)
class Axis:
    """Flags that change together, and the values that they take.

    Attributes:
        names: of the flags.
        values: one tuple per point, with a value for each flag.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]


def axes_of(vary: Sequence[str], instead: Sequence[str] = ()) -> list[Axis]:
    """Axes from text.

    Args:
        vary: `flag=value,value`, or `a+b=1+2,3+4` for flags that change together; a list inside a
            value is written with colons. A later axis of the same flags replaces an earlier one.
        instead: axes that only replace one of the same flags.

    Raises:
        ConfigError: a flag does not exist, or a value is not of its type.
    """
    axes: dict[tuple[str, ...], Axis] = {}
    for number, text in enumerate([*vary, *instead]):
        left, sign, right = text.partition("=")
        names = tuple(name.strip() for name in left.split("+"))
        points = tuple(tuple(point.strip().split("+")) for point in right.split(","))
        if not sign or any(len(point) != len(names) for point in points):
            raise ConfigError(
                "--vary is flag=value,value, or a+b=1+2,3+4 for flags that change together. "
                f"Received: vary={text}"
            )
        values = tuple(tuple(_value(n, v) for n, v in zip(names, point)) for point in points)
        if number < len(vary) or names in axes:
            axes[names] = Axis(names, values)
    return list(axes.values())


def _value(name: str, text: str) -> Any:
    known = options()
    if name not in known:
        raise ConfigError(f"--vary names a flag that a run does not have. Received: {name}")
    kind = field_type(known[name][1])
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if typing.get_origin(kind) is tuple:
            return tuple(typing.get_args(kind)[0](item) for item in text.split(":"))
        return kind(text)
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"--vary: {name} takes values of type {kind}. Received: {name}={text}"
        ) from error


def with_flags(config: Config, flags: Mapping[str, Any]) -> Config:
    """A config with some flags changed.

    Raises:
        ConfigError: a value is illegal.
    """
    known, changes = options(), {}
    for name, value in flags.items():
        changes.setdefault(known[name][0], {})[name] = value
    sections = {
        section: dataclasses.replace(getattr(config, section), **values)
        for section, values in changes.items()
    }
    return dataclasses.replace(config, **sections)

"""Dataclasses to JSON values and back, checked on the way."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError

_T = TypeVar("_T")
_NAMES = {dict: "a JSON object", list: "a list", str: "text", int: "a whole number"}
_NAMES |= {float: "a number", bool: "true or false"}


def to_json(value: Any) -> Any:
    """A dataclass, or a list or dict of them, as JSON values; fields that are None by default are
    left out where they are None."""
    if dataclasses.is_dataclass(value):
        return {
            f.name: to_json(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if getattr(value, f.name) is not None or f.default is not None
        }
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, (list, tuple)) else value


def read(kind: type[_T], path: str) -> _T:
    """Reads a file.

    Args:
        kind: a dataclass, or a dict or list of them.
        path: of the JSON file.

    Raises:
        ArtifactError: it is no JSON, something in it is missing or of another type.
    """
    return parse(kind, files.read_json(path), f"{path}:")


def parse(kind: Any, value: Any, where: str, strict: bool = False) -> Any:
    """An object of a type from JSON values; keys that the type does not know are left out.

    Args:
        kind: a dataclass, or the type of a field in one.
        value: JSON values.
        where: the file, and the place in it, for errors.
        strict: whether keys that the type does not know are an error.

    Raises:
        ArtifactError: something is missing or of another type.
    """
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is types.UnionType:
        kinds = [one for one in inner if one is not types.NoneType]
        plain = len(kinds) > 1 or (value is None and len(kinds) < len(inner))
        return value if plain else parse(kinds[0], value, where, strict)
    if dataclasses.is_dataclass(kind):
        return _parse_object(kind, value, where, strict)
    expected = {float: (float, int), Any: object}.get(origin, origin)
    if not isinstance(value, expected) or (isinstance(value, bool) and origin not in (bool, Any)):
        raise ArtifactError(f"{where} must be {_NAMES[origin]}. Received: {_short(value)}")
    if origin is dict and inner:
        items = value.items()
        return {name: parse(inner[1], item, f"{where} {name}", strict) for name, item in items}
    if origin is list and inner:
        return [parse(inner[0], item, f"{where} [{i}]", strict) for i, item in enumerate(value)]
    return value


def _parse_object(kind: Any, value: Any, where: str, strict: bool) -> Any:
    if not isinstance(value, dict):
        raise ArtifactError(f"{where} must be {_NAMES[dict]}. Received: {_short(value)}")
    parts = {part.name: part for part in dataclasses.fields(kind)}
    if strict and (unknown := set(value) - set(parts)):
        raise ArtifactError(f"{where} must be in {kind.__name__}. Received: {sorted(unknown)}")
    known = {name: value[name] for name in parts if name in value}
    for name, part in parts.items():
        if name not in known and part.default is part.default_factory is dataclasses.MISSING:
            if types.NoneType not in typing.get_args(part.type):
                raise ArtifactError(f"{where} lacks {name!r}. Received: {_short(value)}")
            known[name] = None
    return kind(
        **{n: parse(parts[n].type, item, f"{where} {n}", strict) for n, item in known.items()}
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."

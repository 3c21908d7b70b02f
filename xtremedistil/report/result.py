"""One run as reports read it, and how a flag's value is shown."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xtremedistil.report import schema
from xtremedistil.report.schema import RunResults, TeacherResults

SEEDS = ("seed", "teacher_seed", "data_seed")


@dataclass(frozen=True)
class Result:
    """One run: what it was asked, and what came out.

    Attributes:
        id: its name in the sweep, or its folder's.
        flags: its flags by name, without seeds and those that do nothing in it; of a run that is
            not done, those that are known.
        values: what came out; None while it is not done.
        axes: what its sweep varies.
        folder: where it lives.
        size: the flags that are its student's size, and their values; empty without a student.
        timed: its student's cost as measured for its sweep; None where that was not done.
    """

    id: str
    flags: Mapping[str, Any]
    values: RunResults | TeacherResults | None = None
    axes: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    size: Mapping[str, int] = field(default_factory=dict)
    timed: schema.Timed | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.values is not None


def shown(value: Any) -> str:
    """A flag's value for readers: of a path, its last name alone."""
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    text = str(value)
    if isinstance(value, str) and ("://" in text or text.startswith(("/", ".", "~"))):
        return os.path.basename(text.rstrip("/")) or text
    return text

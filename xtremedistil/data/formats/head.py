"""The beginning of a file, by which its format is told."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from xtremedistil.data.formats.example import Rules
from xtremedistil.data.tag_schemes import is_prefixed

PROBED = 200  # lines, or rows
PROBED_CHARACTERS = 1 << 22  # fewer lines where they are long
LANGUAGE_PREFIX = re.compile(r"([a-z]{2,3}(?:-[A-Za-z]+)*):(?=O$|[BIESLU]-)")
_TYPE = re.compile(r"[A-Z][\w-]*")


_T = TypeVar("_T", bound=Sized)


def first_of(numbered: Iterable[tuple[int, _T]]) -> Iterator[tuple[int, _T]]:
    """The first lines or rows of a file, with their numbers: as many as are probed."""
    room = PROBED_CHARACTERS
    for number, item in itertools.islice(numbered, PROBED):
        yield number, item
        room -= len(item) if isinstance(item, str) else sum(map(len, item))
        if room < 0:
            return


@dataclass(frozen=True)
class Head:
    """What is known before a file is read.

    Attributes:
        path: of the file.
        magic: its first bytes.
        lines: its first lines; none of a binary file.
        unlabeled: whether it may be plain text.
        rules: for the task, and what the user says.
    """

    path: str
    magic: bytes
    lines: tuple[str, ...]
    unlabeled: bool
    rules: Rules

    @cached_property
    def filled(self) -> tuple[str, ...]:
        """The lines that hold more than white space."""
        return tuple(line for line in self.lines if line.strip())

    @property
    def is_cut(self) -> bool:
        """Whether the file goes on."""
        return len(self.lines) >= PROBED or sum(map(len, self.lines)) > PROBED_CHARACTERS

    @property
    def first(self) -> str:
        """The first of them."""
        return self.filled[0] if self.filled else ""

    @cached_property
    def has_blank(self) -> bool:
        """Whether there is a blank line after one that is not."""
        start = next((i for i, line in enumerate(self.lines) if line.strip()), len(self.lines))
        return any(not line.strip() for line in self.lines[start:])

    @cached_property
    def has_several_tags(self) -> bool:
        """Whether a last column holds several values with spaces between them."""
        return any("\t" in line and len(last_tags(line)) > 1 for line in self.filled)

    @cached_property
    def is_tagged(self) -> bool:
        """Whether every line ends in tags, comments left out."""
        rows = [line for line in self.filled if not _is_comment(line)]
        if not rows or any(len(columns_of(line)) < 2 for line in rows):
            return False
        tags = [tag for line in rows for tag in last_tags(line)]
        if all(map(is_prefixed, tags)):
            return True
        io = tags.count("O") * 3 >= len(tags) and len(tags) == len(rows)
        return io and all(map(_TYPE.fullmatch, tags))


def columns_of(line: str) -> list[str]:
    """The columns of a line: at tabs, else at spaces, whose number then does not count."""
    line = line.rstrip(" \t")
    if "\t" in line:
        return [column.strip(" ") for column in line.split("\t")]
    return [column for column in line.split(" ") if column]


def last_tags(line: str) -> list[str]:
    """What the last column holds, without the language that tags may name."""
    columns = columns_of(line)
    return [LANGUAGE_PREFIX.sub("", tag) for tag in columns[-1].split(" ")] if columns else []


def _is_comment(line: str) -> bool:
    return line.startswith("#") and not all(map(is_prefixed, last_tags(line)))

"""Where the programs say what: results on standard output, notes and progress on standard error."""

import contextlib
import json
import logging as standard_logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from absl import logging

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime import progress


@dataclass(frozen=True)
class OutputOptions(Checked):
    """What a program says."""

    quiet: bool = option(False, "No notes and no progress; results, warnings and errors remain.")


@dataclass(frozen=True)
class ResultOptions(OutputOptions):
    """The same of a program with results."""

    json: bool = option(False, "Results as one JSON object, in place of text.")


class Results(NamedTuple):
    """What a program found.

    Attributes:
        text: for a reader.
        content: the same for a program: what JSON can hold.
    """

    text: str
    content: Any


def prepare(quiet: bool) -> None:
    """Lets notes be plain lines, or leaves them and progress out."""
    logging.set_verbosity(logging.WARNING if quiet else logging.INFO)
    logging.get_absl_handler().setFormatter(standard_logging.Formatter("%(message)s"))
    if quiet:
        progress.hide()


def show(results: Results, as_json: bool) -> None:
    """Writes results to standard output."""
    with reader_may_leave():
        print(json.dumps(results.content, ensure_ascii=False) if as_json else results.text)


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Ends the block quietly when the reader of standard output has seen enough, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

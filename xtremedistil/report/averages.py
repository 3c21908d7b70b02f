"""Which runs are averaged, and what a reader must know of them.

Runs are averaged where they differ in their seeds alone. Where runs of one row differ in anything
else that the table does not show, the row is split and says what differs: nothing is averaged
silently over different settings.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil.report.collected import Result, shown
from xtremedistil.report.table import counts

Line = tuple[str, list[Result]]
WEIGHTS = ("alpha", "beta", "gamma")  # of a joint loss (Eq. 7)
_JOINT = ("D1", "D2", "D3.1", "D3.2")


@dataclass(frozen=True)
class Average:
    """A number over the seeds of one setting.

    Attributes:
        mean: over the runs that are done.
        spread: their sample standard deviation; None for one run.
        seeds: how many are done.
        planned: how many there are to be.
    """

    mean: float
    spread: float | None = None
    seeds: int = 1
    planned: int = 1

    def __str__(self) -> str:
        spread = "" if self.spread is None else f" ±{self.spread:.2f}"
        return f"{self.mean:.2f}{spread}"

    @property
    def count(self) -> str:
        """The number of seeds, such as `3`, or `2 of 3`."""
        return str(self.seeds) if self.seeds == self.planned else f"{self.seeds} of {self.planned}"


def average(
    results: Iterable[Result],
    value: Callable[[Result], float | None],
    identity: Callable[[Result], Any] = lambda result: result.seeds,
) -> Average | None:
    """The average of a number over runs of one setting.

    Args:
        results: the runs, planned and done.
        value: the number of a finished run; None where it has none.
        identity: runs with the same one are the same measurement, and count once.

    Returns:
        None if no run has the number.
    """
    found: dict[Any, float] = {}
    waiting = 0
    for result in results:
        if not result.done:
            waiting += 1
        elif (number := value(result)) is not None:
            found[identity(result)] = number
    if not found:
        return None
    numbers = list(found.values())
    spread = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Average(statistics.fmean(numbers), spread, len(numbers), len(numbers) + waiting)


def teacher_of(result: Result) -> Any:
    """What tells one teacher from another: runs of a sweep share theirs."""
    return result.values.get("fingerprints", {}).get("teacher", result.seeds)


def score(
    results: Iterable[Result],
    who: str,
    value: Callable[[Mapping[str, Any]], float | None] = lambda score: score["mean"],
) -> Average | None:
    """The average of a score over runs of one setting.

    Args:
        results: the runs, planned and done.
        who: `student` or `teacher`; a teacher that runs share counts once.
        value: what to take of the score; its mean over languages if not given.
    """
    if who == "teacher":
        done = [result for result in results if result.done]
        return average(done, lambda result: value(result.score(who)), teacher_of)
    return average(results, lambda result: value(result.score(who)))


def differing(results: Iterable[Result], axes: Sequence[str] = ()) -> list[str]:
    """The flags in which runs differ; what a planned run does not say does not count.

    Args:
        results: the runs.
        axes: flags that do not count: a table shows them.
    """
    settings = [_effective(result) for result in results]
    names = dict.fromkeys(name for setting in settings for name in setting)
    return [
        name
        for name in names
        if name not in axes and len({_key(s[name]) for s in settings if name in s}) > 1
    ]


def _effective(result: Result) -> dict[str, Any]:
    """The setting without flags that do nothing in it."""
    unused = {"depth" if result.flags["student"] == "bilstm" else "hidden_size"}
    if result.flags.get("strategy") not in _JOINT:
        unused |= set(WEIGHTS)
    return {name: value for name, value in result.setting.items() if name not in unused}


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def lines(results: Sequence[Result], axes: Sequence[str] = ()) -> list[Line]:
    """Splits runs into those that differ in their seeds alone.

    Args:
        results: of one row of a table, planned and done.
        axes: flags that may differ all the same: the table shows them.

    Returns:
        A label and its runs; the label says what differs, and is empty where nothing does. A run
        that is not done joins the first that it may belong to.
    """
    names = differing(results, axes)
    groups: dict[tuple, list[Result]] = {}
    for result in sorted(results, key=lambda result: not result.done):
        setting = _effective(result)
        own = tuple(_key(setting[name]) if name in setting else None for name in names)
        fitting = (k for k in groups if all(a is None or a == b for a, b in zip(own, k)))
        groups.setdefault(own if result.done else next(fitting, own), []).append(result)
    return [(_label(names, key), group) for key, group in groups.items()]


def _label(names: Sequence[str], key: tuple) -> str:
    values = (f"{n}={shown(json.loads(v))}" for n, v in zip(names, key) if v is not None)
    return ", ".join(values)


def main_setting(results: Sequence[Result]) -> tuple[str, list[Result]]:
    """The setting that a table of one setting shows: D4.2 before others, then the largest transfer
    set, then the largest student.

    Args:
        results: all runs.

    Returns:
        What it is among the settings there (empty if it is the only one), and its runs.
    """

    def rank(line: Line) -> tuple[bool, int, int]:
        first = next(result for result in line[1] if result.done)
        return (
            first.flags.get("strategy") == "D4.2",
            first.transfer_size or 0,
            first.values["student"].get("parameters") or 0,
        )

    measured = [line for line in lines(results) if any(result.done for result in line[1])]
    if not measured:
        return "", []
    label, runs = max(measured, key=rank)
    if len(measured) == 1:
        return "", runs
    rule = "D4.2, then the largest transfer set, then the largest student"
    return f"Shown is one of {len(measured)} settings ({rule}): {label}.", runs


def sources(results: Iterable[Result]) -> list[str]:
    """What measured numbers come from: data, teacher, hardware, seeds; a note each."""
    done = [result for result in results if result.done]
    data = dict.fromkeys(_data(done, name) for name in dict.fromkeys(r.dataset for r in done))
    teachers = dict.fromkeys(_teacher(result) for result in done)
    hardware = dict.fromkeys(_hardware(result) for result in done)
    seeds = sorted({str(result.seeds[0]) for result in done})
    return [
        f"Measured on {'; '.join(data)}.",
        f"Teacher: {'; '.join(teachers)}.",
        f"Hardware: {'; '.join(hardware)}. Seeds: {', '.join(seeds)}.",
    ]


def _data(results: Sequence[Result], name: str) -> str:
    own = [result for result in results if result.dataset == name]
    languages = [language for language in own[0].score("teacher")["per_language"] if language]
    there = f" in {len(languages)} languages" if len(languages) > 1 else ""
    of = ", ".join(languages) if 1 < len(languages) <= 8 else ""
    items = "sentences" if own[0].values["task"] == "ner" else "texts"
    train, test = (counts(result.sentences(split) for result in own) for split in ("train", "test"))
    transfer = counts(result.transfer_size for result in own)
    sizes = f"{train} labeled, {transfer} transfer and {test} test {items}"
    return f"{name}{there}{f' ({of})' if of else ''}: {sizes}"


def _teacher(result: Result) -> str:
    parameters = result.values["teacher"].get("parameters")
    size = f" ({parameters / 1e6:.1f}MM parameters)" if parameters else ""
    return result.teacher + size


def _hardware(result: Result) -> str:
    there = result.values.get("hardware", {})
    gpus = ", ".join(there.get("gpus", [])) or "no GPU"
    return f"{there.get('cpu') or 'CPU not recorded'}, {there.get('cores', '?')} cores, {gpus}"

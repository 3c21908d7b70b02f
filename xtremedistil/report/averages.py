"""Which runs are averaged, and what a reader must know of them.

Runs are averaged where they differ in their seeds alone. Where runs of one row differ in anything
else that the table does not show, the row is split and says what differs: nothing is averaged
silently over different settings.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xtremedistil.report.frame import BATCHES
from xtremedistil.report.libraries import pd
from xtremedistil.report.result import shown
from xtremedistil.report.schema import TEACHER
from xtremedistil.report.table import counts
from xtremedistil.runtime.errors import ArtifactError

Line = tuple[str, pd.DataFrame]  # what tells runs from others, and the runs
_COSTS = (
    *("parameters", "compression"),
    *(f"{what}_{batch}" for what in ("student", "speedup") for batch in BATCHES),
)


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


def average(runs: pd.DataFrame, column: str) -> Average | None:
    """The average of a number over runs of one setting.

    Args:
        runs: planned and done. Those with the same seeds are the same measurement, and count once;
            so does a teacher that runs share.
        column: of `frame_of`.

    Returns:
        None if no run has the number.
    """
    if column not in runs:
        return None
    of_teacher = re.split("[ /]", column)[0] == TEACHER
    measured = runs[runs["done"]].dropna(subset=[column])
    measured = measured.drop_duplicates("teacher_made" if of_teacher else "seeds", keep="last")
    values = measured[column].astype(float)
    if values.empty:
        return None
    waiting = 0 if of_teacher else int((~runs["done"]).sum())
    spread = float(values.std()) if len(values) > 1 else None
    return Average(float(values.mean()), spread, len(values), len(values) + waiting)


def mean(runs: pd.DataFrame, column: str) -> float | None:
    """The mean of a number over runs of one setting, as in `average`."""
    value = average(runs, column)
    return value.mean if value else None


def differing(runs: pd.DataFrame, axes: Sequence[str] = ()) -> list[str]:
    """The flags in which runs differ; what a planned run does not say does not count.

    Args:
        runs: planned and done.
        axes: flags that do not count: a table shows them.
    """
    flags = [name for name in runs if name.startswith("--") and name[2:] not in axes]
    return [name[2:] for name in flags if runs[name].nunique() > 1]


def lines(runs: pd.DataFrame, axes: Sequence[str] = ()) -> list[Line]:
    """Splits runs into those that differ in their seeds alone.

    Args:
        runs: of one row of a table, planned and done.
        axes: flags that may differ all the same: the table shows them.

    Returns:
        A label and its runs; the label says what differs, and is empty where nothing does. A run
        that is not done joins the first that it may belong to.
    """
    names = differing(runs, axes)
    groups: dict[tuple, list[str]] = {}
    ordered = runs.sort_values("done", ascending=False, kind="stable")
    for id, done, *own in ordered[["id", "done", *(f"--{n}" for n in names)]].itertuples(False):
        key = tuple(own)
        fitting = (k for k in groups if all(a is None or a == b for a, b in zip(key, k)))
        groups.setdefault(key if done else next(fitting, key), []).append(id)
    return [(_label(names, key), runs.loc[ids]) for key, ids in groups.items()]


def _label(names: Sequence[str], key: tuple) -> str:
    return ", ".join(f"{n}={shown(value)}" for n, value in zip(names, key) if value is not None)


def lines_by(
    runs: pd.DataFrame, by: Sequence[str], axes: Sequence[str] = ()
) -> Iterator[tuple[tuple, str, pd.DataFrame]]:
    """The lines of each group of runs.

    Args:
        runs: planned and done.
        by: columns of `frame_of`; runs that lack one are in no group.
        axes: as in `lines`.

    Yields:
        The group's values of `by`, and a label and its runs.
    """
    for values, own in runs.groupby(list(by), sort=False):
        for label, line in lines(own, axes):
            yield values, label, line


def summary_by(runs: pd.DataFrame, by: Sequence[str], axes: Sequence[str]) -> pd.DataFrame:
    """What tables and figures of settings show of each line of runs.

    Args:
        runs: planned and done.
        by, axes: as in `lines_by`.

    Returns:
        A row for each line: `by`, without dashes; its `label` and `runs` (their ids); the student's
        `score`, an `Average`, of so many `seeds`; means: its `std` across languages, and what it
        costs.
    """
    rows = []
    for values, label, line in lines_by(runs, by, axes):
        score = average(line, "student")
        std, costs = mean(line, "student std"), [_cost(line, column) for column in _COSTS]
        seeds = score.count if score else None
        rows.append((*values, label, tuple(line["id"]), score, seeds, std, *costs))
    names = [name.removeprefix("--") for name in by]
    columns = [*names, "label", "runs", "score", "seeds", "std", *_COSTS]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    return frame.where(frame.notna(), None)


def _cost(runs: pd.DataFrame, column: str) -> float | None:
    """A number that does not depend on training; known of planned runs too, once a sweep's latency
    was measured."""
    timed = runs.loc[runs["timed"], column].dropna()
    return mean(runs, column) if timed.empty else float(timed.iloc[0])


def main_setting(runs: pd.DataFrame) -> Line:
    """The setting that a table of one setting shows: D4.2 before others, then the largest transfer
    set, then the largest student.

    Args:
        runs: planned and done.

    Returns:
        What it is among the settings there (empty if it is the only one), and its runs.
    """

    def rank(line: Line) -> tuple[bool, int, float]:
        first = line[1][line[1]["done"]].iloc[0]
        return first["--strategy"] == "D4.2", first["transfer"] or 0, first["parameters"] or 0

    measured = [line for line in lines(runs) if line[1]["done"].any()]
    if not measured:
        return "", runs[:0]
    label, own = max(measured, key=rank)
    if len(measured) == 1:
        return "", own
    rule = "D4.2, then the largest transfer set, then the largest student"
    return f"Shown is one of {len(measured)} settings ({rule}): {label}.", own


def check_one_test_set(what: str, runs: pd.DataFrame) -> None:
    """Makes sure that results may stand in one table.

    Args:
        what: the table, for the error.
        runs: those that would enter it.

    Raises:
        ArtifactError: their test sets differ.
    """
    sets = {name: ", ".join(own["id"]) for name, own in runs.groupby("test_set", sort=False)}
    if len(sets) > 1:
        received = "; ".join(f"test set {name}: {ids}" for name, ids in sets.items())
        raise ArtifactError(f"{what} holds runs scored on one test set. Received: {received}")


def sources(runs: pd.DataFrame) -> list[str]:
    """What measured numbers come from: data, teacher, hardware, seeds; a note each."""
    done = runs[runs["done"]]
    data = [_data(name, own) for name, own in done.groupby("dataset", sort=False)]
    sizes = [f" ({size:.1f}MM parameters)" if size else "" for size in done["teacher_parameters"]]
    teachers = dict.fromkeys(map("".join, zip(done["teacher_name"], sizes)))
    seeds = sorted({str(seeds[0]) for seeds in done["seeds"]})
    return [
        f"Measured on {'; '.join(data)}.",
        f"Teacher: {'; '.join(teachers)}.",
        f"Hardware: {'; '.join(done['hardware'].unique())}. Seeds: {', '.join(seeds)}.",
    ]


def _data(name: str, runs: pd.DataFrame) -> str:
    first = runs.iloc[0].filter(like="teacher/").dropna()
    named = [column.split("/", 1)[1] for column in first.index if column != "teacher/"]
    there = f" in {len(named)} languages" if len(named) > 1 else ""
    of = ", ".join(named) if 1 < len(named) <= 8 else ""
    items = "sentences" if first_metric(runs) == "f1" else "texts"
    train, transfer, test = (counts(runs[c]) for c in ("train", "transfer", "test"))
    sizes = f"{train} labeled, {transfer} transfer and {test} test {items}"
    return f"{name}{there}{f' ({of})' if of else ''}: {sizes}"


def first_metric(runs: pd.DataFrame) -> str:
    """`f1` or `accuracy`: the metric of runs of one task."""
    return runs["metric"].dropna().iloc[0]

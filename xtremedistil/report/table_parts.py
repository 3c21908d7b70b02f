"""What the builders of all tables share."""

from collections.abc import Iterable, Sequence
from typing import Any

from xtremedistil.report.averages import Average, differing, score, sources
from xtremedistil.report.collected import Collected, Result, check_one_test_set, shown
from xtremedistil.report.published import TABLES
from xtremedistil.report.table import MISSING, Table, number

_PAPER = "Paper: Table {} of Mukherjee and Awadallah (ACL 2020); {}."
_ON_NER = "WikiAnn in 41 languages, MBERT as teacher"
SPREAD = "± is the standard deviation over seeds."
Row = Sequence[str]


def assemble(
    table: int,
    collected: Collected,
    columns: Sequence[str],
    rows: Iterable[Row],
    used: Sequence[Result],
    notes: Sequence[str] = (),
    *,
    paper: str = _ON_NER,
    axes: Sequence[str] = (),
    scores: bool = True,
    by_dataset: bool = False,
) -> Table:
    """A table with its notes.

    Args:
        table: its number.
        collected: what the folder holds.
        columns, rows: headings and cells.
        used: the runs that it shows, planned and done.
        notes: its own, put before those on where the numbers come from.
        paper: what the paper's numbers were measured on.
        axes: flags that it shows; others in which its runs differ are told.
        scores: whether it holds scores, which are comparable on one test set only.
        by_dataset: whether each data set has rows, and a test set, of its own.

    Raises:
        ArtifactError: scores of one table, or of one data set in it, are of several test sets.
    """
    if scores and not by_dataset:
        check_one_test_set(f"Table {table}", used)
    elif scores:
        for name in {result.dataset for result in used}:
            own = [result for result in used if result.dataset == name]
            check_one_test_set(f"Table {table}, data set {name},", own)
    rows = tuple(tuple(row) for row in rows)
    done = [result for result in used if result.done]
    told = [_PAPER.format(table, paper)]
    if not done:
        told.append("Nothing of this table is measured here.")
    elif scores:
        told += [*sources(done), *_also_differing(done, axes, rows)]
    if len(collected.done) < len(collected.results):
        told.append(f"{collected.progress}.")
    if any(MISSING in row for row in rows):
        told.append(f"{MISSING} is missing: not measured here, or not printed there.")
    ids = tuple(result.id for result in done)
    return Table(table, TABLES[table].title, tuple(columns), rows, (*notes, *told), ids)


def _also_differing(done: Sequence[Result], axes: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """What else differs between rows, so that no comparison hides it."""
    told = []
    for name in differing(done, axes):
        if not any(f"{name}=" in text for row in rows for text in row):
            values = dict.fromkeys(shown(r.flags[name]) for r in done if name in r.flags)
            told.append(f"{name} ({'; '.join(values)})")
    return [f"Not the same in all rows: {'; '.join(told)}."] if told else []


def distilled(results: Sequence[Result]) -> list[Result]:
    """The runs of the paper's final strategy, D4.2; where there is none, all."""
    own = [result for result in results if result.flags.get("strategy") == "D4.2"]
    return own if any(result.done for result in own) else list(results)


def score_of(results: Sequence[Result], who: str = "student") -> tuple[str, str, str]:
    """Three cells over the runs of one setting: the score, its standard deviation across
    languages, and the number of seeds.

    Args:
        results: planned and done.
        who: `student` or `teacher`.
    """
    value = score(results, who)
    return cell(value), mean(score(results, who, lambda score: score["std"]), 1), seeds(value)


def named(name: Any, label: str) -> str:
    """A row's first cell, with what tells the row from others of that name."""
    return f"{name} ({label})" if label else str(name)


def mean(value: Average | None, digits: int) -> str:
    """A cell of an average without its spread."""
    return number(float(value.mean), digits) if value else MISSING


def cell(value: Average | None) -> str:
    """A cell of an average with its spread."""
    return str(value) if value else MISSING


def seeds(value: Average | None) -> str:
    """A cell of the number of seeds in an average."""
    return value.count if value else MISSING

"""What the builders of all tables share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xtremedistil.report.averages import average, check_one_test_set, differing, mean, sources
from xtremedistil.report.collected import Collected
from xtremedistil.report.libraries import pd
from xtremedistil.report.published import TITLES
from xtremedistil.report.result import shown
from xtremedistil.report.table import MISSING, Table, number

_PAPER = "Paper: Table {} of Mukherjee and Awadallah (ACL 2020); {}."
_ON_NER = "WikiAnn in 41 languages, MBERT as teacher"
SPREAD = "± is the standard deviation over seeds."
_DIGITS = {"std": 1, "parameters": 1, "compression": 1, "latency": 3}
_DIGITS |= {"speedup_batch_32": 1, "speedup_batch_1": 1}
Row = Sequence[str]


def assemble(
    table: int,
    collected: Collected,
    columns: Iterable[str],
    rows: Iterable[Row],
    used: pd.DataFrame,
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
        notes: its own, put before those on where the numbers come from; empty ones are left out.
        paper: what the paper's numbers were measured on.
        axes: flags that it shows; others in which its runs differ are told.
        scores: whether it holds scores, which are comparable on one test set only.
        by_dataset: whether each data set has rows, and a test set, of its own.

    Raises:
        ArtifactError: scores of one table, or of one data set in it, are of several test sets.
    """
    if scores and by_dataset:
        for name, own in used.groupby("dataset", sort=False):
            check_one_test_set(f"Table {table}, data set {name},", own)
    elif scores:
        check_one_test_set(f"Table {table}", used)
    rows = tuple(tuple(row) for row in rows)
    done = used[used["done"]]
    told = [*filter(None, notes), _PAPER.format(table, paper)]
    if done.empty:
        told.append("Nothing of this table is measured here.")
    elif scores:
        told += [*sources(done), *_also_differing(done, axes, rows)]
    if len(collected.done) < len(collected.results):
        told.append(f"{collected.progress}.")
    if any(MISSING in row for row in rows):
        told.append(f"{MISSING} is missing: not measured here, or not printed there.")
    return Table(table, TITLES[table], tuple(columns), rows, tuple(told), tuple(done["id"]))


def _also_differing(done: pd.DataFrame, axes: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """What else differs between rows, so that no comparison hides it."""
    told = []
    for name in differing(done, axes):
        if not any(f"{name}=" in text for row in rows for text in row):
            values = map(shown, done[f"--{name}"].dropna().unique())
            told.append(f"{name} ({'; '.join(dict.fromkeys(values))})")
    return [f"Not the same in all rows: {'; '.join(told)}."] if told else []


def distilled(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of the paper's final strategy, D4.2; where there is none, all."""
    own = runs[runs["--strategy"] == "D4.2"]
    return own if own["done"].any() else runs


def beside(paper: pd.DataFrame, measured: pd.DataFrame, on: Sequence[str]) -> pd.DataFrame:
    """Measured rows beside the published ones.

    Args:
        paper: a table of the paper.
        measured: any number of rows for one of the paper's.
        on: the columns that say which belong together.

    Returns:
        The paper's rows in their order, then those that it does not have; its own columns have
        `paper_` before their names.
    """
    paper = paper.rename(columns={name: f"paper_{name}" for name in paper if name not in on})
    places = pd.MultiIndex.from_frame(measured[on]), pd.MultiIndex.from_frame(paper[on])
    others = measured[~places[0].isin(places[1])]
    return pd.concat([paper.merge(measured, how="left", on=on), others], ignore_index=True)


def cells(frame: pd.DataFrame, columns: Iterable[str]) -> list[Row]:
    """Rows of a table from columns of a frame."""
    digits = {name: _DIGITS.get(name.removeprefix("paper_"), 2) for name in columns}
    return [
        tuple(number(row[name], places) for name, places in digits.items())
        for row in frame.astype(object).to_dict("records")
    ]


def score_of(runs: pd.DataFrame, who: str = "student") -> tuple[str, str, str]:
    """Three cells over the runs of one setting: the score, its standard deviation across
    languages, and the number of seeds.

    Args:
        runs: planned and done.
        who: `student` or `teacher`.
    """
    value = average(runs, who)
    return number(value), number(mean(runs, f"{who} std"), 1), value.count if value else MISSING


def named(name: Any, label: str | None) -> str:
    """A row's first cell, with what tells the row from others of that name."""
    return f"{name} ({label})" if isinstance(label, str) and label else str(name)


def heads(names: Mapping[str, Any] | Sequence[str], side: str) -> list[str]:
    """Headings of columns that are measured, or the paper's."""
    return [f"{name}\n{side}" for name in names]

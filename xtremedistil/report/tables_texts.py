"""Tables 1, 2 and 7 to 9: data sets, related work, and text classification."""

from collections.abc import Sequence

from xtremedistil.report.averages import average, lines, lines_by
from xtremedistil.report.collected import Collected
from xtremedistil.report.frame import of_task
from xtremedistil.report.libraries import pd
from xtremedistil.report.published import published_table
from xtremedistil.report.schema import STUDENT, TEACHER
from xtremedistil.report.table import MISSING, Table, abbreviated, counts, number
from xtremedistil.report.table_parts import SPREAD, assemble, heads, named

UNDISTILLED = ("D0", "D0-S")
_TEACHERS = "BERT Base and Large as teachers"
_NOTE = f"Accuracy in percent. {SPREAD} n is the number of seeds, where it is not 1."


def table_1(collected: Collected) -> Table:
    """Data sets."""
    done = collected.runs[collected.runs["done"]]
    sizes = done[["dataset", "classes", "train", "test"]].map(number)
    groups = [
        (sizes[0], [*sizes, counts(own["transfer"])])
        for sizes, own in done.groupby([sizes[name] for name in sizes], sort=False)
    ]
    rows, shown = [], set()
    for dataset, labels, *counted in published_table(1).itertuples(False):
        paper = [dataset, str(labels), *map(abbreviated, counted)]
        own = [cells for name, cells in groups if same_dataset(name, dataset)]
        shown |= {cells[0] for cells in own}
        rows += [(*paper, *cells) for cells in own or [[MISSING] * 5]]
    rows += [([MISSING] * 5 + cells) for name, cells in groups if name not in shown]
    names = ("data set", "labels", "train", "test")
    columns = [*heads([*names, "unlabeled"], "paper"), *heads([*names, "transfer"], "measured")]
    notes = [
        "Sentences; a measured transfer set holds the training sentences too. The labels of NER "
        "count four markers."
    ]
    return assemble(1, collected, columns, rows, done, notes, paper="full data", scores=False)


def same_dataset(measured: str, published: str) -> bool:
    """Whether the name of a data folder is that of a data set of the paper."""
    names = ("".join(filter(str.isalnum, name.lower())) for name in (measured, published))
    short, long = sorted(names, key=len)
    return len(short) > 3 and long.startswith(short)


def table_2(collected: Collected) -> Table:
    """Strategies of related work."""
    paper, none = published_table(2), collected.runs[:0]
    about = "related work, nothing to measure"
    return assemble(2, collected, paper, paper.itertuples(False), none, paper=about)


def table_7(collected: Collected) -> Table:
    """SST-2, beside other work."""
    runs = of_task(collected.runs, "classification")
    runs = runs[runs["dataset"].map(lambda name: same_dataset(name, "SST-2")).astype(bool)]
    rows = [
        (model, transfer or MISSING, number(accuracy), MISSING)
        for model, transfer, accuracy in published_table(7).itertuples(False)
    ]
    for name, own in _teachers(runs):
        rows.append((f"{name}, teacher", MISSING, MISSING, _accuracy(own, TEACHER)))
    for (strategy, _), label, own in lines_by(runs, ["--strategy", "--transfer_per_language"]):
        name = named(f"student, {strategy}", label)
        rows.append((name, counts(own["transfer"]), MISSING, _accuracy(own)))
    columns = ("model", "transfer set", "accuracy\npaper", "accuracy\nmeasured")
    axes = ("strategy", "transfer_per_language")
    return assemble(7, collected, columns, rows, runs, [_NOTE], paper=_TEACHERS, axes=axes)


def table_8(collected: Collected) -> Table:
    """Text classification on all labels."""
    names = ("no distillation", "distilled, Base", "distilled, Large", "BERT Base", "BERT Large")
    return _by_dataset(8, collected, names, full=True)


def table_9(collected: Collected) -> Table:
    """Text classification on few labels."""
    names = ("no distillation", "distilled, Large", "BERT Large")
    return _by_dataset(9, collected, names, full=False)


def _by_dataset(table: int, collected: Collected, names: Sequence[str], full: bool) -> Table:
    """A row for each data set and teacher; each data set has its own test set."""
    runs = of_task(collected.runs, "classification")
    runs = runs[runs["--labeled_per_language"].fillna(0).eq(0) == full]
    left = dict(iter(runs.groupby("dataset", sort=False)))
    rows = []
    for dataset, *scores in published_table(table).itertuples(False):
        paper = [dataset, *map(number, scores)]
        own = [left.pop(name) for name in list(left) if same_dataset(name, dataset)]
        rows += [(*paper, *cells) for runs_of in own for cells in _measured(runs_of)]
        rows += [] if own else [(*paper, *[MISSING] * 5)]
    for name, own in left.items():
        rows += [(name, *[MISSING] * len(names), *cells) for cells in _measured(own)]
    measured = ("labels", "no distillation", "distilled", "teacher", "teacher's name")
    columns = ["data set", *heads(names, "paper"), *heads(measured, "measured")]
    axes = ("strategy", "data_dir", "teacher")
    return assemble(
        table, collected, columns, rows, runs, [_NOTE], paper=_TEACHERS, axes=axes, by_dataset=True
    )


def _measured(runs: pd.DataFrame) -> list[tuple[str, ...]]:
    """The cells of one data set, for each teacher."""
    rows = []
    for name, own in _teachers(runs):
        without = own["--strategy"].isin(UNDISTILLED)
        several = (_several(own[without]), _several(own[~without]))
        rows.append((counts(own["train"]), *several, _accuracy(own, TEACHER), name))
    return rows


def _several(runs: pd.DataFrame) -> str:
    """The accuracy of each setting, told apart where there are several."""
    cells = [(label, _accuracy(own)) for label, own in lines(runs)]
    return "; ".join(named(cell, label) for label, cell in cells if cell != MISSING) or MISSING


def _teachers(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Runs by the name of their teacher; those that are not done are with the first."""
    first = next(iter(runs["teacher_name"].dropna()), MISSING)
    return list(runs.groupby(runs["teacher_name"].fillna(first), sort=False)) if len(runs) else []


def _accuracy(runs: pd.DataFrame, who: str = STUDENT) -> str:
    value = average(runs, who)
    if value is None:
        return MISSING
    return f"{value}" if value.count == "1" else f"{value} n={value.count}"

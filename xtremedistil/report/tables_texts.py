"""Tables 1, 2 and 7 to 9: data sets, related work, and text classification."""

from collections.abc import Sequence

from xtremedistil.report.averages import lines, score
from xtremedistil.report.collected import Collected, Result
from xtremedistil.report.published import TABLES
from xtremedistil.report.table import MISSING, Table, abbreviated, counts, number
from xtremedistil.report.table_parts import SPREAD, assemble, named

UNDISTILLED = ("D0", "D0-S")
_NOTE = f"Accuracy in percent. {SPREAD} n is the number of seeds, where it is not 1."


def table_1(collected: Collected) -> Table:
    """Data sets."""
    done = collected.done
    groups: dict[tuple, list[Result]] = {}
    for result in done:
        classes = result.values.get("student", {}).get("shape", {}).get("classes")
        sizes = (result.sentences("train"), result.sentences("test"))
        groups.setdefault((result.dataset, classes, *sizes), []).append(result)
    left = dict(groups)
    rows = []
    for row in TABLES[1].records():
        names = ("labels", "train", "test", "unlabeled")
        paper = [str(row["labels"]), *(abbreviated(row[name]) for name in names[1:])]
        own = [key for key in left if same_dataset(key[0], row["dataset"])]
        for key in own or [None]:
            measured = _sizes(key, left.pop(key)) if key else [MISSING] * 5
            rows.append((row["dataset"], *paper, *measured))
    rows += [(MISSING, *[MISSING] * 4, *_sizes(key, own)) for key, own in left.items()]
    heads = ("data set", "labels", "train", "test")
    columns = [f"{head}\npaper" for head in (*heads, "unlabeled")]
    columns += [f"{head}\nmeasured" for head in (*heads, "transfer")]
    notes = [
        "Sentences; a measured transfer set holds the training sentences too. The labels of NER "
        "count four markers."
    ]
    return assemble(1, collected, columns, rows, done, notes, paper="full data", scores=False)


def _sizes(key: tuple, results: Sequence[Result]) -> list[str]:
    dataset, classes, train, test = key
    transfer = counts(result.transfer_size for result in results)
    return [dataset, number(classes), number(train), number(test), transfer]


def same_dataset(measured: str, published: str) -> bool:
    """Whether the name of a data folder is that of a data set of the paper."""
    names = ("".join(filter(str.isalnum, name.lower())) for name in (measured, published))
    short, long = sorted(names, key=len)
    return len(short) > 3 and long.startswith(short)


def table_2(collected: Collected) -> Table:
    """Strategies of related work."""
    columns = ("work", "pretraining", "constrained by teacher architecture", "strategy")
    rows = [(work, *rest) for works, *rest in TABLES[2].rows for work in works.split("; ")]
    return assemble(2, collected, columns, rows, [], paper="related work, nothing to measure")


def table_7(collected: Collected) -> Table:
    """SST-2, beside other work."""
    results = [r for r in collected.of_task("classification") if same_dataset(r.dataset, "SST-2")]
    rows = [
        (row["model"], row["transfer"] or MISSING, number(row["accuracy"]), MISSING)
        for row in TABLES[7].records()
    ]
    for name, runs in _teachers(results).items():
        rows.append((f"{name}, teacher", MISSING, MISSING, _accuracy(runs, "teacher")))
    for (strategy, _), own in _by_strategy(results).items():
        for label, runs in lines(own):
            size = counts(result.transfer_size for result in runs if result.done)
            rows.append((named(f"student, {strategy}", label), size, MISSING, _accuracy(runs)))
    columns = ("model", "transfer set", "accuracy\npaper", "accuracy\nmeasured")
    return assemble(
        7,
        collected,
        columns,
        rows,
        results,
        (_NOTE,),
        paper="BERT Base and Large as teachers",
        axes=("strategy", "transfer_per_language"),
    )


def _by_strategy(results: Sequence[Result]) -> dict[tuple, list[Result]]:
    """Runs by strategy and transfer set."""
    found: dict[tuple, list[Result]] = {}
    for result in results:
        place = (result.flags.get("strategy"), result.flags.get("transfer_per_language"))
        found.setdefault(place, []).append(result)
    return found


def table_8(collected: Collected) -> Table:
    """Text classification on all labels."""
    columns = ("student", "distil_base", "distil_large", "bert_base", "bert_large")
    heads = ("no distillation", "distilled, Base", "distilled, Large", "BERT Base", "BERT Large")
    return _by_dataset(8, collected, dict(zip(columns, heads)), full=True)


def table_9(collected: Collected) -> Table:
    """Text classification on few labels."""
    columns = ("student", "distil_large", "bert_large")
    heads = ("no distillation", "distilled, Large", "BERT Large")
    return _by_dataset(9, collected, dict(zip(columns, heads)), full=False)


def _by_dataset(table: int, collected: Collected, heads: dict[str, str], full: bool) -> Table:
    """A row for each data set and teacher; each data set has its own test set."""
    results = [r for r in collected.of_task("classification") if _is_full(r) == full]
    left: dict[str, list[Result]] = {}
    for result in results:
        left.setdefault(result.dataset, []).append(result)
    rows = []
    for row in TABLES[table].records():
        paper = [number(row[name]) for name in heads]
        own = [name for name in left if same_dataset(name, row["dataset"])]
        for name in own:
            rows += _rows(row["dataset"], paper, left.pop(name))
        if not own:
            rows.append((row["dataset"], *paper, *[MISSING] * 5))
    for name, runs in left.items():
        rows += _rows(name, [MISSING] * len(heads), runs)
    measured = ("labels", "no distillation", "distilled", "teacher", "teacher's name")
    columns = ["data set", *(f"{head}\npaper" for head in heads.values())]
    columns += [f"{head}\nmeasured" for head in measured]
    return assemble(
        table,
        collected,
        columns,
        rows,
        results,
        (_NOTE,),
        paper="BERT Base and Large as teachers",
        axes=("strategy", "data_dir", "teacher"),
        by_dataset=True,
    )


def _is_full(result: Result) -> bool:
    return not result.flags.get("labeled_per_language")


def _rows(dataset: str, paper: list[str], results: Sequence[Result]) -> list[tuple[str, ...]]:
    rows = []
    for name, runs in (_teachers(results) or {MISSING: list(results)}).items():
        without = [r for r in runs if r.flags.get("strategy") in UNDISTILLED]
        others = [r for r in runs if r.flags.get("strategy") not in UNDISTILLED]
        labels = counts(result.sentences("train") for result in runs if result.done)
        measured = (labels, _several(without), _several(others), _accuracy(runs, "teacher"))
        rows.append((dataset, *paper, *measured, name))
    return rows


def _several(results: Sequence[Result]) -> str:
    """The accuracy of each setting, told apart where there are several."""
    cells = [(label, _accuracy(runs)) for label, runs in lines(results)]
    found = [f"{cell} ({label})" if label else cell for label, cell in cells if cell != MISSING]
    return "; ".join(found) or MISSING


def _teachers(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Runs by the name of their teacher; those that are not done are with the first."""
    found: dict[str, list[Result]] = {}
    for result in results:
        if result.done:
            found.setdefault(result.teacher, []).append(result)
    for result in results:
        if not result.done and found:
            next(iter(found.values())).append(result)
    return found


def _accuracy(runs: Sequence[Result], who: str = "student") -> str:
    value = score(runs, who)
    if value is None:
        return MISSING
    return f"{value}" if value.count == "1" else f"{value} n={value.count}"

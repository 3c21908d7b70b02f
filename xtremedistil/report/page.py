"""One self-contained page for a whole run or sweep: HTML without a script or a link to anything, so
that it can be mailed and read anywhere. What stands where is in `templates/`."""

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

from xtremedistil.report import charts, figures
from xtremedistil.report.averages import main_setting, sources
from xtremedistil.report.collected import Collected
from xtremedistil.report.disagreements import read_disagreements
from xtremedistil.report.libraries import jinja2, pd
from xtremedistil.report.published import FIGURES
from xtremedistil.report.result import Result
from xtremedistil.report.schema import RunResults
from xtremedistil.report.table import MISSING, Table, number
from xtremedistil.report.tables import BUILDERS, build_table, has_something
from xtremedistil.runtime.errors import ArtifactError

_RUN_COLUMNS = {  # of the table of runs: a column of the frame, and digits
    "student": ("student", 2),
    "student,\nstrict": ("strict", 2),
    "student,\nunseen": ("unseen", 2),
    "teacher": ("teacher", 2),
    "kept (%)": ("retained", 1),
    "unknown\npieces (%)": ("unknown_pieces", 2),
    "MM params": ("parameters", 2),
    "times\nsmaller": ("compression", 1),
    "ms,\nbatch 32": ("student_batch_32", 2),
    "minutes": ("minutes", 1),
}


_AGREEMENT_COLUMNS = {  # of that table, where a run had no training labels
    "agreement\nwith teacher": ("agreement", 2),
    "words\nalike (%)": ("words alike", 2),
}
_AGREEMENT_NOTE = (
    "Agreement: the student's answers on held-out text without labels, scored with the teacher's "
    "answers in the place of labels. It says how alike the two are, and nothing of how right."
)


def build_page(collected: Collected) -> str:
    """The page of a run or a sweep, as far as it has got.

    Args:
        collected: the results.

    Returns:
        HTML. What cannot be shown, because runs do not compare, is replaced by the reason.

    Raises:
        ConfigError: matplotlib is not installed.
        ArtifactError: a file of a run is not what a run writes.
    """
    runs = collected.runs
    distilled = runs[runs["done"] & ~runs["--teacher_per_language"].astype(bool)]
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    tables, without = _tables(collected)
    return templates.get_template("page.html").render(
        collected=collected,
        missing=MISSING,
        runs=_runs(collected),
        groups=[
            {"task": task, "dataset": dataset, **_group(collected, own)}
            for (task, dataset), own in distilled.groupby(["--task", "dataset"], sort=False)
        ],
        figures=_paper_figures(collected),
        tables=tables,
        without=", ".join(map(str, without)),
    )


def _runs(collected: Collected) -> Table:
    """A row for each run, planned ones too."""
    rows, columns = [], dict(_RUN_COLUMNS)
    agreeing = collected.runs["agreement"].notna().any()
    if agreeing:
        columns |= _AGREEMENT_COLUMNS
    for result in collected.results:
        run = collected.runs.loc[result.id]
        axes = ", ".join(f"{name}={value}" for name, value in result.axes.items())
        cells = [number(run[name], digits) for name, digits in columns.values()]
        if not result.done:
            cells = ["not done", *[MISSING] * (len(cells) - 1)]
        elif run["retained"] is not None:
            place = list(_RUN_COLUMNS).index("kept (%)")
            cells[place] += f" ({run['retained low']:.1f} to {run['retained high']:.1f})"
        rows.append((f"{result.id} ({axes})" if axes else result.id, *cells))
    notes = (
        "Scores are means over languages, in percent. Strict: an I- tag does not begin an entity. "
        "Unseen: over test sentences that are in no training or transfer set. In brackets the 95% "
        "interval.",
    )
    if agreeing:
        notes += (_AGREEMENT_NOTE,)
    return Table(0, "Runs", ("run", *columns), tuple(rows), notes)


def _agreement(result: Result) -> Table | None:
    """The agreement of a run's student with its teacher in each language, the least first."""
    found = result.values.agreement if isinstance(result.values, RunResults) else None
    if found is None:
        return None
    words = found.word_accuracy.per_language if found.word_accuracy else {}
    listed = sorted(found.score.per_language.items(), key=lambda item: item[1])
    rows = [(name or MISSING, number(value), number(words.get(name))) for name, value in listed]
    columns = ("language", "agreement\nwith teacher", "words\nalike (%)")
    return Table(0, f"Agreement of {result.id}", columns, tuple(rows), (_AGREEMENT_NOTE,))


def _group(collected: Collected, runs: pd.DataFrame) -> dict[str, Any]:
    """What the page says of one data set."""
    several, own = main_setting(runs)
    first = next(result for result in collected.done if result.id == own["id"].iloc[0])
    return {
        "sources": sources(runs),
        "several": several,
        "first": first.id,
        "agreement": _agreement(first),
        "curves": _painted(lambda: charts.training_curves(first)),
        "languages": _painted(lambda: charts.language_bars(own)),
        "steps": _painted(lambda: charts.staircase(own)),
        "costs": _painted(lambda: charts.cost_of_score(runs)),
        "disagreements": read_disagreements(first),
    }


def _painted(paint: Callable[[], bytes | None]) -> dict[str, str]:
    """A figure: its `image` in base64, or the `problem` that keeps it away; or nothing at all."""
    try:
        content = paint()
    except ArtifactError as error:
        return {"problem": str(error)}
    return {"image": base64.b64encode(content).decode("ascii")} if content else {}


def _paper_figures(collected: Collected) -> list[dict[str, str]]:
    """The paper's figures of which something is measured."""

    def paint(figure: int) -> bytes | None:
        if figures.measured_runs(figure, collected).empty:
            return None
        return figures.build_figure(figure, collected)

    shown = [
        (figure, figures.caption(figure), _painted(partial(paint, figure))) for figure in FIGURES
    ]
    return [{"number": n, "caption": caption, **one} for n, caption, one in shown if one]


def _tables(collected: Collected) -> tuple[list[Table | str], list[int]]:
    """The paper's tables of which something is measured, or why they cannot be shown; and the
    numbers of the others."""
    shown, without = [], []
    for table in BUILDERS:
        try:
            built = build_table(table, collected)
        except ArtifactError as error:
            shown.append(str(error))
            continue
        if has_something(built, collected):
            shown.append(built)
        else:
            without.append(table)
    return shown, without

"""One self-contained page for a whole run or sweep: HTML without a script or a link to anything, so
that it can be mailed and read anywhere. What stands where is in `templates/`."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from xtremedistil.report import charts, figures
from xtremedistil.report.averages import main_setting, sources
from xtremedistil.report.collected import Collected
from xtremedistil.report.disagreements import read_disagreements
from xtremedistil.report.libraries import jinja2, pd
from xtremedistil.report.published import FIGURES
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


@dataclass(frozen=True)
class Shown:
    """A figure on the page: its PNG in base64, or the problem that keeps it away."""

    title: str
    caption: str
    image: str = ""
    problem: str = ""


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
    tables, without = _tables(collected)
    return (
        _templates()
        .get_template("page.html")
        .render(
            name=collected.name,
            kind=f"Sweep, {collected.progress}" if collected.sweep else "One run",
            folded=collected.progress if collected.sweep else "",
            missing=MISSING,
            runs=_runs(collected),
            groups=[
                _group(collected, task, dataset, own)
                for (task, dataset), own in distilled.groupby(["--task", "dataset"], sort=False)
            ],
            figures=_paper_figures(collected),
            tables=tables,
            without=without,
        )
    )


def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _runs(collected: Collected) -> Table:
    """A row for each run, planned ones too."""
    rows = []
    for result in collected.results:
        run = collected.runs.loc[result.id]
        axes = ", ".join(f"{name}={value}" for name, value in result.axes.items())
        cells = [number(run[name], digits) for name, digits in _RUN_COLUMNS.values()]
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
    return Table(0, "Runs", ("run", *_RUN_COLUMNS), tuple(rows), notes)


def _group(collected: Collected, task: str, dataset: str, runs: pd.DataFrame) -> dict[str, Any]:
    """What the page says of one data set."""
    several, own = main_setting(runs)
    first = next(result for result in collected.done if result.id == own["id"].iloc[0])
    shown = f" {several}" if several else ""
    painted = (
        _figure(
            "Training curves",
            f"Loss and validation loss of {first.id}, by epoch; epoch 0 is the start of a step, "
            f"and the dotted line the epoch whose weights were kept.{shown}",
            lambda: charts.training_curves(first),
        ),
        _figure(
            "Teacher and student by language",
            f"The student's worst language comes first.{shown}",
            lambda: charts.language_bars(own),
        ),
        _figure(
            "After each step",
            f"The steps of the paper's Table 4.{shown}",
            lambda: charts.staircase(own),
        ),
        _figure(
            "What a score costs",
            "Score against parameters and against latency (plain TensorFlow). No model on the "
            "Pareto front is beaten by one that is as cheap.",
            lambda: charts.cost_of_score(runs),
        ),
    )
    return {
        "task": task,
        "dataset": dataset,
        "sources": sources(runs),
        "figures": _there(painted),
        "first": first.id,
        "disagreements": read_disagreements(first),
    }


def _figure(title: str, caption: str, paint: Callable[[], bytes | None]) -> Shown | None:
    """A figure; None where there is nothing to paint, and the reason where it must not be."""
    try:
        content = paint()
    except ArtifactError as error:
        return Shown(title, caption, problem=str(error))
    return content and Shown(title, caption, base64.b64encode(content).decode("ascii"))


def _there(shown: Iterable[Shown | None]) -> list[Shown]:
    return [figure for figure in shown if figure]


def _paper_figures(collected: Collected) -> list[Shown]:
    """The paper's figures of which something is measured."""

    def paint(figure: int) -> bytes | None:
        if figures.measured_runs(figure, collected).empty:
            return None
        return figures.build_figure(figure, collected)

    return _there(
        _figure(f"Figure {figure}", figures.caption(figure), lambda figure=figure: paint(figure))
        for figure in FIGURES
    )


def _tables(collected: Collected) -> tuple[list[Table | str], str]:
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
            without.append(str(table))
    return shown, ", ".join(without)

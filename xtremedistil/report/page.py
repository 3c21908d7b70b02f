"""One self-contained page for a whole run or sweep: HTML without a script or a link to anything, so
that it can be mailed and read anywhere."""

import base64
from collections.abc import Callable, Sequence
from html import escape

from xtremedistil.report import charts, figures
from xtremedistil.report.averages import main_setting, sources
from xtremedistil.report.collected import Collected, Result
from xtremedistil.report.disagreements import read_disagreements
from xtremedistil.report.disagreements import to_html as sentences_to_html
from xtremedistil.report.published import FIGURES
from xtremedistil.report.table import MISSING, Table, number
from xtremedistil.report.tables import BUILDERS, build_table, has_something
from xtremedistil.runtime.errors import ArtifactError

_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 2rem auto;
       max-width: 76rem; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { border-top: 2px solid #0072b2; margin-top: 3rem; padding-top: .6rem; }
img { height: auto; max-width: 100%; }
figure { margin: 1.5rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; }
caption { font-weight: 600; padding: .4rem 0; text-align: left; }
th, td { border-bottom: 1px solid #d9d9d9; padding: .2rem .7rem; text-align: left;
         vertical-align: bottom; }
td.number, th.number { font-variant-numeric: tabular-nums; text-align: right; }
th small { color: #555; display: block; font-weight: 400; }
.notes, figcaption { color: #444; font-size: .85rem; max-width: 60rem; }
.problem { background: #fff3e0; border-left: 4px solid #d55e00; padding: .5rem 1rem; }
mark { background: #ffe08a; }
details { margin: .5rem 0; }
summary { cursor: pointer; font-weight: 600; }
"""
_RUN_COLUMNS = (
    *("run", "student", "student,\nstrict", "student,\nunseen", "teacher", "kept (%)"),
    *("unknown\npieces (%)", "MM params", "times\nsmaller", "ms,\nbatch 32", "minutes"),
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
    kind = f"Sweep, {collected.progress}" if collected.sweep else "One run"
    parts = [
        f"<h1>{escape(collected.name)}</h1>",
        f"<p>{escape(kind)}. Numbers called <em>paper</em> or <em>published</em> are those of "
        f"Mukherjee and Awadallah (ACL 2020); all others were measured here. {MISSING} is "
        "missing.</p>",
        _runs(collected),
    ]
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in collected.done:
        if not result.flags["teacher_per_language"]:
            groups.setdefault((result.values["task"], result.dataset), []).append(result)
    for (task, dataset), results in groups.items():
        parts.append(f"<h2>{escape(dataset)} ({escape(task)})</h2>")
        parts += _charts(results)
    parts += [*_paper_figures(collected), *_tables(collected)]
    for (_, dataset), results in groups.items():
        parts += _disagreements(dataset, results)
    body = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(collected.name)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _runs(collected: Collected) -> str:
    """A row for each run, planned ones too."""
    rows = [(_run_name(result), *_run_cells(result)) for result in collected.results]
    notes = (
        "Scores are means over languages, in percent. Strict: an I- tag does not begin an entity. "
        "Unseen: over test sentences that are in no training or transfer set. In brackets the 95% "
        "interval.",
    )
    table = table_to_html(Table(0, "Runs", _RUN_COLUMNS, tuple(rows), notes))
    if not collected.sweep:
        return table
    return f"<details><summary>{escape(collected.progress)}</summary>\n{table}</details>"


def _run_name(result: Result) -> str:
    axes = ", ".join(f"{name}={value}" for name, value in result.axes.items())
    return f"{result.id} ({axes})" if axes else result.id


def _run_cells(result: Result) -> tuple[str, ...]:
    if not result.done:
        return ("not done", *[MISSING] * (len(_RUN_COLUMNS) - 2))
    values, student = result.values, result.values.get("student", {})
    parameters, seconds = student.get("parameters"), values.get("seconds")
    low, high = values.get("retained_interval") or (None, None)
    interval = "" if low is None else f" ({low:.1f} to {high:.1f})"
    return (
        number(student.get(result.metric, {}).get("mean")),
        number(student.get("f1_strict", {}).get("mean")),
        number((values.get("unseen", {}).get("student") or {}).get("mean")),
        number(result.score("teacher")["mean"]),
        number(values.get("retained"), 1) + interval,
        number(values.get("unknown_piece_rate")),
        number(parameters / 1e6 if parameters else None),
        number(result.compression, 1),
        number(result.latency("student", "batch_32")),
        number(seconds / 60 if seconds else None, 1),
    )


def _charts(results: Sequence[Result]) -> list[str]:
    """The charts of one data set."""
    several, runs = main_setting(results)
    first = runs[0]
    shown = f" {several}" if several else ""
    return [
        *(f'<p class="notes">{escape(note)}</p>' for note in sources(results)),
        _figure(
            "Training curves",
            f"Loss and validation loss of {first.id}, by epoch; epoch 0 is the start of a step, "
            f"and the dotted line the epoch whose weights were kept.{shown}",
            lambda: charts.training_curves(first),
        ),
        _figure(
            "Teacher and student by language",
            f"The student's worst language comes first.{shown}",
            lambda: charts.language_bars(runs),
        ),
        _figure(
            "After each step",
            f"The steps of the paper's Table 4.{shown}",
            lambda: charts.staircase(runs),
        ),
        _figure(
            "What a score costs",
            "Score against parameters and against latency (plain TensorFlow). No model on the "
            "Pareto front is beaten by one that is as cheap.",
            lambda: charts.cost_of_score(results),
        ),
    ]


def _figure(title: str, caption: str, paint: Callable[[], bytes | None]) -> str:
    """A figure; nothing where there is nothing to paint, and the reason where it must not be."""
    try:
        content = paint()
    except ArtifactError as error:
        return f'<h3>{escape(title)}</h3>\n<p class="problem">{escape(str(error))}</p>'
    if content is None:
        return ""
    image = base64.b64encode(content).decode("ascii")
    return (
        f"<h3>{escape(title)}</h3>\n"
        f'<figure><img src="data:image/png;base64,{image}" alt="{escape(title)}">\n'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _paper_figures(collected: Collected) -> list[str]:
    """The paper's figures of which something is measured."""

    def paint(figure: int) -> bytes | None:
        if not figures.measured_runs(figure, collected):
            return None
        return figures.build_figure(figure, collected)

    shown = [
        _figure(f"Figure {figure}", figures.caption(figure), lambda figure=figure: paint(figure))
        for figure in FIGURES
    ]
    return ["<h2>Figures of the paper</h2>", *shown] if any(shown) else []


def _tables(collected: Collected) -> list[str]:
    """The paper's tables of which something is measured."""
    shown, without = [], []
    for table in BUILDERS:
        try:
            built = build_table(table, collected)
        except ArtifactError as error:
            shown.append(f'<p class="problem">{escape(str(error))}</p>')
            continue
        if has_something(built, collected):
            shown.append(table_to_html(built))
        else:
            without.append(str(table))
    if without:
        shown.append(
            '<p class="notes">Left out, since nothing that they compare is measured here: Tables '
            f"{', '.join(without)}.</p>"
        )
    return ["<h2>Tables of the paper</h2>", *shown]


def table_to_html(table: Table) -> str:
    """A table and its notes; every cell is escaped."""
    kinds = ["number" if right else "text" for right in table.numeric]

    def head(text: str) -> str:
        first, *rest = text.split("\n")
        return escape(first) + "".join(f"<small>{escape(line)}</small>" for line in rest)

    heads = "".join(f'<th class="{k}">{head(c)}</th>' for k, c in zip(kinds, table.columns))
    rows = "\n".join(
        f"<tr>{''.join(f'<td class={k!r}>{escape(c)}</td>' for k, c in zip(kinds, row))}</tr>"
        for row in table.rows
    )
    title = f"Table {table.number}. {table.title}" if table.number else table.title
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return (
        f'<div class="wide"><table><caption>{escape(title)}</caption>\n<thead><tr>{heads}</tr>'
        f"</thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def _disagreements(dataset: str, results: Sequence[Result]) -> list[str]:
    """The sentences of one run, the first of its data set's main setting."""
    first = main_setting(results)[1][0]
    found = read_disagreements(first)
    if not found:
        return []
    return [
        f"<h2>Where teacher and student disagree most: {escape(dataset)}</h2>",
        f"<p>Test sentences of {escape(first.id)}, those with the most different tags first. "
        "Marked words are those on which the two disagree. These sentences are your data: mind "
        "who gets this page.</p>",
        sentences_to_html(found),
    ]

"""The figures of a page that the paper does not have: training curves, languages, steps, and what a
score costs in parameters and time."""

import math
from typing import Any

from xtremedistil.report import drawing
from xtremedistil.report.averages import (
    Average,
    average,
    check_one_test_set,
    first_metric,
    lines,
)
from xtremedistil.report.drawing import draw
from xtremedistil.report.figures import PUBLISHED, measured_title
from xtremedistil.report.frame import languages
from xtremedistil.report.libraries import pd
from xtremedistil.report.published import published_table
from xtremedistil.report.result import Result
from xtremedistil.report.schema import RunResults, Step
from xtremedistil.report.schema import Teacher as TeacherOf

_COLUMNS, _MOST_PANELS = 3, 12
# What a model costs: the name of its axis, and the column of `models`.
COSTS = {"Parameters (millions)": "parameters", "Latency (ms, batch 32)": "latency"}
_SHORT = {"strategy=": "", "embedding_dim=": "E=", "hidden_size=": "H="}


def training_curves(result: Result) -> bytes | None:
    """Loss and validation loss of a run, a panel for the teacher and each step: the first twelve,
    where each language has a student of its own.

    Args:
        result: a finished run.

    Returns:
        PNG; None if the run has no history.
    """
    steps = result.values.steps if isinstance(result.values, RunResults) else []
    named = [("teacher", result.values.teacher), *((step.name, step) for step in steps)]
    trained = [(name, model) for name, model in named if model.history]
    if not trained:
        return None
    shown = trained[:_MOST_PANELS]
    rows = math.ceil(len(shown) / _COLUMNS)

    def paint(figure: Any) -> None:
        panels = figure.subplots(rows, _COLUMNS, squeeze=False)
        for axes, (name, model) in zip(panels.flat, shown):
            _curve(axes, name, model)
        for axes in panels.flat[len(shown) :]:
            axes.set_axis_off()
        for row in panels:
            row[0].set_ylabel("Loss (nats, or\nsquared error)")
        entries = {}
        for axes in panels.flat:
            handles, names = axes.get_legend_handles_labels()
            entries |= dict(zip(names, handles))
        figure.legend(entries.values(), entries, loc="outside lower center", ncols=len(entries))
        if len(shown) < len(trained):
            figure.suptitle(f"{len(shown)} of {len(trained)} models and steps", fontsize=10)

    return draw(11.5, 2.4 * rows + 0.6, paint)


def _curve(axes: Any, title: str, model: TeacherOf | Step) -> None:
    small = {"markersize": 4, "linewidth": 1}
    history = pd.DataFrame(list(map(vars, model.history))).set_index("epoch")
    for name, style in (("loss", drawing.TEACHER), ("validation_loss", drawing.STUDENT)):
        losses = history[name].dropna().astype(float)
        if not losses.empty:
            axes.plot(losses, label=name.replace("_", " "), **{**style, **small})
    constant, best = getattr(model, "constant_loss", None), getattr(model, "best_epoch", None)
    if constant:
        axes.axhline(constant, color=drawing.GREY, linestyle="--", label="one answer for all texts")
    if all(value > 0 for line in axes.lines for value in line.get_ydata()):
        drawing.log_axis(axes.yaxis)
    if best is not None:
        axes.axvline(best, color=drawing.GREY, linestyle=":", linewidth=1, label="kept epoch")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("Epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)


def language_bars(runs: pd.DataFrame) -> bytes | None:
    """The score of teacher and student in each language, the student's worst first.

    Args:
        runs: of one setting.

    Returns:
        PNG; None where there is one language.

    Raises:
        ArtifactError: they were scored on different test sets.
    """
    check_one_test_set("The figure of languages", runs)
    names, whose = languages(runs, "student"), ("teacher", "student")
    scores = {who: {name: average(runs, f"{who}/{name}") for name in names} for who in whose}
    names = [name for name in names if all(scores[who][name] for who in whose)]
    if len(names) < 2:
        return None
    names.sort(key=lambda name: scores["student"][name].mean)

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        looks = ((-0.2, drawing.LIGHT, ""), (0.2, drawing.SKY, "///"))
        for who, (shift, color, hatch) in zip(whose, looks):
            own = [scores[who][name] for name in names]
            spreads = [score.spread or 0 for score in own]
            look = {"color": color, "hatch": hatch, "edgecolor": drawing.GREY, "linewidth": 0.6}
            places = [place + shift for place in range(len(names))]
            whiskers = {"yerr": spreads, "capsize": 2} if any(spreads) else {}
            axes.bar(places, [score.mean for score in own], 0.4, label=who, **look, **whiskers)
        axes.set_xticks(range(len(names)), names)
        axes.grid(visible=False, axis="x")
        axes.set_xlim(-0.7, len(names) - 0.3)
        axes.set_xlabel("Language")
        axes.set_ylabel(score_name(runs))
        axes.set_title(measured_title(runs), fontsize=10)
        figure.legend(loc="outside lower center", ncols=2)

    return draw(11.5, 4, paint)


def score_name(runs: pd.DataFrame) -> str:
    """The score of the task of some runs, with its unit."""
    return "F1 (%)" if first_metric(runs) == "f1" else "Accuracy (%)"


def staircase(runs: pd.DataFrame) -> bytes | None:
    """The score after each step, F1 beside Table 4's.

    Args:
        runs: of one setting of D4.2.

    Returns:
        PNG; None where no step of it was measured.

    Raises:
        ArtifactError: they were scored on different test sets.
    """
    check_one_test_set("The figure of steps", runs)
    paper = published_table(4)
    steps = list(zip(paper["stage"], paper["layer"]))
    measured = [average(runs, f"{stage}/{layer}") for stage, layer in steps]
    if not any(measured):
        return None

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        places = range(len(steps))
        stairs = {"drawstyle": "steps-mid"}
        if first_metric(runs) == "f1":  # accuracy has no counterpart in the paper
            published = [Average(f1) for f1 in paper["f1"]]
            grey = {"color": drawing.GREY, "marker": "s", "linestyle": "--"}
            drawing.plot(axes, places, published, label=PUBLISHED, **stairs, **grey)
        drawing.plot(
            axes, places, measured, label=measured_title(runs), **stairs, **drawing.STUDENT
        )
        axes.set_xticks(places, [f"stage {stage}\n+ {layer}" for stage, layer in steps])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("Stage, and the layer that the step unfroze")
        axes.set_ylabel(score_name(runs))
        axes.set_ylim(bottom=-2)
        figure.legend(loc="outside lower center", ncols=2)

    return draw(11.5, 4.4, paint)


def models(runs: pd.DataFrame) -> pd.DataFrame:
    """Students, one for each setting, and their teachers.

    Args:
        runs: that may share a figure, planned and done.

    Returns:
        A row for each model: its `name`; `who` it is; its `score`, an `Average`; `parameters` in
        millions; `latency` in milliseconds for a batch of 32.

    Raises:
        ArtifactError: they may not.
    """
    done = runs[runs["done"]]
    check_one_test_set("The figure of score against cost", done)
    students = [("student", _short(label) or "student", own) for label, own in lines(done)]
    teachers = [
        ("teacher", f"teacher {own['teacher_name'].iloc[0]}", own)
        for _, own in done.groupby("teacher_made", sort=False)
    ]
    columns = {"student": "parameters", "teacher": "teacher_parameters"}
    rows = [
        (
            *(name, who, average(own, who)),
            *(own[c].dropna().astype(float).mean() for c in (columns[who], f"{who}_batch_32")),
        )
        for who, name, own in [*students, *teachers]
        if own[who].notna().any()  # runs without labels have no score
    ]
    found = pd.DataFrame(rows, columns=["name", "who", "score", "parameters", "latency"])
    return found.dropna(subset=["score"]).reset_index(drop=True)  # without what is undefined


def _short(label: str) -> str:
    """A setting's label without the names of flags that every reader knows."""
    for flag, short in _SHORT.items():
        label = label.replace(flag, short)
    return label


def pareto_front(found: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The models that no other beats or equals at the same cost or a lower one, the cheapest first.

    Args:
        found: of `models`; those whose cost is not known are left out.
        cost: `parameters` or `latency`.
    """
    known = found.assign(mean=[score.mean for score in found["score"]]).dropna(subset=[cost])
    known = known.sort_values([cost, "mean"], ascending=[True, False], kind="stable")
    return known[known["mean"] > known["mean"].cummax().shift(fill_value=-math.inf)]


def cost_of_score(runs: pd.DataFrame) -> bytes | None:
    """Score against parameters and against latency: students, their teachers, and the front of
    those that nothing beats in both. Models on a front have numbers, and the legend their names.

    Args:
        runs: that may share a figure, planned and done.

    Returns:
        PNG; None where nothing is done.

    Raises:
        ArtifactError: they may not share one.
    """
    found = models(runs)
    if found.empty:
        return None
    fronts = {cost: pareto_front(found, cost) for cost in COSTS.values()}
    numbers: dict[int, int] = {}
    for front in fronts.values():
        for model in front.index:
            numbers.setdefault(model, len(numbers) + 1)

    def paint(figure: Any) -> None:
        panels = figure.subplots(1, len(COSTS))
        for axes, (name, cost) in zip(panels, COSTS.items(), strict=True):
            for who, style in (("student", drawing.STUDENT), ("teacher", drawing.TEACHER)):
                own = found[found["who"] == who].dropna(subset=[cost])
                look = {**style, "linestyle": "none"}
                drawing.plot(axes, own[cost].tolist(), own["score"].tolist(), label=who, **look)
            front = fronts[cost]
            if not front.empty:
                dashed = {"color": drawing.GREY, "linestyle": "--", "linewidth": 1}
                axes.plot(front[cost], front["mean"], label="Pareto front", **dashed)
            for point in front.itertuples():
                place = getattr(point, cost), point.mean
                drawing.mark(axes, place, str(numbers[point.Index]), offset=drawing.ABOVE_LEFT)
            drawing.log_axis(axes.xaxis)
            axes.margins(0.1, 0.12)
            axes.set_xlabel(name)
            axes.set_ylabel(score_name(runs))
        figure.suptitle(measured_title(runs), fontsize=10)
        handles, labels = panels[0].get_legend_handles_labels()
        names = [f"{number}: {found['name'][model]}" for model, number in numbers.items()]
        blank = panels[0].plot([], [], linestyle="none")
        figure.legend(
            [*handles, *blank * len(names)], [*labels, *names], loc="outside lower left", ncols=3
        )

    return draw(11.5, 4.8 + 0.2 * math.ceil(len(numbers) / 3), paint)

"""The figures of a page that the paper does not have: training curves, languages, steps, and what a
score costs in parameters and time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil.report.averages import Average, lines, score, teacher_of
from xtremedistil.report.collected import Result, check_one_test_set
from xtremedistil.report.drawing import (
    ABOVE_LEFT,
    GREY,
    LIGHT,
    SKY,
    STUDENT,
    TEACHER,
    draw,
    log_axis,
    mark,
    plot,
)
from xtremedistil.report.figures import PUBLISHED, measured_title
from xtremedistil.report.published import TABLES
from xtremedistil.report.tables_ner import after_step, in_language

_COLUMNS, _MOST_PANELS = 3, 12
# What a model costs: the name of its axis, and the attribute of `Model`.
COSTS = {"Parameters (millions)": "parameters", "Latency (ms, batch 32)": "latency"}


def training_curves(result: Result) -> bytes | None:
    """Loss and validation loss of a run, a panel for the teacher and each step: the first twelve,
    where each language has a student of its own.

    Args:
        result: a finished run.

    Returns:
        PNG; None if the run has no history.
    """
    teacher = {"name": "teacher", "history": result.values["teacher"].get("history")}
    trained = [s for s in (teacher, *result.values.get("steps", ())) if s.get("history")]
    if not trained:
        return None
    steps = trained[:_MOST_PANELS]
    rows = math.ceil(len(steps) / _COLUMNS)

    def paint(figure: Any) -> None:
        panels = figure.subplots(rows, _COLUMNS, squeeze=False)
        for axes, step in zip(panels.flat, steps):
            _curve(axes, step)
        for axes in panels.flat[len(steps) :]:
            axes.set_axis_off()
        for row in panels:
            row[0].set_ylabel("Loss (nats, or\nsquared error)")
        shown = {}
        for axes in panels.flat:
            handles, names = axes.get_legend_handles_labels()
            shown |= dict(zip(names, handles))
        figure.legend(shown.values(), shown, loc="outside lower center", ncols=len(shown))
        if len(steps) < len(trained):
            figure.suptitle(f"{len(steps)} of {len(trained)} models and steps", fontsize=10)

    return draw(11.5, 2.4 * rows + 0.6, paint)


def _curve(axes: Any, step: dict[str, Any]) -> None:
    for key, style in (("loss", TEACHER), ("validation_loss", STUDENT)):
        points = [(e["epoch"], e[key]) for e in step["history"] if e.get(key) is not None]
        if points:
            name = key.replace("_", " ")
            axes.plot(*zip(*points), label=name, **{**style, "markersize": 4, "linewidth": 1})
    if step.get("constant_loss"):
        axes.axhline(
            step["constant_loss"], color=GREY, linestyle="--", label="one answer for all texts"
        )
    if all(value > 0 for line in axes.lines for value in line.get_ydata()):
        log_axis(axes.yaxis)
    if step.get("best_epoch") is not None:
        axes.axvline(step["best_epoch"], color=GREY, linestyle=":", linewidth=1, label="kept epoch")
    axes.set_title(step["name"], fontsize=9)
    axes.set_xlabel("Epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)


def language_bars(runs: Sequence[Result]) -> bytes | None:
    """The score of teacher and student in each language, the student's worst first.

    Args:
        runs: of one setting, done.

    Returns:
        PNG; None where there is one language.

    Raises:
        ArtifactError: they were scored on different test sets.
    """
    check_one_test_set("The figure of languages", runs)
    names = list(dict.fromkeys(n for run in runs for n in run.score("student")["per_language"]))
    if len(names) < 2:
        return None
    teacher, student = (
        {name: in_language(runs, who, name) for name in names} for who in ("teacher", "student")
    )
    names.sort(key=lambda name: student[name].mean)

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        for shift, color, hatch, who, own in (
            (-0.2, LIGHT, "", "teacher", teacher),
            (0.2, SKY, "///", "student", student),
        ):
            spreads = [own[name].spread or 0 for name in names]
            axes.bar(
                [place + shift for place in range(len(names))],
                [own[name].mean for name in names],
                0.4,
                yerr=spreads if any(spreads) else None,
                capsize=2,
                color=color,
                edgecolor=GREY,
                linewidth=0.6,
                hatch=hatch,
                label=who,
            )
        axes.set_xticks(range(len(names)), names)
        axes.grid(visible=False, axis="x")
        axes.set_xlim(-0.7, len(names) - 0.3)
        axes.set_xlabel("Language")
        axes.set_ylabel(score_name(runs[0]))
        axes.set_title(measured_title(runs), fontsize=10)
        figure.legend(loc="outside lower center", ncols=2)

    return draw(11.5, 4, paint)


def score_name(result: Result) -> str:
    """The score of a run's task, with its unit."""
    return "F1 (%)" if result.metric == "f1" else "Accuracy (%)"


def staircase(runs: Sequence[Result]) -> bytes | None:
    """The score after each step, F1 beside Table 4's.

    Args:
        runs: of one setting of D4.2, done.

    Returns:
        PNG; None where no step of it was measured.

    Raises:
        ArtifactError: they were scored on different test sets.
    """
    check_one_test_set("The figure of steps", runs)
    rows = TABLES[4].records()
    measured = [after_step(runs, row, "mean") for row in rows]
    if not any(measured):
        return None
    published = [Average(row["f1"]) for row in rows] if runs[0].metric == "f1" else None

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        places = range(len(rows))
        paper = {"color": GREY, "marker": "s", "linestyle": "--"}
        if published:  # accuracy has no counterpart in the paper
            plot(axes, places, published, label=PUBLISHED, drawstyle="steps-mid", **paper)
        plot(axes, places, measured, label=measured_title(runs), drawstyle="steps-mid", **STUDENT)
        axes.set_xticks(places, [f"stage {row['stage']}\n+ {row['layer']}" for row in rows])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("Stage, and the layer that the step unfroze")
        axes.set_ylabel(score_name(runs[0]))
        axes.set_ylim(bottom=-2)
        figure.legend(loc="outside lower center", ncols=2)

    return draw(11.5, 4.4, paint)


@dataclass(frozen=True)
class Model:
    """A model among others.

    Attributes:
        name: what tells it from the others.
        who: `student` or `teacher`.
        score: F1 or accuracy, in percent.
        parameters: in millions.
        latency: milliseconds for a batch of 32.
    """

    name: str
    who: str
    score: Average
    parameters: float | None
    latency: float | None


def models(results: Sequence[Result]) -> list[Model]:
    """Students, one for each setting, and their teachers.

    Args:
        results: runs that may share a figure, planned and done.

    Raises:
        ArtifactError: they may not.
    """
    done = [result for result in results if result.done]
    check_one_test_set("The figure of score against cost", done)
    teachers: dict[Any, list[Result]] = {}
    for result in done:
        teachers.setdefault(teacher_of(result), []).append(result)
    students = lines(done)
    named = [
        *(("student", _short(label) or "student", runs) for label, runs in students),
        *(("teacher", f"teacher {runs[0].teacher}", runs) for runs in teachers.values()),
    ]
    return [
        Model(
            name,
            who,
            score(runs, who),
            _mean([(r.values[who].get("parameters") or 0) / 1e6 or None for r in runs]),
            _mean([r.latency(who, "batch_32") for r in runs]),
        )
        for who, name, runs in named
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None


def _short(label: str) -> str:
    """A setting's label without the names of flags that every reader knows."""
    for flag, short in (("strategy=", ""), ("embedding_dim=", "E="), ("hidden_size=", "H=")):
        label = label.replace(flag, short)
    return label


def pareto_front(found: Sequence[Model], cost: str) -> list[Model]:
    """The models that no other beats or equals at the same cost or a lower one, the cheapest first.

    Args:
        found: the models; those whose cost is not known are left out.
        cost: `parameters` or `latency`.
    """
    front: list[Model] = []
    known = [model for model in found if getattr(model, cost)]
    for model in sorted(known, key=lambda model: (getattr(model, cost), -model.score.mean)):
        if not front or model.score.mean > front[-1].score.mean:
            front.append(model)
    return front


def cost_of_score(results: Sequence[Result]) -> bytes | None:
    """Score against parameters and against latency: students, their teachers, and the front of
    those that nothing beats in both. Models on a front have numbers, and the legend their names.

    Args:
        results: runs that may share a figure.

    Returns:
        PNG; None where nothing is done.

    Raises:
        ArtifactError: they may not share one.
    """
    done = [result for result in results if result.done]
    found = models(done)
    if not found:
        return None
    fronts = {cost: pareto_front(found, cost) for cost in COSTS.values()}
    numbers = {}
    for front in fronts.values():
        for model in front:
            numbers.setdefault(model, len(numbers) + 1)

    def paint(figure: Any) -> None:
        panels = figure.subplots(1, len(COSTS))
        for axes, (name, cost) in zip(panels, COSTS.items(), strict=True):
            for who, style in (("student", STUDENT), ("teacher", TEACHER)):
                own = [model for model in found if model.who == who and getattr(model, cost)]
                places = [getattr(model, cost) for model in own]
                scores = [model.score for model in own]
                plot(axes, places, scores, label=who, **{**style, "linestyle": "none"})
            front = [(getattr(model, cost), model.score.mean) for model in fronts[cost]]
            if front:
                axes.plot(
                    *zip(*front), color=GREY, linestyle="--", linewidth=1, label="Pareto front"
                )
            for point, model in zip(front, fronts[cost], strict=True):
                mark(axes, point, str(numbers[model]), offset=ABOVE_LEFT)
            log_axis(axes.xaxis)
            axes.margins(0.1, 0.12)
            axes.set_xlabel(name)
            axes.set_ylabel(score_name(done[0]))
        figure.suptitle(measured_title(done), fontsize=10)
        handles, labels = panels[0].get_legend_handles_labels()
        names = [f"{number}: {model.name}" for model, number in numbers.items()]
        blank = panels[0].plot([], [], linestyle="none")
        figure.legend(
            [*handles, *blank * len(names)], [*labels, *names], loc="outside lower left", ncols=3
        )

    return draw(11.5, 4.8 + 0.2 * math.ceil(len(numbers) / 3), paint)

"""The figures of a page that the paper does not have: training curves, languages, steps, and what a
score costs in parameters and time."""

import math
from collections.abc import Sequence
from typing import Any

from xtremedistil.experiments.averages import Average, average, lines, teacher_of
from xtremedistil.experiments.collected import Result, check_one_test_set
from xtremedistil.experiments.drawing import GREY, LIGHT, SKY, draw, freeze, label_points
from xtremedistil.experiments.figures import PUBLISHED, STUDENT, TEACHER, measured_title, plot
from xtremedistil.experiments.points import latency
from xtremedistil.experiments.published import TABLES
from xtremedistil.experiments.tables_ner import after_step, in_language

_COLUMNS = 3
# A model among others: its name, what it costs, and its score.
Model = tuple[str, float, Average]


def training_curves(result: Result) -> bytes | None:
    """Loss and validation loss of a run, a panel for the teacher and each step; None if it has
    none.

    Args:
        result: a finished run.
    """
    teacher = {"name": "teacher", "history": result.values["teacher"].get("history")}
    steps = [s for s in (teacher, *result.values.get("steps", ())) if s.get("history")]
    if not steps:
        return None
    height = math.ceil(len(steps) / _COLUMNS)

    def paint(figure: Any) -> None:
        panels = figure.subplots(height, _COLUMNS, squeeze=False)
        for axes, step in zip(panels.flat, steps):
            _curve(axes, step)
        for axes in panels.flat[len(steps) :]:
            axes.set_axis_off()
        for row in panels:
            row[0].set_ylabel("Loss (nats, or squared error)")
        handles, names = panels[0][0].get_legend_handles_labels()
        best, of_best = panels.flat[len(steps) - 1].get_legend_handles_labels()
        shown = dict(zip([*names, *of_best], [*handles, *best]))
        figure.legend(shown.values(), shown, loc="outside lower center", ncols=len(shown))

    return draw(11.5, 2.3 * height + 0.6, paint)


def _curve(axes: Any, step: dict[str, Any]) -> None:
    history = step["history"]
    for key, style in (("loss", TEACHER), ("validation_loss", STUDENT)):
        points = [(epoch["epoch"], epoch[key]) for epoch in history if epoch.get(key) is not None]
        name = key.replace("_", " ")
        axes.plot(*zip(*points), label=name, markersize=4, linewidth=1, **style) if points else None
    if step.get("best_epoch") is not None:
        axes.axvline(step["best_epoch"], color=GREY, linestyle=":", linewidth=1, label="kept epoch")
    positive = all(value > 0 for line in axes.lines[:2] for value in line.get_ydata())
    if positive and axes.lines:
        axes.set_yscale("log")
    axes.set_title(step["name"], fontsize=9)
    axes.set_xlabel("Epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)


def language_bars(runs: Sequence[Result]) -> bytes | None:
    """The score of teacher and student in each language, the worst student's first; None where
    there is one language.

    Args:
        runs: of one setting, done.
    """
    names = list(dict.fromkeys(n for run in runs for n in run.score("student")["per_language"]))
    if len(names) < 2:
        return None
    scores = {
        who: {name: in_language(runs, who, name) for name in names}
        for who in ("teacher", "student")
    }
    names.sort(key=lambda name: scores["student"][name].mean)

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        looks = ((-0.2, LIGHT, ""), (0.2, SKY, "///"))
        for (who, own), (shift, color, hatch) in zip(scores.items(), looks, strict=True):
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
        axes.set_title(measured_title(runs))
        figure.legend(loc="outside lower center", ncols=2)

    return draw(11.5, 4, paint)


def score_name(result: Result) -> str:
    """The score of a run's task, with its unit."""
    return "F1 (%)" if result.metric == "f1" else "Accuracy (%)"


def staircase(runs: Sequence[Result]) -> bytes | None:
    """F1 after each step beside Table 4's; None where no step of it was measured.

    Args:
        runs: of one setting of D4.2, done.
    """
    rows = TABLES[4].records()
    measured = [after_step(runs, row, "mean") for row in rows]
    if not any(measured):
        return None
    published = [Average(row["f1"], None, 1, 1) for row in rows]

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        places = range(len(rows))
        paper = {"color": GREY, "marker": "s", "linestyle": "--"}
        plot(axes, places, published, label=PUBLISHED, drawstyle="steps-mid", **paper)
        plot(axes, places, measured, label=measured_title(runs), drawstyle="steps-mid", **STUDENT)
        axes.set_xticks(places, [f"stage {row['stage']}\n+ {row['layer']}" for row in rows])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("Stage, and the layer that the step unfroze")
        axes.set_ylabel("F1 (%)")
        axes.set_ylim(bottom=-2)
        figure.legend(loc="outside lower center", ncols=1)

    return draw(11.5, 4.6, paint)


def cost_of_score(results: Sequence[Result]) -> bytes | None:
    """Score against parameters and against latency: students, their teachers, and the front of
    those that nothing beats in both; None where nothing is done.

    Args:
        results: runs that may share a figure.

    Raises:
        ArtifactError: they may not.
    """
    done = [result for result in results if result.done]
    check_one_test_set("The figure of score against cost", done)
    if not done:
        return None
    kinds = {
        "Parameters (millions)": lambda r, who: (r.values[who].get("parameters") or 0) / 1e6,
        "Latency (ms, batch 32)": lambda r, who: latency(r, who, "batch_32") or 0,
    }

    def paint(figure: Any) -> None:
        panels, labels = figure.subplots(1, len(kinds)), []
        for axes, (name, cost) in zip(panels, kinds.items(), strict=True):
            students, teachers = _models(done, cost)
            axes.set_xscale("log")
            axes.set_xlabel(name)
            axes.set_ylabel(score_name(done[0]))
            for models, style, who in (
                (students, STUDENT, "student"),
                (teachers, TEACHER, "teacher"),
            ):
                x, scores = [cost for _, cost, _ in models], [score for *_, score in models]
                plot(axes, x, scores, label=who, **{**style, "linestyle": "none"})
            best = pareto_front([*students, *teachers])
            front = [(cost, score.mean) for _, cost, score in best]
            axes.plot(*zip(*front), color=GREY, linestyle="--", linewidth=1, label="Pareto front")
            axes.margins(0.15, 0.15)
            others = [(cost, score.mean) for _, cost, score in [*students, *teachers]]
            labels.append((axes, front, [name for name, *_ in best], [front], others))
        handles, names = panels[0].get_legend_handles_labels()
        figure.suptitle(measured_title(done), fontsize=11)
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        freeze(figure)
        for label in labels:
            label_points(*label)

    return draw(11.5, 5, paint)


def _models(done: Sequence[Result], cost: Any) -> tuple[list[Model], list[Model]]:
    """Students by setting and teachers, with what each costs."""
    teachers: dict[Any, list[Result]] = {}
    for result in done:
        teachers.setdefault(teacher_of(result), []).append(result)
    groups = {
        "student": lines(done),
        "teacher": [(f"teacher {runs[0].teacher}", runs) for runs in teachers.values()],
    }
    found = []
    for who, own in groups.items():
        models = []
        for label, runs in own:
            price = average(runs, lambda r, who=who: cost(r, who) or None)
            score = average(runs, lambda r, who=who: r.score(who)["mean"])
            if price and score:
                models.append((_short(label) or who, price.mean, score))
        found.append(models)
    return found[0], found[1]


def _short(label: str) -> str:
    """A setting's label without the names of flags that every reader knows."""
    for flag, short in (("strategy=", ""), ("embedding_dim=", "E="), ("hidden_size=", "H=")):
        label = label.replace(flag, short)
    return label


def pareto_front(models: Sequence[Model]) -> list[Model]:
    """The models that no cheaper or equally cheap one matches, the cheapest first."""
    front: list[Model] = []
    for model in sorted(models, key=lambda model: (model[1], -model[2].mean)):
        if not front or model[2].mean > front[-1][2].mean:
            front.append(model)
    return front

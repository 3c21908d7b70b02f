"""Figures 1 to 3 of the paper: what was published, and beside it what was measured."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xtremedistil.report.averages import Average, main_setting
from xtremedistil.report.collected import Collected, Result, check_one_test_set
from xtremedistil.report.drawing import (
    ABOVE_RIGHT,
    BELOW_LEFT,
    STUDENT,
    STYLES,
    TEACHER,
    draw,
    mark_apart,
    plot,
    say_missing,
    scores_over_bars,
)
from xtremedistil.report.points import Point, pairs, points, published_grid, published_pairs
from xtremedistil.report.published import FIGURES, TABLES
from xtremedistil.report.tables_choices import grid_results, without_distillation
from xtremedistil.report.tables_ner import in_language
from xtremedistil.runtime.errors import ConfigError

F1 = "F1 (%)"
PUBLISHED = "published (WikiAnn in 41 languages, MBERT)"
_NOTHING = "nothing measured here"
_GAINS: Mapping[str, Callable[[Point], Average | None]] = {
    "(a) Parameter compression (times)": lambda point: point.compression,
    "(b) Inference speedup (times, batch 32)": lambda point: point.speedup.get("batch_32"),
}


def build_figure(figure: int, collected: Collected) -> bytes:
    """A figure of the paper as PNG.

    Args:
        figure: its number, 1 to 3.
        collected: the results.

    Raises:
        ConfigError: there is no such figure, or matplotlib is not installed.
        ArtifactError: runs that would enter it do not compare.
    """
    if figure not in _PAINTERS:
        raise ConfigError(
            f"--figure must be one of {', '.join(map(str, _PAINTERS))}. Received: figure={figure}"
        )
    runs = measured_runs(figure, collected)
    return draw(11.5, 9, lambda canvas: _PAINTERS[figure](canvas, runs))


def caption(figure: int) -> str:
    """What a figure shows, and what the paper says of it."""
    published = FIGURES[figure]
    return (
        f"Figure {figure}. {published.title}. The paper's points are those of its Table "
        f"{published.table}. {published.says}"
    )


def measured_runs(figure: int, collected: Collected) -> list[Result]:
    """The finished runs that a figure shows.

    Args:
        figure: its number, 1 to 3.
        collected: the results.

    Raises:
        ArtifactError: they do not compare.
    """
    if figure == 1:
        own = grid_results(collected)
    elif figure == 2:
        own = main_setting(collected.of_task("ner"))[1]
    else:
        own = without_distillation(collected)
    check_one_test_set(f"Figure {figure}", own)
    done = [result for result in own if result.done]
    if figure == 3:
        done = [r for pair in pairs(done) for point in pair for r in point.results]
    return done


def measured_title(runs: Sequence[Result]) -> str:
    """A panel's title: where its numbers come from."""
    data = ", ".join(dict.fromkeys(run.dataset for run in runs))
    teachers = ", ".join(dict.fromkeys(run.teacher for run in runs))
    seeds = len({run.seeds for run in runs})
    whiskers = f"; whiskers: std. dev. over {seeds} seeds" if seeds > 1 else ""
    return f"measured ({data}, {teachers}{whiskers})" if runs else "measured"


def _figure_1(canvas: Any, runs: Sequence[Result]) -> None:
    measured = [point for point in points(runs, "bilstm") if point.score]
    widths = sorted({point.size[0] for point in [*published_grid(), *measured]})
    styles = {width: STYLES[i % len(STYLES)] for i, width in enumerate(widths)}
    sides = canvas.subfigures(1, 2)
    titles = (PUBLISHED, measured_title(runs))
    for side, title, own in zip(sides, titles, (published_grid(), measured), strict=True):
        side.suptitle(title, fontsize=10)
        if not own:
            say_missing(side, _NOTHING)
            continue
        for axes, (name, gain) in zip(side.subplots(2, 1), _GAINS.items(), strict=True):
            _linked(axes, [point for point in own if gain(point)], gain, styles)
            axes.set_xlabel(name)
            axes.set_ylabel(F1)
        handles, names = axes.get_legend_handles_labels()
        side.legend(handles, names, loc="outside lower center", ncols=len(names))


def _linked(
    axes: Any,
    own: Sequence[Point],
    gain: Callable[[Point], Average | None],
    styles: Mapping[int, Mapping[str, str]],
) -> None:
    """Points, linked within one embedding width and setting; each says its H. Neighbouring widths
    have their labels on different sides, where these are free."""
    lines: dict[tuple[int, str], list[Point]] = {}
    for point in sorted(own, key=lambda point: point.size):
        lines.setdefault((point.size[0], point.label), []).append(point)
    named = {width: label for width, label in reversed(lines)}  # one entry in the legend
    labels = []
    for (width, label), line in lines.items():
        style = styles[width]
        places = [gain(point).mean for point in line]
        name = f"E = {width}" if named[width] == label else None
        plot(axes, places, [point.score for point in line], label=name, **style)
        side = BELOW_LEFT if list(styles).index(width) % 2 else ABOVE_RIGHT
        for place, point in zip(places, line, strict=True):
            text = f"H {point.size[1]} {label}".strip()
            labels.append(((place, point.score.mean), text, style["color"], side))
    axes.margins(0.12, 0.1)
    mark_apart(axes, labels)


def _figure_2(canvas: Any, runs: Sequence[Result]) -> None:
    rows = TABLES[17].records()
    top, bottom = canvas.subfigures(2, 1)
    models = ("MBERT", "TinyMBERT", "MBERT-single", "MMNER")
    _languages(
        top,
        {row["language"]: row["train"] for row in rows},
        [(m, style, [Average(row[m]) for row in rows]) for m, style in zip(models, STYLES)],
    )
    top.suptitle(PUBLISHED, fontsize=10)
    bottom.suptitle(measured_title(runs), fontsize=10)
    if not runs:
        say_missing(bottom, _NOTHING)
        return
    names = {name for run in runs for name in run.score("student")["per_language"]}
    counted = runs[0].sentences_per_language("train")
    train = {name: counted.get(name, 0) / 1000 for name in names}
    train = dict(sorted(train.items(), key=lambda item: (item[1], item[0])))
    _languages(
        bottom,
        train,
        [
            (who, style, [in_language(runs, who, name) for name in train])
            for who, style in (("teacher", TEACHER), ("student", STUDENT))
        ],
    )


def _languages(part: Any, train: Mapping[str, float], series: Sequence[Any]) -> None:
    """F1 of several models by language, over the number of training sentences."""
    scores_over_bars(
        part,
        [name or "(none)" for name in train],
        series,
        [("training sentences", list(train.values()))],
        "Language",
        (F1, "Sentences\n(thousands)"),
    )


def _figure_3(canvas: Any, runs: Sequence[Result]) -> None:
    measured = pairs(runs)
    top, bottom = canvas.subfigures(2, 1)
    top.suptitle(PUBLISHED, fontsize=10)
    _equal_latency(top, published_pairs(), "Latency\n(no unit printed)")
    bottom.suptitle(measured_title(runs), fontsize=10)
    if measured:
        _equal_latency(bottom, measured, "Latency\n(ms, batch 32)")
    else:
        say_missing(bottom, f"{_NOTHING}: no two students of equal latency")


def _equal_latency(part: Any, paired: Sequence[tuple[Point, Point]], unit: str) -> None:
    """F1 of both students at each latency, over the latencies themselves."""
    styles = {"BiLSTM": TEACHER, "Transformer": STYLES[2]}
    scores_over_bars(
        part,
        [f"{bilstm.size}\n{other.size}" for bilstm, other in paired],
        [
            (name, style, [pair[index].score for pair in paired])
            for index, (name, style) in enumerate(styles.items())
        ],
        [
            (f"{name} latency", [p[index].speed for p in paired])
            for index, name in enumerate(styles)
        ],
        "Size: BiLSTM (E, H) above, Transformer (E, depth) below",
        (F1, unit),
    )


_PAINTERS: Mapping[int, Callable[[Any, Sequence[Result]], None]] = {
    1: _figure_1,
    2: _figure_2,
    3: _figure_3,
}

"""Figures 1 to 3 of the paper: what was published, and beside it what was measured."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xtremedistil.errors import ConfigError
from xtremedistil.experiments.averages import Average, main_setting
from xtremedistil.experiments.collected import Collected, Result, check_one_test_set
from xtremedistil.experiments.drawing import (
    BLUE,
    GREEN,
    PURPLE,
    VERMILLION,
    draw,
    foot_bars,
    freeze,
    label_points,
    say_missing,
)
from xtremedistil.experiments.points import Point, grid, pairs, published_grid, published_pairs
from xtremedistil.experiments.published import FIGURES, TABLES
from xtremedistil.experiments.table_parts import with_one_teacher
from xtremedistil.experiments.tables_choices import grid_results, without_distillation
from xtremedistil.experiments.tables_ner import in_language, labeled

F1 = "F1 (%)"
PUBLISHED = "published (WikiAnn in 41 languages, MBERT)"
STUDENT = {"color": VERMILLION, "marker": "D", "linestyle": "-"}
TEACHER = {"color": BLUE, "marker": "o", "linestyle": "-"}
_OTHERS = (
    {"color": GREEN, "marker": "s", "linestyle": "--"},
    {"color": PURPLE, "marker": "^", "linestyle": ":"},
)
_STYLES = (TEACHER, STUDENT, *_OTHERS)
_NOTHING = "nothing measured here"
Series = tuple[str, Mapping[str, str], Sequence[Average | None]]


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
    return _PAINTERS[figure](collected)


def caption(figure: int) -> str:
    """What a figure shows, and what the paper says of it."""
    published = FIGURES[figure]
    return (
        f"Figure {figure}. {published.title}. The paper's points are those of its Table "
        f"{published.table}. {published.says}"
    )


def measured_runs(figure: int, collected: Collected) -> list[Result]:
    """The finished runs that a figure shows.

    Raises:
        ArtifactError: they do not compare.
    """
    if figure == 1:
        own = grid_results(collected)
    elif figure == 2:
        own = main_setting(with_one_teacher(collected.of_task("ner")))[1]
    else:
        found = pairs(without_distillation(collected))
        own = [result for pair in found for point in pair for result in point.results]
    check_one_test_set(f"Figure {figure}", own)
    return [result for result in own if result.done]


def measured_title(runs: Sequence[Result]) -> str:
    """A panel's title: where its numbers come from."""
    data = ", ".join(dict.fromkeys(run.dataset for run in runs))
    teachers = ", ".join(dict.fromkeys(run.teacher for run in runs))
    seeds = len({run.seeds for run in runs})
    whiskers = f"; whiskers: std. dev. over {seeds} seeds" if seeds > 1 else ""
    return f"measured ({data}, {teachers}{whiskers})" if runs else "measured"


def plot(axes: Any, x: Sequence[float], values: Sequence[Average | None], **style: Any) -> None:
    """A series of averages, with whiskers where there are several seeds."""
    spreads = [value.spread or 0 if value else 0 for value in values]
    axes.errorbar(
        x,
        [value.mean if value else float("nan") for value in values],
        yerr=spreads if any(spreads) else None,
        capsize=2,
        **{"linewidth": 1, "markersize": 5, **style},
    )


def _figure_1(collected: Collected) -> bytes:
    runs = measured_runs(1, collected)
    measured = [point for point in grid(collected, grid_results(collected)) if point.score]
    widths = sorted({point.size[0] for point in [*published_grid(), *measured]})
    styles = {width: _STYLES[i % len(_STYLES)] for i, width in enumerate(widths)}
    kinds: tuple[tuple[str, Callable[[Point], Average | None]], ...] = (
        ("(a) Parameter compression (times)", lambda point: point.compression),
        ("(b) Inference speedup (times, batch 32)", lambda p: (p.speedup or {}).get("batch_32")),
    )

    def paint(figure: Any) -> None:
        panels = figure.subplots(2, 2)
        labels = []
        for row, (name, gain) in zip(panels, kinds, strict=True):
            for axes, points in zip(row, (published_grid(), measured), strict=True):
                axes.set_xlabel(name)
                axes.set_ylabel(F1)
                shown = [point for point in points if gain(point)]
                if shown:
                    labels.append((axes, *_linked(axes, shown, gain, styles)))
                else:
                    say_missing(axes, _NOTHING)
        panels[0][0].set_title(PUBLISHED)
        panels[0][1].set_title(measured_title(runs))
        lines, names = panels[0][0].get_legend_handles_labels()
        figure.legend(lines, names, loc="outside lower center", ncols=len(names))
        freeze(figure)
        for axes, places, texts, links in labels:
            label_points(axes, places, texts, links)

    return draw(11.5, 9, paint)


def _linked(
    axes: Any,
    points: Sequence[Point],
    gain: Callable[[Point], Average | None],
    styles: Mapping[int, Mapping[str, str]],
) -> tuple[list[tuple[float, float]], list[str], list[list[tuple[float, float]]]]:
    """Draws points, linked within one embedding width; returns places, labels and links."""
    places, texts, links = [], [], []
    for width in sorted({point.size[0] for point in points}):
        own = sorted((p for p in points if p.size[0] == width), key=lambda p: (p.size, p.label))
        link = [(gain(point).mean, point.score.mean) for point in own]
        plot(
            axes,
            [x for x, _ in link],
            [p.score for p in own],
            label=f"E = {width}",
            **styles[width],
        )
        places += link
        texts += [f"({point.size[0]}, {point.size[1]}) {point.label}".strip() for point in own]
        links.append(link)
        links += [
            [(x, y - point.score.spread), (x, y + point.score.spread)]
            for (x, y), point in zip(link, own, strict=True)
            if point.score.spread
        ]
    axes.margins(0.14, 0.12)
    return places, texts, links


def _figure_2(collected: Collected) -> bytes:
    runs = measured_runs(2, collected)
    rows = TABLES[17].records()
    published: list[Series] = [
        (name, style, [Average(row[name], None, 1, 1) for row in rows])
        for name, style in zip(
            ("MBERT", "TinyMBERT", "MBERT-single", "MMNER"), _STYLES, strict=True
        )
    ]
    names = dict.fromkeys(name for run in runs for name in run.score("student")["per_language"])
    train = {name: (labeled(runs[0], name) or 0) / 1000 for name in names}
    here = sorted(names, key=lambda name: (train[name], name))
    measured = [
        (who, style, [in_language(runs, who, language) for language in here])
        for who, style in (("teacher", TEACHER), ("student", STUDENT))
    ]

    def paint(figure: Any) -> None:
        top, bottom = figure.subplots(2, 1)
        top.set_title(PUBLISHED)
        trained = [row["train"] for row in rows]
        _languages(top, [row["language"] for row in rows], published, trained)
        bottom.set_title(measured_title(runs))
        if here:
            _languages(bottom, here, measured, [train[name] for name in here])
        else:
            say_missing(bottom, _NOTHING)

    return draw(11.5, 8.5, paint)


def _languages(
    axes: Any, languages: Sequence[str], series: Sequence[Series], train: Sequence[float]
) -> None:
    """F1 of several models by language, over the number of training sentences."""
    places = range(len(languages))
    for name, style, values in series:
        plot(axes, places, values, label=name, **style)
    axes.set_xticks(places, [language or "(none)" for language in languages])
    axes.set_xlabel("Language")
    axes.set_ylabel(F1)
    foot_bars(axes, places, [train], ["training sentences"], "Training sentences (thousands)")


def _figure_3(collected: Collected) -> bytes:
    runs = measured_runs(3, collected)
    measured = pairs(without_distillation(collected))

    def paint(figure: Any) -> None:
        top, bottom = figure.subplots(2, 1)
        top.set_title(PUBLISHED)
        _equal_latency(top, published_pairs(), "Latency (no unit printed)")
        bottom.set_title(measured_title(runs))
        if measured:
            _equal_latency(bottom, measured, "Latency (ms, batch 32)")
        else:
            say_missing(bottom, _NOTHING)

    return draw(11.5, 8.5, paint)


def _equal_latency(axes: Any, paired: Sequence[tuple[Point, Point]], unit: str) -> None:
    """F1 of both students at each latency; the latencies themselves are bars below."""
    places = range(len(paired))
    styles = (TEACHER, STUDENT | {"marker": "s", "linestyle": "--"})
    for index, (name, style) in enumerate(zip(("BiLSTM", "Transformer"), styles, strict=True)):
        plot(axes, places, [pair[index].score for pair in paired], label=name, **style)
    axes.set_xticks(places, [f"{bilstm.size}\n{other.size}" for bilstm, other in paired])
    axes.set_xlabel("Size: BiLSTM (E, H) above, Transformer (E, depth) below")
    axes.set_ylabel(F1)
    latencies = [[pair[index].speed for pair in paired] for index in range(2)]
    foot_bars(axes, places, latencies, ["BiLSTM latency", "Transformer latency"], unit)


_PAINTERS: Mapping[int, Callable[[Collected], bytes]] = {
    1: _figure_1,
    2: _figure_2,
    3: _figure_3,
}

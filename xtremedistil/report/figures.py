"""Figures 1 to 3 of the paper: what was published, and beside it what was measured."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xtremedistil.report import drawing
from xtremedistil.report.averages import Average, average, check_one_test_set, main_setting
from xtremedistil.report.collected import Collected
from xtremedistil.report.drawing import draw
from xtremedistil.report.frame import languages, of_task
from xtremedistil.report.libraries import pd
from xtremedistil.report.published import FIGURES, published_table
from xtremedistil.report.sizes import (
    by_size,
    grid_runs,
    pairs,
    published_pairs,
    published_sizes,
    undistilled_runs,
)
from xtremedistil.runtime.errors import ConfigError

F1 = "F1 (%)"
PUBLISHED = "published (WikiAnn in 41 languages, MBERT)"
_NOTHING = "nothing measured here"
_GAINS = {
    "(a) Parameter compression (times)": "compression",
    "(b) Inference speedup (times, batch 32)": "speedup_batch_32",
}
Pair = tuple[pd.Series, pd.Series]  # rows of `by_size`


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


def measured_runs(figure: int, collected: Collected) -> pd.DataFrame:
    """The finished runs that a figure shows.

    Args:
        figure: its number, 1 to 3.
        collected: the results.

    Raises:
        ArtifactError: they do not compare.
    """
    if figure == 1:
        own = grid_runs(collected.runs)
    elif figure == 2:
        own = main_setting(of_task(collected.runs, "ner"))[1]
    else:
        own = undistilled_runs(collected.runs)
    check_one_test_set(f"Figure {figure}", own)
    done = own[own["done"]]
    if figure == 3:
        return done.loc[[id for pair in pairs(done) for row in pair for id in row["runs"]]]
    return done


def measured_title(runs: pd.DataFrame) -> str:
    """A panel's title: where its numbers come from."""
    done = runs[runs["done"]]
    if done.empty:
        return "measured"
    data, teachers = (", ".join(done[name].unique()) for name in ("dataset", "teacher_name"))
    seeds = done["seeds"].nunique()
    whiskers = f"; whiskers: std. dev. over {seeds} seeds" if seeds > 1 else ""
    return f"measured ({data}, {teachers}{whiskers})"


def _figure_1(canvas: Any, runs: pd.DataFrame) -> None:
    grids = published_sizes(16), by_size(runs).dropna(subset=["score"])
    widths = sorted({size[0] for grid in grids for size in grid["size"]})
    styles = {width: drawing.STYLES[i % len(drawing.STYLES)] for i, width in enumerate(widths)}
    titles = (PUBLISHED, measured_title(runs))
    for side, title, grid in zip(canvas.subfigures(1, 2), titles, grids, strict=True):
        side.suptitle(title, fontsize=10)
        if grid.empty:
            drawing.say_missing(side, _NOTHING)
            continue
        for axes, (name, gain) in zip(side.subplots(2, 1), _GAINS.items(), strict=True):
            _linked(axes, grid.dropna(subset=[gain]), gain, styles)
            axes.set_xlabel(name)
            axes.set_ylabel(F1)
        handles, names = axes.get_legend_handles_labels()
        side.legend(handles, names, loc="outside lower center", ncols=len(names))


def _linked(
    axes: Any, grid: pd.DataFrame, gain: str, styles: Mapping[int, Mapping[str, str]]
) -> None:
    """Sizes, linked within one embedding width and setting; each says its H. Neighbouring widths
    have their labels on different sides, where these are free."""
    grid = grid.assign(width=[size[0] for size in grid["size"]]).sort_values("size", kind="stable")
    first = grid.drop_duplicates("width").set_index("width")["label"]  # is in the legend
    labels = []
    for (width, label), line in grid.groupby(["width", "label"], sort=False):
        style = styles[width]
        name = f"E = {width}" if first[width] == label else None
        drawing.plot(axes, line[gain].tolist(), line["score"].tolist(), label=name, **style)
        side = drawing.BELOW_LEFT if list(styles).index(width) % 2 else drawing.ABOVE_RIGHT
        for place, score, size in zip(line[gain], line["score"], line["size"]):
            text = f"H {size[1]} {label}".strip()
            labels.append(((place, score.mean), text, style["color"], side))
    axes.margins(0.12, 0.1)
    drawing.mark_apart(axes, labels)


def _figure_2(canvas: Any, runs: pd.DataFrame) -> None:
    paper = published_table(17)
    top, bottom = canvas.subfigures(2, 1)
    models = ("MBERT", "TinyMBERT", "MBERT-single", "MMNER")
    published = [
        (m, style, [Average(f1) for f1 in paper[m]]) for m, style in zip(models, drawing.STYLES)
    ]
    _languages(top, dict(zip(paper["language"], paper["train"])), published)
    top.suptitle(PUBLISHED, fontsize=10)
    bottom.suptitle(measured_title(runs), fontsize=10)
    if runs.empty:
        drawing.say_missing(bottom, _NOTHING)
        return
    counted = runs.iloc[0]
    train = {n: (counted.get(f"train/{n}") or 0) / 1000 for n in languages(runs, "student")}
    train = dict(sorted(train.items(), key=lambda item: (item[1], item[0])))
    measured = [
        (who, style, [average(runs, f"{who}/{name}") for name in train])
        for who, style in (("teacher", drawing.TEACHER), ("student", drawing.STUDENT))
    ]
    _languages(bottom, train, measured)


def _languages(part: Any, train: Mapping[str, float], series: Sequence[drawing.Series]) -> None:
    """F1 of several models by language, over the number of training sentences."""
    names = [name or "(none)" for name in train]
    bars = [("training sentences", list(train.values()))]
    drawing.scores_over_bars(part, names, series, bars, "Language", (F1, "Sentences\n(thousands)"))


def _figure_3(canvas: Any, runs: pd.DataFrame) -> None:
    measured = pairs(runs)
    top, bottom = canvas.subfigures(2, 1)
    top.suptitle(PUBLISHED, fontsize=10)
    _equal_latency(top, published_pairs(), "Latency\n(no unit printed)")
    bottom.suptitle(measured_title(runs), fontsize=10)
    if measured:
        _equal_latency(bottom, measured, "Latency\n(ms, batch 32)")
    else:
        drawing.say_missing(bottom, f"{_NOTHING}: no two students of equal latency")


def _equal_latency(part: Any, paired: Sequence[Pair], unit: str) -> None:
    """F1 of both students at each latency, over the latencies themselves."""
    styles = {"BiLSTM": drawing.TEACHER, "Transformer": drawing.STYLES[2]}
    sides = list(zip(styles.items(), zip(*paired)))
    drawing.scores_over_bars(
        part,
        [f"{bilstm['size']}\n{other['size']}" for bilstm, other in paired],
        [(name, style, [row["score"] for row in own]) for (name, style), own in sides],
        [(f"{n} latency", [row["student_batch_32"] for row in own]) for (n, _), own in sides],
        "Size: BiLSTM (E, H) above, Transformer (E, depth) below",
        (F1, unit),
    )


_PAINTERS: Mapping[int, Callable[[Any, pd.DataFrame], None]] = {
    1: _figure_1,
    2: _figure_2,
    3: _figure_3,
}

"""How figures are drawn: colours, markers, PNG bytes.

The colours are those of Okabe and Ito, which colour-blind readers tell apart; every series has a
marker or a hatch of its own too, so that a print without colour can be read.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xtremedistil.report.averages import Average
from xtremedistil.runtime.errors import ConfigError

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY, LIGHT = "#E69F00", "#56B4E9", "#555555", "#D9D9D9"
TEACHER = {"color": BLUE, "marker": "o", "linestyle": "-"}
STUDENT = {"color": VERMILLION, "marker": "D", "linestyle": "-"}
STYLES = (
    TEACHER,
    STUDENT,
    {"color": GREEN, "marker": "s", "linestyle": "--"},
    {"color": PURPLE, "marker": "^", "linestyle": ":"},
    {"color": ORANGE, "marker": "v", "linestyle": "-."},
    {"color": SKY, "marker": "P", "linestyle": "--"},
    {"color": "black", "marker": "X", "linestyle": ":"},
)
_SETTINGS = {
    "font.size": 9,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # names of languages and runs are not formulas
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
}
_DOTS_PER_INCH = 150
# Of a mark, in points.
ABOVE_RIGHT, ABOVE_LEFT, BELOW_LEFT, BELOW_RIGHT = (5, 3), (-5, 3), (-5, -8), (5, -8)
_LETTER, _LINE, _MARK = 4.3, 8.0, 3.0  # a label's letter and line, and half a mark, in points
_MANY, _FEW = (1, 1.5, 2, 3, 5, 7), (1, 3)  # ticks of a decade
Series = tuple[str, Mapping[str, str], Sequence[Average | None]]  # name, style, a value per place
Bars = tuple[str, Sequence[float]]  # name, a height per place


def draw(width: float, height: float, paint: Callable[[Any], None]) -> bytes:
    """A figure as PNG.

    Args:
        width, height: inches.
        paint: fills a `matplotlib.figure.Figure`.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            'figures and pages need matplotlib: pip install "xtremedistil[report]". '
            f"Received: {error}"
        ) from error
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure((width, height), dpi=_DOTS_PER_INCH, layout="constrained")
        paint(figure)
        content = io.BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def say_missing(figure: Any, text: str) -> None:
    """Fills a figure, or a part of one, that has nothing to show with words."""
    figure.text(0.5, 0.5, text, ha="center", va="center", color=GREY)


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


def mark(
    axes: Any,
    point: tuple[float, float],
    text: str,
    color: str = "black",
    offset: tuple[float, float] = ABOVE_RIGHT,
) -> None:
    """A short label beside a mark, `offset` points away from it."""
    axes.annotate(
        text,
        point,
        xytext=offset,
        textcoords="offset points",
        ha="left" if offset[0] > 0 else "right",
        fontsize=7.5,
        color=color,
        bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none", "alpha": 0.8},
    )


Label = tuple[tuple[float, float], str, str, tuple[float, float]]  # point, text, color, offset
Box = tuple[float, float, float, float]  # left, bottom, right, top


def mark_apart(axes: Any, labels: Sequence[Label]) -> None:
    """Labels beside marks, each at its own offset, or on the side where it covers the fewest other
    labels and marks; all data must be there already."""
    axes.autoscale_view()
    scale = 72 / axes.figure.dpi
    places = [axes.transData.transform(point) * scale for point, *_ in labels]
    taken: list[Box] = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in places]
    for (x, y), (point, text, color, wanted) in zip(places, labels, strict=True):
        sides = dict.fromkeys((wanted, ABOVE_RIGHT, BELOW_LEFT, ABOVE_LEFT, BELOW_RIGHT))
        boxes = {side: _label_box(x, y, text, side) for side in sides}
        side = min(boxes, key=lambda side: sum(_overlap(boxes[side], box) for box in taken))
        taken.append(boxes[side])
        mark(axes, point, text, color, side)


def _label_box(x: float, y: float, text: str, offset: tuple[float, float]) -> Box:
    """About where a label of the mark at `(x, y)` stands, in points."""
    width = _LETTER * len(text)
    left = x + offset[0] - (0 if offset[0] > 0 else width)
    return left, y + offset[1], left + width, y + offset[1] + _LINE


def _overlap(one: Box, other: Box) -> bool:
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(
        one[3], other[3]
    )


def log_axis(axis: Any) -> None:
    """Makes an axis logarithmic, with plain numbers; its data must be there already."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = axis.get_data_interval()
    axis.get_major_locator().set_params(subs=_FEW if high > 30 * low else _MANY)
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def scores_over_bars(
    figure: Any,
    names: Sequence[str],
    series: Sequence[Series],
    bars: Sequence[Bars],
    x_name: str,
    y_names: tuple[str, str],
) -> None:
    """Scores at each place, and below them, on an axis of their own, what goes with each place.

    Args:
        figure: a figure, or a part of one.
        names: of the places.
        series: scores, as lines.
        bars: what goes with them.
        x_name: what the places are.
        y_names: what the scores and the bars are, with units.
    """
    top, foot = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    places = range(len(names))
    for name, style, values in series:
        plot(top, places, values, label=name, **style)
    width = 0.7 / len(bars)
    looks = ({"color": LIGHT}, {"color": "white", "hatch": "////"})
    for index, ((name, heights), look) in enumerate(zip(bars, looks)):
        shift = (index - (len(bars) - 1) / 2) * width
        where = [place + shift for place in places]
        foot.bar(where, heights, width, label=name, edgecolor=GREY, linewidth=0.6, **look)
    foot.set_xticks(places, names)
    foot.set_xlim(-0.6, len(names) - 0.4)
    foot.set_xlabel(x_name)
    for axes, name in zip((top, foot), y_names, strict=True):
        axes.set_ylabel(name)
        axes.grid(visible=False, axis="x")
    figure.align_ylabels()
    figure.legend(loc="outside lower center", ncols=len(series) + len(bars))

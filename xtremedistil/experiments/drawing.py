"""How figures are drawn: colours, markers, labels that do not overlap, PNG bytes.

The colours are those of Okabe and Ito, which colour-blind readers tell apart; every series has a
marker or a hatch of its own too, so that a print without colour can be read.
"""

import io
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from xtremedistil.errors import ConfigError

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY, LIGHT = "#E69F00", "#56B4E9", "#555555", "#D9D9D9"
_SETTINGS = {
    "font.size": 9,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "text.parse_math": False,  # names of languages and runs are not formulas
    "legend.frameon": False,
    "lines.markersize": 6,
}
_DOTS_PER_INCH = 150
Box = tuple[float, float, float, float]  # left, low, right, high, in pixels
_RADII = (8, 12, 18, 26, 36, 48, 62)  # points between a mark and its label, the nearest first
_LEADER = 18  # from this radius on, a line leads from the label to its mark


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
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            'figures and pages need matplotlib: pip install "xtremedistil[report]". '
            f"Received: {error}"
        ) from error
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure((width, height), dpi=_DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure)
        content = io.BytesIO()
        figure.savefig(
            content, format="png", bbox_inches="tight", pad_inches=0.12, metadata={"Software": None}
        )
    return content.getvalue()


def say_missing(axes: Any, text: str) -> None:
    """Fills a panel that has nothing to show with words."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])


def foot_bars(
    axes: Any, places: Sequence[int], bars: Sequence[Sequence[float]], names: Sequence[str], of: str
) -> None:
    """Bars at the foot of a panel, on an axis to the right, below what the panel shows already.

    Args:
        axes: the panel; its legend is made here, with the bars.
        places: where they stand, from 0.
        bars: of each series, a height for each place.
        names: of the series.
        of: what the right axis counts.
    """
    low, high = axes.get_ylim()
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    axes.set_ylim(low - 0.4 * (high - low), high)
    axes.set_yticks(ticks)
    axes.grid(visible=False, axis="x")
    right = axes.twinx()
    right.grid(visible=False)
    right.set_ylabel(of)
    width = min(0.7, 0.1 * len(places)) / len(bars)
    for index, (values, name) in enumerate(zip(bars, names, strict=True)):
        shift = (index - (len(bars) - 1) / 2) * width
        right.bar(
            [place + shift for place in places],
            values,
            width,
            color=(LIGHT, "white")[index],
            edgecolor="#8C8C8C",
            linewidth=0.6,
            hatch=("", "////")[index],
            label=name,
        )
    largest = max(max(values) for values in bars) or 1
    right.set_ylim(0, 3.9 * largest)
    right.set_yticks(_round_steps(largest))
    axes.set_zorder(right.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.set_xlim(places[0] - 0.6, places[-1] + 0.6)
    (lines, of_lines), (boxes, of_boxes) = (
        side.get_legend_handles_labels() for side in (axes, right)
    )
    axes.legend(
        lines + boxes,
        of_lines + of_boxes,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.17),
        ncols=len(of_lines) + len(of_boxes),
    )


def _round_steps(largest: float) -> list[float]:
    """Two or three round numbers from zero to about the largest."""
    unit = 10 ** math.floor(math.log10(largest))
    step = next(s * unit for s in (0.2, 0.5, 1, 2, 5) if largest / (s * unit) < 4)
    return [step * i for i in range(int(largest / step) + 1)]


def freeze(figure: Any) -> None:
    """Lays a figure out for good, so that labels can be placed by the pixel."""
    figure.canvas.draw()
    figure.set_layout_engine("none")


def label_points(
    axes: Any,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    links: Sequence[Sequence[tuple[float, float]]] = (),
    others: Sequence[tuple[float, float]] = (),
) -> None:
    """Writes a label near each point, clear of other labels, marks and the panel's border, and of
    the lines between marks where there is room.

    Args:
        axes: of a figure that is frozen; its limits stay as they are.
        points: in data coordinates.
        texts: one for each.
        links: lines between points, each a list of points.
        others: points without a label.
    """
    renderer = axes.figure.canvas.get_renderer()
    scale = _DOTS_PER_INCH / 72
    border = axes.get_window_extent(renderer)
    marks = [tuple(axes.transData.transform(point)) for point in points]
    bare = [tuple(axes.transData.transform(point)) for point in others]
    taken = [_square(x, y, 4.5 * scale) for x, y in [*marks, *bare]]
    lines = [_square(x, y, 1.5 * scale) for link in links for x, y in _along(axes, link, 3 * scale)]
    for (x, y), point, text in zip(marks, points, texts, strict=True):
        label = axes.annotate(text, point, xytext=(0, 0), textcoords="offset points", fontsize=7.5)
        size = label.get_window_extent(renderer)
        places = [
            (radius, _box(x, y, radius * scale, angle, size.width, size.height))
            for radius in _RADII
            for angle in range(0, 360, 15)
        ]

        def cost(place: tuple[float, Box], size: Any = size) -> float:
            radius, box = place
            covered = sum(_overlap(_padded(box, 3 * scale), other) for other in taken)
            crossed = sum(_overlap(box, other) for other in lines)
            return (10 * covered + 2 * crossed) / (size.width * size.height) + radius / 40

        free = [p for p in places if _inside(_padded(p[1], 3 * scale), border)] or places
        radius, box = min(free, key=cost)
        taken.append(box)
        label.set_position(((box[0] - x) / scale, (box[1] - y) / scale))
        if radius >= _LEADER:
            end = (min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3]))
            inverse = axes.transData.inverted()
            (x0, y0), (x1, y1) = inverse.transform([(x, y), end])
            axes.plot([x0, x1], [y0, y1], color=GREY, linewidth=0.5, zorder=1)


def _along(axes: Any, link: Sequence[tuple[float, float]], step: float) -> list[tuple]:
    """Places on a line, in pixels, a step apart."""
    ends = [tuple(axes.transData.transform(point)) for point in link]
    found = []
    for (x0, y0), (x1, y1) in itertools.pairwise(ends):
        count = max(1, int(math.hypot(x1 - x0, y1 - y0) / step))
        found += [(x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count) for i in range(count)]
    return found


def _square(x: float, y: float, half: float) -> Box:
    return x - half, y - half, x + half, y + half


def _padded(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _box(x: float, y: float, radius: float, angle: int, width: float, height: float) -> Box:
    """The box of a label whose nearest side is a radius away from a mark, in pixels."""
    across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    left = x + radius * across + (across - 1) * width / 2
    low = y + radius * up + (up - 1) * height / 2
    return left, low, left + width, low + height


def _inside(box: Box, border: Any) -> bool:
    return (
        box[0] >= border.x0 and box[1] >= border.y0 and box[2] <= border.x1 and box[3] <= border.y1
    )


def _overlap(a: Box, b: Box) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0

"""Students by their size: the points of Tables 15 and 16 and of Figures 1 and 3."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from xtremedistil.report.averages import Average, average, lines, score
from xtremedistil.report.collected import Result
from xtremedistil.report.published import TABLES

BATCHES = ("batch_32", "batch_1")
_EQUAL = 1.25  # latencies of one pair differ by no larger factor
_NO_PAIR = 1e6  # costs more than any number of pairs


@dataclass(frozen=True)
class Point:
    """A student of some width, over the seeds of one setting.

    Attributes:
        encoder: `bilstm` or `transformer`.
        size: (E, H) of a BiLSTM, (E, depth) of a Transformer.
        label: what else tells it from others of that size; mostly empty.
        results: its runs, planned and done.
        score, std: F1 or accuracy, and its standard deviation across languages.
        parameters: of the deployed student.
        compression: the teacher's parameters over the student's.
        latency: milliseconds by batch, such as `batch_32`.
        speedup: the teacher's latency over the student's, by batch.
    """

    encoder: str
    size: tuple[int, int]
    label: str = ""
    results: tuple[Result, ...] = ()
    score: Average | None = None
    std: Average | None = None
    parameters: Average | None = None
    compression: Average | None = None
    latency: Mapping[str, Average | None] = field(default_factory=dict)
    speedup: Mapping[str, Average | None] = field(default_factory=dict)

    @property
    def speed(self) -> float | None:
        """Milliseconds for a batch of 32."""
        value = self.latency.get("batch_32")
        return value.mean if value else None


def points(results: Sequence[Result], encoder: str) -> list[Point]:
    """The points of one kind of student.

    Args:
        results: runs that may share a figure, planned and done.
        encoder: `bilstm` or `transformer`.
    """
    width = "hidden_size" if encoder == "bilstm" else "depth"
    sizes: dict[tuple, list[Result]] = {}
    for result in results:
        size = (result.flags.get("embedding_dim"), result.flags.get(width))
        if result.flags["student"] == encoder and None not in size:
            sizes.setdefault(size, []).append(result)
    axes = ("student", "embedding_dim", width)
    return [
        _point(encoder, size, label, runs)
        for size, own in sizes.items()
        for label, runs in lines(own, axes)
    ]


def _point(encoder: str, size: tuple[int, int], label: str, runs: Sequence[Result]) -> Point:
    return Point(
        encoder,
        size,
        label,
        tuple(runs),
        score=score(runs, "student"),
        std=score(runs, "student", lambda score: score["std"]),
        parameters=_cost(runs, lambda r: r.parameters),
        compression=_cost(runs, lambda r: r.compression),
        latency={b: _cost(runs, lambda r, b=b: r.latency("student", b)) for b in BATCHES},
        speedup={b: _cost(runs, lambda r, b=b: _speedup(r, b)) for b in BATCHES},
    )


def _cost(runs: Sequence[Result], value: Callable[[Result], float | None]) -> Average | None:
    """A number that does not depend on training; known of planned runs too, once a sweep's latency
    was measured."""
    timed = [number for run in runs if run.timed and (number := value(run)) is not None]
    return Average(timed[0]) if timed else average(runs, value)


def _speedup(result: Result, batch: str) -> float | None:
    student, teacher = (result.latency(who, batch) for who in ("student", "teacher"))
    return teacher / student if student and teacher else None


def published_grid() -> list[Point]:
    """The points of Table 16."""
    return [
        Point(
            "bilstm",
            (row["embedding_dim"], row["hidden_size"]),
            score=Average(row["f1"]),
            compression=Average(row["compression"]),
            speedup={batch: Average(row[f"speedup_{batch}"]) for batch in BATCHES},
        )
        for row in TABLES[16].records()
    ]


def published_pairs() -> list[tuple[Point, Point]]:
    """The pairs of Table 15; the paper prints no unit of latency."""

    def point(encoder: str, size: tuple[int, int], f1: float, latency: float) -> Point:
        return Point(encoder, size, score=Average(f1), latency={"batch_32": Average(latency)})

    return [
        (
            point("bilstm", (r["embedding_dim"], r["hidden_size"]), r["f1"], r["latency"]),
            point(
                "transformer",
                (r["transformer_dim"], r["depth"]),
                r["transformer_f1"],
                r["transformer_latency"],
            ),
        )
        for r in TABLES[15].records()
    ]


def pairs(results: Sequence[Result]) -> list[tuple[Point, Point]]:
    """BiLSTM and Transformer students of about equal latency (Figure 3), the fastest first.

    As many pairs as there can be whose latencies at batch 32 differ by at most a quarter, each
    student in one of them, and of these the most equal.

    Args:
        results: runs of strategy D0-S.
    """
    bilstms, transformers = (
        sorted((p for p in points(results, encoder) if p.score and p.speed), key=lambda p: p.speed)
        for encoder in ("bilstm", "transformer")
    )
    ratios = np.array([[_ratio(one, other) for other in transformers] for one in bilstms])
    if not ratios.size:
        return []
    cost = np.where(ratios <= _EQUAL, np.log(ratios), _NO_PAIR)
    chosen = zip(*linear_sum_assignment(cost), strict=True)
    return [(bilstms[i], transformers[j]) for i, j in chosen if ratios[i, j] <= _EQUAL]


def _ratio(one: Point, other: Point) -> float:
    """How many times slower the slower of two students is."""
    return max(one.speed / other.speed, other.speed / one.speed)

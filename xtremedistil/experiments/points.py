"""Students by their size: the points of Tables 15 and 16 and of Figures 1 and 3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil.experiments.averages import Average, average, lines
from xtremedistil.experiments.collected import Collected, Result
from xtremedistil.experiments.published import TABLES

BATCHES = ("batch_32", "batch_1")
_EQUAL = 1.25  # latencies of one pair differ by no larger factor


@dataclass(frozen=True)
class Point:
    """A student of some width, over the seeds of one setting.

    Attributes:
        encoder: `bilstm` or `transformer`.
        size: (E, H) of a BiLSTM, (E, depth) of a Transformer.
        label: what else tells it from others of that size; mostly empty.
        results: its runs, planned and done; none if it was benchmarked only.
        score, std: F1 or accuracy, and its standard deviation across languages.
        parameters: of the deployed student.
        compression: the teacher's parameters over the student's.
        latency: milliseconds by batch, such as `batch_32`.
        speedup: the teacher's latency over the student's, by batch.
        pair: what its sweep pairs it with (Table 15).
    """

    encoder: str
    size: tuple[int, int]
    label: str = ""
    results: tuple[Result, ...] = ()
    score: Average | None = None
    std: Average | None = None
    parameters: Average | None = None
    compression: Average | None = None
    latency: Mapping[str, Average | None] | None = None
    speedup: Mapping[str, Average | None] | None = None
    pair: Any = None

    @property
    def speed(self) -> float | None:
        """Milliseconds for a batch of 32."""
        return self.latency["batch_32"].mean if self.latency and self.latency["batch_32"] else None


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
        if result.flags.get("student") == encoder and None not in size:
            sizes.setdefault(size, []).append(result)
    axes = ("student", "embedding_dim", width)
    return [
        _point(encoder, size, label, runs)
        for size, own in sizes.items()
        for label, runs in lines(own, axes)
    ]


def _point(encoder: str, size: tuple[int, int], label: str, runs: Sequence[Result]) -> Point:
    def over_student(result: Result) -> float | None:
        mine, its = (result.values[who].get("parameters") for who in ("student", "teacher"))
        return its / mine if mine and its else None

    def speedup(result: Result, batch: str) -> float | None:
        mine, its = (latency(result, who, batch) for who in ("student", "teacher"))
        return its / mine if mine and its else None

    return Point(
        encoder,
        size,
        label,
        tuple(runs),
        score=average(runs, lambda r: r.score("student")["mean"]),
        std=average(runs, lambda r: r.score("student")["std"]),
        parameters=average(runs, lambda r: r.values["student"].get("parameters")),
        compression=average(runs, over_student),
        latency={b: average(runs, lambda r, b=b: latency(r, "student", b)) for b in BATCHES},
        speedup={b: average(runs, lambda r, b=b: speedup(r, b)) for b in BATCHES},
        pair=next((r.axes["pair"] for r in runs if "pair" in r.axes), None),
    )


def latency(result: Result, who: str, batch: str) -> float | None:
    """Median milliseconds of the `teacher` or `student` in a finished run."""
    return result.values.get("latency", {}).get(who, {}).get(batch, {}).get("median")


def grid(collected: Collected, results: Sequence[Result]) -> list[Point]:
    """The BiLSTM students of Table 16: scores of runs; sizes and speed of `benchmark.json` where
    it is there.

    Args:
        collected: what the folder holds.
        results: the runs that the table shows.
    """
    found = points(results, "bilstm")
    if collected.benchmark is None:
        return found
    rows = {
        (row["embedding_dim"], row["hidden_size"]): row
        for row in collected.benchmark["rows"]
        if row.get("embedding_dim") and row.get("hidden_size")
    }
    teacher = _teacher_parameters(collected)
    benched = [point for point in found if point.size in rows]
    alone = [Point("bilstm", size) for size in rows if size not in {p.size for p in benched}]
    return [
        *(point for point in found if point.size not in rows),
        *(_with_benchmark(point, rows[point.size], teacher) for point in [*benched, *alone]),
    ]


def _teacher_parameters(collected: Collected) -> int | None:
    own = collected.benchmark.get("teacher")
    if isinstance(own, dict) and own.get("parameters"):
        return own["parameters"]
    found = {result.values["teacher"].get("parameters") for result in collected.done}
    return found.pop() if len(found) == 1 else None


def _one(value: float | None) -> Average | None:
    return None if value is None else Average(value, None, 1, 1)


def _with_benchmark(point: Point, row: Mapping[str, Any], teacher: int | None) -> Point:
    parameters = row.get("parameters")
    return Point(
        point.encoder,
        point.size,
        point.label,
        point.results,
        point.score,
        point.std,
        parameters=_one(parameters),
        compression=_one(teacher / parameters if teacher and parameters else None),
        latency={batch: _one(row.get(f"{batch}_ms")) for batch in BATCHES},
        speedup={batch: _one(row.get(f"speedup_{batch}")) for batch in BATCHES},
    )


def published_grid() -> list[Point]:
    """The points of Table 16."""
    return [
        Point(
            "bilstm",
            (row["embedding_dim"], row["hidden_size"]),
            score=_one(row["f1"]),
            compression=_one(row["compression"]),
            speedup={batch: _one(row[f"speedup_{batch}"]) for batch in BATCHES},
        )
        for row in TABLES[16].records()
    ]


def published_pairs() -> list[tuple[Point, Point]]:
    """The pairs of Table 15; the paper prints no unit of latency."""

    def point(encoder: str, size: tuple[int, int], f1: float, latency: float) -> Point:
        return Point(encoder, size, score=_one(f1), latency={"batch_32": _one(latency)})

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
    """BiLSTM and Transformer students of equal latency (Figure 3), the fastest first.

    Those that a sweep gives the same axis `pair`; else each BiLSTM with the Transformer whose
    latency at batch 32 is nearest, if they differ by at most a quarter. Each is used once.

    Args:
        results: runs of strategy D0-S.
    """
    bilstms, left = (
        sorted((p for p in points(results, encoder) if p.score and p.speed), key=lambda p: p.speed)
        for encoder in ("bilstm", "transformer")
    )
    found = []
    for bilstm in bilstms:
        near = sorted(left, key=lambda other: _ratio(bilstm, other))
        if bilstm.pair is not None:
            near = [other for other in near if other.pair == bilstm.pair]
        elif near and _ratio(bilstm, near[0]) > _EQUAL:
            near = []
        if near:
            left.remove(near[0])
            found.append((bilstm, near[0]))
    return found


def _ratio(one: Point, other: Point) -> float:
    """How many times slower the slower of two students is."""
    return max(one.speed / other.speed, other.speed / one.speed)

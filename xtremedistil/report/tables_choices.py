"""Tables 10 to 16: the configuration, and what each choice in it is worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil.report.averages import lines, main_setting
from xtremedistil.report.collected import Collected, Result
from xtremedistil.report.points import BATCHES, Point, points
from xtremedistil.report.published import TABLES
from xtremedistil.report.table import MISSING, Table, number
from xtremedistil.report.table_parts import (
    SPREAD,
    assemble,
    cell,
    distilled,
    mean,
    named,
    score_of,
    seeds,
)

EMBEDDINGS = {
    "svd": "SVD + MBERT (fine-tuned)",
    "teacher": "MBERT (fine-tuned)",
    "svd-pretrained": "SVD + MBERT (pre-trained)",
    "ppa-14": "PCA + PPA (d=14)",
    "ppa-17": "PCA + PPA (d=17)",
    "glove": "Glove",
    "fasttext": "FastText",
    "random": "Random",
}


def table_10(collected: Collected) -> Table:
    """The best configuration."""
    several, runs = main_setting(collected.of_task("ner"))
    measured = _configuration(runs[0].flags) if runs else [MISSING] * len(TABLES[10].rows)
    rows = [(*row, value) for row, value in zip(TABLES[10].rows, measured, strict=True)]
    notes = [several] if several else []
    return assemble(10, collected, ("parameter", "paper", "measured"), rows, runs, notes)


def _configuration(flags: Mapping[str, Any]) -> list[str]:
    hidden = f"H = 2 × {flags.get('hidden_size')}"
    if flags["student"] == "transformer":
        hidden = f"Transformer of {flags.get('depth')} blocks"
    rest = (str(flags.get(name, MISSING)) for name in ("dropout", "batch_size", "teacher_layer"))
    return [f"E = {flags.get('embedding_dim')} ({flags['embeddings']})", hidden, *rest, "Adam"]


def table_11(collected: Collected) -> Table:
    """Dropout."""
    return _by_flag(11, "dropout", collected)


def table_12(collected: Collected) -> Table:
    """Batch size."""
    return _by_flag(12, "batch_size", collected)


def table_13(collected: Collected) -> Table:
    """Teacher layers."""
    note = "Layers count from 1, of the paper's 12; a layer of another teacher is another layer."
    return _by_flag(13, "teacher_layer", collected, note=note)


def table_14(collected: Collected) -> Table:
    """Word embeddings."""
    note = "Measured with the teacher named below, where the name says MBERT."
    return _by_flag(14, "embeddings", collected, EMBEDDINGS, note)


def _by_flag(
    table: int,
    flag: str,
    collected: Collected,
    names: Mapping[Any, str] | None = None,
    note: str = "",
) -> Table:
    """A table with a row for each value of a flag, the paper's and the measured ones."""
    published = TABLES[table]
    results = distilled(collected.of_task("ner"))
    by_value: dict[Any, list[Result]] = {}
    for result in results:
        if (value := result.flags.get(flag)) is not None:
            by_value.setdefault((names or {}).get(value, value), []).append(result)
    paper = {row[flag]: row for row in published.records()}
    values = list(dict.fromkeys([*paper, *by_value]))
    if names is None:
        listed = published.column(flag)
        values.sort(reverse=listed[0] > listed[-1])
    with_std = "std" in published.columns
    rows = []
    for value in values:
        row = paper.get(value, {})
        printed = [number(row.get("f1"))] + [number(row.get("std"), 1)] * with_std
        for label, runs in lines(by_value.get(value, []), (flag,)) or [("", [])]:
            rows.append((named(_exact(value), label), *printed, *score_of(runs)))
    columns = (flag.replace("_", " "), "F1\npaper", *["std. dev.\npaper"] * with_std)
    columns += ("F1\nmeasured", "std. dev.\nmeasured", "seeds")
    notes = [n for n in (f"{SPREAD} std. dev. is across languages.", note) if n]
    return assemble(table, collected, columns, rows, results, notes, axes=(flag,))


def _exact(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def table_15(collected: Collected) -> Table:
    """BiLSTM and Transformer students without distillation."""
    results = without_distillation(collected)
    measured = _by_size([*points(results, "bilstm"), *points(results, "transformer")])
    rows = []
    for pair, row in enumerate(TABLES[15].records(), 1):
        bilstm = ("bilstm", row["embedding_dim"], row["hidden_size"])
        transformer = ("transformer", row["transformer_dim"], row["depth"])
        for place, prefix in ((bilstm, ""), (transformer, "transformer_")):
            printed = [row[prefix + name] for name in ("f1", "parameters", "latency")]
            rows += _students(str(pair), place, printed, measured.pop(place, []))
    for place, own in measured.items():
        rows += _students(MISSING, place, [None] * 3, own)
    columns = ("pair", "student", "E", "H or depth", "F1\npaper", "F1\nmeasured")
    columns += ("MM params\npaper", "MM params\nmeasured", "latency\npaper")
    columns += ("ms, batch 32\nmeasured", "ms, batch 1\nmeasured", "seeds")
    notes = (
        f"{SPREAD} Pairs have about equal latency in the paper, which prints no unit; measured "
        "latency is the median of a batch of sentences of 32 pieces.",
    )
    axes = ("student", "embedding_dim", "hidden_size", "depth")
    return assemble(15, collected, columns, rows, results, notes, axes=axes)


def without_distillation(collected: Collected) -> list[Result]:
    """The runs of strategy D0-S, planned and done."""
    return [r for r in collected.of_task("ner") if r.flags.get("strategy") == "D0-S"]


def _by_size(found: Sequence[Point]) -> dict[tuple[str, int, int], list[Point]]:
    """Points by encoder and size."""
    places: dict[tuple[str, int, int], list[Point]] = {}
    for point in found:
        places.setdefault((point.encoder, *point.size), []).append(point)
    return places


def _students(
    pair: str, place: tuple[str, int, int], printed: Sequence[float], measured: Sequence[Point]
) -> list[tuple[str, ...]]:
    encoder, *size = place
    f1, parameters, latency = printed
    name = {"bilstm": "BiLSTM", "transformer": "Transformer"}[encoder]
    return [
        (
            *(pair, named(name, point.label), *map(str, size)),
            *(number(f1), cell(point.score)),
            *(number(parameters, 1), _millions(point), number(latency, 3)),
            *(mean(point.latency.get(batch), 2) for batch in BATCHES),
            seeds(point.score),
        )
        for point in measured or [Point(encoder, tuple(size))]
    ]


def _millions(point: Point) -> str:
    return number(point.parameters.mean / 1e6, 1) if point.parameters else MISSING


def table_16(collected: Collected) -> Table:
    """Sizes E and H: F1, compression and speedup."""
    results = grid_results(collected)
    measured = _by_size(points(results, "bilstm"))
    paper = {
        ("bilstm", row["embedding_dim"], row["hidden_size"]): row for row in TABLES[16].records()
    }
    rows = []
    for place in dict.fromkeys([*paper, *measured]):
        row, size = paper.get(place, {}), place[1:]
        for point in measured.get(place, [Point("bilstm", size)]):
            cells = [
                *(number(row.get("f1")), cell(point.score)),
                *(number(row.get("std"), 1), mean(point.std, 1)),
                *(number(row.get("parameters"), 1), _millions(point)),
                *(number(row.get("compression"), 1), mean(point.compression, 1)),
            ]
            for batch in BATCHES:
                cells += [number(row.get(f"speedup_{batch}")), mean(point.speedup.get(batch), 1)]
            rows.append((named(size[0], point.label), str(size[1]), *cells, seeds(point.score)))
    heads = ("F1", "std. dev.", "MM params", "compression", "× batch 32", "× batch 1")
    both = (f"{head}\n{side}" for head in heads for side in ("paper", "measured"))
    notes = (
        f"{SPREAD} std. dev. is across languages. × is the speedup over the teacher; the paper's "
        "at batch 32 is on a P100, at batch 1 on a Xeon E5-2690 v4; the measured one is of plain "
        "TensorFlow.",
    )
    axes = ("embedding_dim", "hidden_size")
    return assemble(16, collected, ("E", "H", *both, "seeds"), rows, results, notes, axes=axes)


def grid_results(collected: Collected) -> list[Result]:
    """The runs that Table 16 shows: distilled BiLSTM students, planned and done."""
    own = distilled(collected.of_task("ner"))
    return [result for result in own if result.flags["student"] == "bilstm"]

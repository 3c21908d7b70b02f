"""Tables 10 to 16: the configuration, and what each choice in it is worth."""

from xtremedistil.report.averages import main_setting, summary_by
from xtremedistil.report.collected import Collected
from xtremedistil.report.frame import of_task
from xtremedistil.report.libraries import pd
from xtremedistil.report.published import published_table
from xtremedistil.report.sizes import (
    GRID,
    PLACE,
    by_size,
    grid_runs,
    published_sizes,
    size_axes,
    undistilled_runs,
)
from xtremedistil.report.table import MISSING, Table
from xtremedistil.report.table_parts import SPREAD, assemble, beside, cells, distilled, named

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
_NOTES = {
    13: "Layers count from 1, of the paper's 12; a layer of another teacher is another layer.",
    14: "Measured with the teacher named below, where the name says MBERT.",
}
_KINDS = {"bilstm": "BiLSTM", "transformer": "Transformer"}


def table_10(collected: Collected) -> Table:
    """The best configuration."""
    several, runs = main_setting(of_task(collected.runs, "ner"))
    paper = published_table(10)
    measured = [MISSING] * len(paper) if runs.empty else _configuration(runs.iloc[0])
    rows = [(*row, value) for row, value in zip(paper.itertuples(False), measured, strict=True)]
    return assemble(10, collected, ("parameter", "paper", "measured"), rows, runs, [several])


def _configuration(run: pd.Series) -> list[str]:
    size = dict(zip(run["size_flags"] or (), run["size"] or ()))
    width = size.pop("embedding_dim", MISSING)
    hidden = ", ".join(
        f"H = 2 × {value}" if name == "hidden_size" else f"{run['--student']} of {name} {value}"
        for name, value in size.items()
    )
    rest = (str(run[f"--{name}"]) for name in ("dropout", "batch_size", "teacher_layer"))
    return [f"E = {width} ({run['--embeddings']})", hidden or MISSING, *rest, "Adam"]


def by_flag(table: int, flag: str, collected: Collected) -> Table:
    """Tables 11 to 14: a row for each value of a flag, the paper's and the measured ones."""
    paper = published_table(table)
    runs = distilled(of_task(collected.runs, "ner"))
    measured = summary_by(runs, [f"--{flag}"], (flag,))
    if flag == "embeddings":
        measured[flag] = measured[flag].map(lambda name: EMBEDDINGS.get(name, name))
    both = beside(paper, measured, [flag])
    if flag != "embeddings":
        rising = paper[flag].iloc[0] < paper[flag].iloc[-1]
        both = both.sort_values(flag, ascending=rising, kind="stable")
    values = (f"{value:g}" if isinstance(value, float) else value for value in both[flag])
    both["name"] = list(map(named, values, both["label"]))
    columns = {
        flag.replace("_", " "): "name",
        "F1\npaper": "paper_f1",
        **({"std. dev.\npaper": "paper_std"} if "std" in paper else {}),
        "F1\nmeasured": "score",
        "std. dev.\nmeasured": "std",
        "seeds": "seeds",
    }
    notes = (f"{SPREAD} std. dev. is across languages.", _NOTES.get(table, ""))
    rows = cells(both, columns.values())
    return assemble(table, collected, columns, rows, runs, notes, axes=(flag,))


def table_15(collected: Collected) -> Table:
    """BiLSTM and Transformer students without distillation."""
    runs = undistilled_runs(collected.runs)
    both = beside(
        published_table(15).assign(size=published_sizes(15)["size"]), by_size(runs), PLACE
    )
    kinds = (_KINDS.get(kind, kind) for kind in both["student"])
    both["name"] = list(map(named, kinds, both["label"]))
    both["width"], both["height"] = zip(*both["size"])
    columns = {
        "pair": "paper_pair",
        "student": "name",
        "E": "width",
        "H or depth": "height",
        "F1\npaper": "paper_f1",
        "F1\nmeasured": "score",
        "MM params\npaper": "paper_parameters",
        "MM params\nmeasured": "parameters",
        "latency\npaper": "paper_latency",
        "ms, batch 32\nmeasured": "student_batch_32",
        "ms, batch 1\nmeasured": "student_batch_1",
        "seeds": "seeds",
    }
    notes = (
        f"{SPREAD} Pairs have about equal latency in the paper, which prints no unit; measured "
        "latency is the median of a batch of sentences of 32 pieces.",
    )
    rows = cells(both, columns.values())
    return assemble(15, collected, columns, rows, runs, notes, axes=size_axes(runs))


def table_16(collected: Collected) -> Table:
    """Sizes E and H: F1, compression and speedup."""
    runs = grid_runs(collected.runs)
    paper = published_table(16)
    both = beside(paper.assign(size=list(zip(*(paper[n] for n in GRID)))), by_size(runs), ["size"])
    both["width"] = [named(size[0], label) for size, label in zip(both["size"], both["label"])]
    both["height"] = [size[1] for size in both["size"]]
    columns = {"E": "width", "H": "height"}
    for head, column, measured in (
        ("F1", "f1", "score"),
        ("std. dev.", "std", "std"),
        ("MM params", "parameters", "parameters"),
        ("compression", "compression", "compression"),
        ("× batch 32", "speedup_batch_32", "speedup_batch_32"),
        ("× batch 1", "speedup_batch_1", "speedup_batch_1"),
    ):
        columns |= {f"{head}\npaper": f"paper_{column}", f"{head}\nmeasured": measured}
    columns["seeds"] = "seeds"
    notes = (
        f"{SPREAD} std. dev. is across languages. × is the speedup over the teacher; the paper's "
        "at batch 32 is on a P100, at batch 1 on a Xeon E5-2690 v4; the measured one is of plain "
        "TensorFlow.",
    )
    return assemble(16, collected, columns, cells(both, columns.values()), runs, notes, axes=GRID)

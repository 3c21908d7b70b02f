"""Students by their size: Tables 15 and 16, Figures 1 and 3."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from xtremedistil.report.averages import Average, summary_by
from xtremedistil.report.frame import of_task
from xtremedistil.report.libraries import pd
from xtremedistil.report.published import published_table
from xtremedistil.report.table_parts import distilled

GRID = ("embedding_dim", "hidden_size")  # the sizes of Table 16
PLACE = ["student", "size"]
_EQUAL = 1.25  # latencies of one pair differ by no larger factor
_NO_PAIR = 1e6  # costs more than any number of pairs


def grid_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that Table 16 shows: distilled students of its sizes, planned and done."""
    own = distilled(of_task(runs, "ner"))
    return own[own["size_flags"] == GRID]


def undistilled_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of strategy D0-S, planned and done: those that Table 15 shows."""
    own = of_task(runs, "ner")
    return own[own["--strategy"] == "D0-S"]


def size_axes(runs: pd.DataFrame) -> tuple[str, ...]:
    """The flags that are a student's kind and size."""
    return ("student", *dict.fromkeys(n for names in runs["size_flags"].dropna() for n in names))


def by_size(runs: pd.DataFrame) -> pd.DataFrame:
    """`summary_by` for each kind and size of student.

    Args:
        runs: that may share a figure, planned and done.
    """
    return summary_by(runs, ["--student", "size"], size_axes(runs))


def published_sizes(table: int) -> pd.DataFrame:
    """Table 15 or 16 with the columns of `by_size` that it has; `student_batch_32` is the latency
    of Table 15, whose unit the paper does not print.

    Args:
        table: 15 or 16.
    """
    paper = published_table(table)
    names = [name for name in (*GRID, "depth") if name in paper]
    size = [tuple(filter(None, row)) for row in paper[names].itertuples(False)]
    found = paper.assign(size=size, label="", score=[Average(f1) for f1 in paper["f1"]])
    if table == 15:
        return found.rename(columns={"latency": "student_batch_32"})
    return found.assign(student="bilstm")


def published_pairs() -> list[tuple[pd.Series, pd.Series]]:
    """The pairs of Table 15, each BiLSTM first."""
    groups = published_sizes(15).groupby("pair")
    return [(pair.iloc[0], pair.iloc[1]) for _, pair in groups]


def pairs(runs: pd.DataFrame) -> list[tuple[pd.Series, pd.Series]]:
    """BiLSTM and Transformer students of about equal latency (Figure 3), the fastest first.

    As many pairs as there can be whose latencies at batch 32 differ by at most a quarter, each
    student in one of them, and of these the most equal.

    Args:
        runs: of strategy D0-S.

    Returns:
        Two rows of `by_size` for each pair.
    """
    found = by_size(runs).dropna(subset=["score", "student_batch_32"])
    found = found.sort_values("student_batch_32", kind="stable")
    ours, others = (found[found["student"] == kind] for kind in published_sizes(15)["student"][:2])
    if ours.empty or others.empty:
        return []
    times = [own["student_batch_32"].to_numpy(float) for own in (ours, others)]
    distance = np.abs(np.log(times[0][:, None] / times[1]))
    cost = np.where(distance <= np.log(_EQUAL), distance, _NO_PAIR)
    chosen = zip(*linear_sum_assignment(cost), strict=True)
    return [(ours.iloc[i], others.iloc[j]) for i, j in chosen if cost[i, j] < _NO_PAIR]

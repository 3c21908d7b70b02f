"""The numbers of the paper, as printed: Tables 1 to 17, and what its text says of Figures 1 to 3.

S. Mukherjee and A. Awadallah, *Multi-stage Distillation Framework for Massive Multi-lingual NER*
(ACL 2020). Each table is a CSV file (UTF-8; an empty cell is one that the paper leaves empty).
Scores are in percent, parameters in millions, sizes in sentences (those of Table 17 in thousands),
and counts that the paper abbreviates (705K, 7.2MM) are written out. Two students of a pair of Table
15 have about equal latency, whose unit is not printed. Table 16 is of strategy D4, its speed at
batch 1 on a Xeon E5-2690 v4, at batch 32 on a P100. The figures' points are given in no other place
than these tables.
"""

import functools
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass

from xtremedistil.report.libraries import pd


@dataclass(frozen=True)
class PublishedFigure:
    """One figure of the paper.

    Attributes:
        title: its caption, shortened.
        table: the number of the table that prints its points.
        says: what the text concludes from it.
    """

    title: str
    table: int
    says: str


@functools.cache
def published_table(number: int) -> pd.DataFrame:
    """A table of the paper.

    Args:
        number: 1 to 17.

    Returns:
        Its cells as Python's ints, floats and strings; None where nothing is printed. Not to be
        changed: it is shared.
    """
    return _read(f"table-{number:02}.csv")


def _read(name: str) -> pd.DataFrame:
    with importlib.resources.files(__name__).joinpath(name).open(encoding="utf-8") as file:
        frame = pd.read_csv(file, keep_default_na=False, na_values=[""])
    frame = frame.convert_dtypes().astype(object)
    return frame.where(frame.notna(), None)


TITLES: Mapping[int, str] = _read("tables.csv").set_index("table")["title"].to_dict()
FIGURES: Mapping[int, PublishedFigure] = {
    row.pop("figure"): PublishedFigure(**row) for row in _read("figures.csv").to_dict("records")
}

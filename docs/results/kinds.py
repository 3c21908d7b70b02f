"""Where a student loses F1: its test sentences by kind, as a table.

python docs/results/kinds.py RUN

RUN is the folder of a run with all its parts made, whose config.json names them. F1 is counted over
all sentences of a kind together; the last column is how many more entities the student gets right
than the teacher.
"""

import itertools
import os
import sys

import numpy as np

from xtremedistil.config import Config
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.scores import ScoredModels, score_models
from xtremedistil.runtime import files
from xtremedistil.scoring.metrics import precision_recall_f1

LENGTHS = (1, 4, 8, 16, 32, np.inf)  # words
# shares of a sentence's pieces that the student has no row for
LACKING = {"none": (0, 1e-9), "up to 10%": (1e-9, 0.1), "10 to 20%": (0.1, 0.2), "more": (0.2, 2)}
LEFT = 0.99  # of a sentence's words, those inside entities


def main(folder: str) -> None:
    """Prints the table."""
    run = Run(Config.from_dict(files.read_json(os.path.join(folder, "config.json"))))
    models = score_models(run)
    print("| sentences | number | teacher's F1 | student's | kept | more right |")
    print("|---|---|---|---|---|---|")
    more = (models.student.counts - models.teacher.counts)[:, 0]
    for name, chosen in kinds(run, models).items():
        if chosen.any():
            counts = (one.counts[chosen].sum(0) for one in (models.teacher, models.student))
            teacher, student = (float(precision_recall_f1(c)[2]) for c in counts)
            found = f"{teacher:.1f} | {student:.1f} | {100 * student / teacher:.1f}%"
            print(f"| {name} | {int(chosen.sum()):,} | {found} | {more[chosen].sum():+,} |")


def kinds(run: Run, models: ScoredModels) -> dict[str, np.ndarray]:
    """`(sentences,)` bool of each kind."""
    rows, labels = models.test, run.data.read_labels()
    sums = np.add.reduceat
    words = sums(rows.pieces["first"].astype(int), rows.offsets[:-1])
    outside = rows.pieces["first"].astype(bool) & (rows.pieces["labels"] == labels.names.index("O"))
    inside = 1 - sums(outside.astype(int), rows.offsets[:-1]) / words
    lacking = run.data.lacks_row()
    real = np.maximum(rows.lengths - 2, 1)  # less the two markers
    unknown = sums(lacking[rows.pieces["ids"]].astype(int), rows.offsets[:-1]) / real
    seen = run.data.is_in_transfer(rows)
    found = {"all": np.ones(len(rows), bool)}
    found |= {"in training or transfer set": seen, "in neither": ~seen}
    for low, high in itertools.pairwise(LENGTHS):
        name = f"{low} to {high - 1} words" if high < np.inf else f"{low} words or more"
        found[name] = (words >= low) & (words < high)
    found["entities and nothing else"] = inside > LEFT
    found["words outside too"] = inside <= LEFT
    for name, (low, high) in LACKING.items():
        found[f"pieces without a row: {name}"] = (unknown >= low) & (unknown < high)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])

"""How far a student's answers are its teacher's, as results give it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil.data.ragged import Ragged
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.scores import Scored
from xtremedistil.report import schema
from xtremedistil.scoring.metrics import by_language, kept_interval

_ALL = "all"  # the language of text without one


def agreement(run: Run, held_out: Ragged, student: Scored) -> schema.Agreement:
    """What `results.json` says of a student's agreement with the teacher.

    Args:
        run: without training labels.
        held_out: text with the teacher's answers as `labels`.
        student: what the student makes of it.
    """
    task, languages = run.config.data.task, run.data.prepare_labeled()["languages"]
    names = [_ALL] if languages == [""] else languages
    language, counts = held_out.sentences["language"], student.counts
    teacher = np.repeat(counts[:, 2:], 3, axis=1)  # which agrees with itself
    interval = kept_interval(teacher, counts, language)
    score = schema.Score(**by_language(counts, 2, language, names))
    words = word_accuracy(held_out, student.classes, names) if task == "ner" else None
    return schema.Agreement(
        **{schema.METRICS[task]: score},
        sentences=len(held_out),
        interval=[interval["low"], interval["high"]],
        word_accuracy=words and schema.Score(**words),
        f1_per_type=student.scores.get("f1_per_type"),
    )


def word_accuracy(rows: Ragged, classes: np.ndarray, languages: Sequence[str]) -> dict[str, Any]:
    """The share of words that have the label that they should have, in percent.

    Args:
        rows: sentences with `first`, `labels` and `language`.
        classes: `(total pieces,)`: what a model says.
        languages: names of `language`.

    Returns:
        `mean`, `std` and `per_language`, as `by_language` gives them.
    """
    first = np.flatnonzero(rows.pieces["first"])
    edges = np.searchsorted(first, rows.offsets)
    right = np.concatenate([[0], np.cumsum(rows.pieces["labels"][first] == classes[first])])
    counts = np.repeat(np.diff(edges)[:, None], 3, axis=1)
    counts[:, 0] = np.diff(right[edges])
    return by_language(counts, 2, rows.sentences["language"], languages)

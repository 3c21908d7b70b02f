"""The comparison of an export with its student, the same for every format."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil.data.formats import Example
from xtremedistil.data.ragged import Ragged
from xtremedistil.scoring.metrics import Truth, score
from xtremedistil.serving.python.predictor import Predictor


def compare(
    student: Predictor, exported: Predictor, examples: Sequence[Example], labeled: bool
) -> dict[str, Any]:
    """Compares an export with its student on the same texts.

    Args:
        student, exported: both, of one codec.
        examples: texts with their words.
        labeled: whether their labels are of the student's task.

    Returns:
        `texts`, `max_logit_difference` and `mean_logit_difference` over all wordpieces (texts for
        classification), `identical_tags` in percent, and of labeled texts `student` and `export`:
        F1 (the mean of the languages) or accuracy, in percent.
    """
    codec = student.codec
    labels = codec.labels
    pieces = list(codec.tokenizer.encode([example.words for example in examples]))
    rows = Ragged.from_lists({"ids": [codec.rows[p.ids] for p in pieces]}, {})
    if labels.task == "ner":
        first = [p.first + start for p, start in zip(pieces, rows.offsets, strict=False)]
        places = np.concatenate(first)
        edges = np.cumsum([0, *map(len, first)])
    else:
        places, edges = np.arange(len(rows)), np.arange(len(rows) + 1)
    logits = [predictor.logits(rows) for predictor in (student, exported)]
    tags = [labels.decode(values[places], edges) for values in logits]
    difference = np.abs(logits[0] - logits[1])
    found = {
        "texts": len(examples),
        "max_logit_difference": float(difference.max(initial=0)),
        "mean_logit_difference": float(difference.mean()) if difference.size else 0.0,
        "identical_tags": 100 * float(np.mean(tags[0] == tags[1])) if len(places) else 100.0,
    }
    if labeled:
        true = [example.tags for example in examples]
        if labels.task == "ner":
            true = list(map(labels.scheme.canonical_truth, true))
        others = {tag for own in true for tag in own} - {*labels.canonical_names}
        names = [*labels.canonical_names, *sorted(others)]
        languages = [example.language for example in examples]
        truth = Truth.from_tags(labels.task, names, true, languages, labels.scheme)
        headline = "f1" if labels.task == "ner" else "accuracy"
        for name, own in zip(("student", "export"), tags, strict=True):
            scores, _ = score(truth, own, details=False)
            found[name] = scores[headline]["mean"]
    return found

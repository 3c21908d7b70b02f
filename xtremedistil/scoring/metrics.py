"""Scores from tags alone: phrase-level F1 as seqeval has it, accuracy, and how much of a teacher's
score a student keeps.

The headline is seqeval's default mode (the conlleval rule: an orphan I- starts an entity), which
also makes the spans in serving; beside it stands a strict mode, which counts only what is
well-formed in the scheme of the labels. Entities are counted once per sentence, and every score,
per language, per type or resampled, is a sum of those counts.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremedistil.data.schemes import IOB2, Scheme
from xtremedistil.scoring.spans import count_entities

Tags = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Truth:
    """The true answers of labeled texts, which every model's answers are scored against.

    Attributes:
        task: `ner` or `classification`.
        names: of tags, as BIOES spells them (`Scheme.canonical`), or of classes.
        classes: indices into `names`: `(words,)`, text after text, or `(texts,)` of classification.
        offsets: `(texts + 1,)`: where the answers of each text begin, and those of the last end.
        language: `(texts,)` index into `languages`.
        languages: their names.
        scheme: in which answers are well-formed or not.
    """

    task: str
    names: Sequence[str]
    classes: np.ndarray
    offsets: np.ndarray
    language: np.ndarray
    languages: Sequence[str]
    scheme: Scheme = IOB2

    @classmethod
    def from_tags(
        cls,
        task: str,
        names: Sequence[str],
        tags: Tags,
        languages: Sequence[str],
        scheme: Scheme = IOB2,
    ) -> "Truth":
        """Of texts in words.

        Args:
            task: `ner` or `classification`.
            names, scheme: as in the class.
            tags: of each word of each text; one of each text of classification.
            languages: of each text.
        """
        offsets = np.cumsum([0, *(len(own) for own in tags)])
        known, language = np.unique(np.array(languages, str), return_inverse=True)
        classes = classes_of(tags, names)
        return cls(task, names, classes, offsets, language, known.tolist(), scheme)


def classes_of(tags: Tags, names: Sequence[str]) -> np.ndarray:
    """Indices into `names` of all tags of all texts, in one array."""
    index = {name: number for number, name in enumerate(names)}
    return np.array([index[tag] for own in tags for tag in own], np.int64)


def score(
    truth: Truth, predicted: np.ndarray, details: bool = True
) -> tuple[dict[str, Any], np.ndarray]:
    """Scores one model's answers: a teacher's, a student's or an export's.

    Args:
        truth: of the same texts.
        predicted: indices into `truth.names`, of the shape of `truth.classes`.
        details: whether to give what reports show beside the headline and what it is made of.

    Returns:
        In percent, each with `mean`, `std` and `per_language`: `f1`, `precision`, `recall` and, as
        a detail, `f1_strict`; of classification `accuracy`. As details too: `f1_per_type`, or
        `precision_per_class`, `recall_per_class` and `f1_per_class`, over all texts. And the counts
        of each text, `(texts, 3)`: correct, predicted, true.
    """
    return (_score_classes if truth.task == "classification" else _score_tags)(
        truth, predicted, details
    )


def _score_tags(
    truth: Truth, predicted: np.ndarray, details: bool
) -> tuple[dict[str, Any], np.ndarray]:
    answers = (truth.classes, predicted, truth.offsets, truth.names)
    counted = count_entities(*answers)
    totals = counted.counts.sum(axis=1)

    def listed(counts: np.ndarray, column: int) -> dict[str, Any]:
        return by_language(counts, column, truth.language, truth.languages)

    scores = {"f1": listed(totals, 2), "precision": listed(totals, 0), "recall": listed(totals, 1)}
    if details:
        strict = count_entities(*answers, strict=truth.scheme)
        per_type = precision_recall_f1(counted.counts.sum(axis=0))[:, 2]
        scores["f1_strict"] = listed(strict.counts.sum(axis=1), 2)
        scores["f1_per_type"] = dict(zip(counted.types, per_type.tolist(), strict=True))
    return scores, totals


def _score_classes(
    truth: Truth, predicted: np.ndarray, details: bool
) -> tuple[dict[str, Any], np.ndarray]:
    # accuracy is F1 where every text has one true and one predicted class
    counts = np.ones((len(predicted), 3), np.int64)
    counts[:, 0] = truth.classes == predicted
    scores: dict[str, Any] = {
        "accuracy": by_language(counts, 2, truth.language, truth.languages),
    }
    if details:
        from sklearn.metrics import precision_recall_fscore_support  # here: it takes a second

        every = np.arange(len(truth.names))
        options = {"labels": every, "zero_division": 0}
        found = precision_recall_fscore_support(truth.classes, predicted, **options)
        for name, values in zip(("precision", "recall", "f1"), found, strict=False):
            scores[f"{name}_per_class"] = dict(
                zip(truth.names, (100 * values).tolist(), strict=True)
            )
    return scores, counts


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """Micro-averaged scores.

    Args:
        counts: `(..., 3)`: correct, predicted, true.

    Returns:
        `(..., 3)` in percent: precision, recall, F1; 0 where undefined.
    """
    correct, predicted, true = (counts[..., i].astype(np.float64) for i in range(3))

    def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return 100 * np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)

    scores = [share(correct, predicted), share(correct, true), share(2 * correct, predicted + true)]
    return np.stack(scores, axis=-1)


def by_language(
    counts: np.ndarray, column: int, language: np.ndarray, names: Sequence[str]
) -> dict[str, Any]:
    """One score per language, their mean and their population standard deviation (Tables 3 to 5).

    Args:
        counts: `(sentences, 3)`: correct, predicted, true items.
        column: 0 precision, 1 recall, 2 F1.
        language: `(sentences,)` index into `names`.
        names: languages; those without a sentence are left out.

    Returns:
        `mean`, `std` and `per_language` in percent. A score is None where no item is true: nothing
        was there to be found, and 0 would say that it was missed. Such languages are in no mean.
    """
    present = np.bincount(language, minlength=len(names)) > 0
    by_column = np.stack([np.bincount(language, items, len(names)) for items in counts.T], axis=-1)
    defined = by_column[present, 2] > 0
    found = precision_recall_f1(by_column)[present, column].tolist()
    listed = [value if known else None for value, known in zip(found, defined, strict=True)]
    scores = dict(zip(itertools.compress(names, present), listed, strict=True))
    return {**mean_and_std(listed), "per_language": scores}


def mean_and_std(listed: Iterable[float | None]) -> dict[str, float | None]:
    """`mean` and population `std` of the scores that are defined; None where none is."""
    defined = [value for value in listed if value is not None]
    if not defined:
        return {"mean": None, "std": None}
    return {"mean": float(np.mean(defined)), "std": float(np.std(defined))}


def kept_interval(
    teacher: np.ndarray,
    student: np.ndarray,
    language: np.ndarray,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """The share of a teacher's mean score that a student keeps, with a bootstrap interval over test
    sentences.

    Args:
        teacher, student: `(sentences, 3)`: correct, predicted, true items of each sentence.
        language: `(sentences,)`; each language is resampled by itself.
        samples: bootstrap samples.
        seed: of the resampling.

    Returns:
        `percent`, and its 2.5 and 97.5 percentiles as `low` and `high`; zeros where the teacher
        scores nothing.
    """
    f1 = resampled_means(teacher, student, language, samples, seed)
    return percentiles(
        100 * np.divide(f1[:, 1], f1[:, 0], out=np.zeros(len(f1)), where=f1[:, 0] > 0)
    )


def resampled_means(
    first: np.ndarray, second: np.ndarray, language: np.ndarray, samples: int, seed: int
) -> np.ndarray:
    """Mean scores of two models on the sentences as they are, and on bootstrap samples of them that
    are the same for both.

    Args:
        first, second, language, samples, seed: as in `kept_interval`.

    Returns:
        `(1 + samples, 2)`: means of F1 over languages in percent; of the sentences as they are in
        the first row.
    """
    rng = np.random.default_rng(seed)
    both = np.concatenate([first, second], axis=1)
    sums = []  # (1 + samples, 6) of each language
    for code in np.unique(language):
        rows = both[language == code]
        number = len(rows)
        drawn = [
            np.bincount(rng.integers(number, size=number), minlength=number) @ rows
            for _ in range(samples)
        ]
        sums.append(np.stack([rows.sum(axis=0), *drawn]))
    counts = np.stack(sums).reshape(len(sums), -1, 2, 3)
    return precision_recall_f1(counts)[..., 2].mean(axis=0)


def percentiles(values: np.ndarray) -> dict[str, float]:
    """A value and its 95% interval: `percent`, the first of the values, and of the others, which
    are resampled, the 2.5 and 97.5 percentiles as `low` and `high`."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {"percent": float(values[0]), "low": float(low), "high": float(high)}

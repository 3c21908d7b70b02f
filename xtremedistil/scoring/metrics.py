"""Scores from tags alone: phrase-level F1 by seqeval, accuracy, and how much of a teacher's score a
student keeps.

The headline is seqeval's default mode (the conlleval rule: an orphan I- starts an entity), which
also makes the spans in serving; the strict IOB2 mode stands beside it. Entities are counted once
per sentence, and every score, per language, per type or resampled, is a sum of those counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

Tags = Sequence[Sequence[str]]


@dataclass(frozen=True)
class EntityCounts:
    """Entities of each sentence, by type.

    Attributes:
        types: names of the types.
        counts: `(sentences, types, 3)` int64: correct, predicted, true.
    """

    types: tuple[str, ...]
    counts: np.ndarray


def count_entities(true: Tags, predicted: Tags, strict: bool = False) -> EntityCounts:
    """Counts the entities of each sentence.

    Args:
        true, predicted: a tag per word, per sentence.
        strict: only well-formed IOB2 entities count (seqeval's mode `strict`).
    """
    find = _strict_entities if strict else get_entities
    spans = [(set(find(list(t))), set(find(list(p)))) for t, p in zip(true, predicted, strict=True)]
    types = tuple(sorted({entity[0] for pair in spans for side in pair for entity in side}))
    index = {name: i for i, name in enumerate(types)}
    counts = np.zeros((len(spans), len(types), 3), np.int64)
    for row, (gold, guessed) in enumerate(spans):
        for column, found in enumerate((gold & guessed, guessed, gold)):
            for entity in found:
                counts[row, index[entity[0]], column] += 1
    return EntityCounts(types, counts)


def _strict_entities(tags: list[str]) -> list[tuple]:
    return [entity.to_tuple()[1:] for entity in Entities([tags], IOB2).entities[0]]


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
    """
    sums = {
        name: counts[language == i].sum(axis=0)
        for i, name in enumerate(names)
        if (language == i).any()
    }
    scores = {name: float(precision_recall_f1(total)[column]) for name, total in sums.items()}
    listed = np.array(list(scores.values()))
    return {"mean": float(listed.mean()), "std": float(listed.std()), "per_language": scores}


def entity_scores(
    true: Tags, predicted: Tags, language: np.ndarray, names: Sequence[str]
) -> tuple[dict[str, Any], np.ndarray]:
    """All NER scores of one model on one test set.

    Args:
        true, predicted: a tag per word, per sentence.
        language: `(sentences,)` index into `names`.
        names: languages.

    Returns:
        `f1`, `precision`, `recall`, `f1_strict` (each with mean, std, per_language) and
        `f1_per_type` over all sentences; and the entities of each sentence, `(sentences, 3)`:
        correct, predicted, true.
    """
    counted = count_entities(true, predicted)
    strict = count_entities(true, predicted, strict=True)

    per_type = precision_recall_f1(counted.counts.sum(axis=0))[:, 2]
    totals = counted.counts.sum(axis=1)
    scores = {
        "f1": by_language(totals, 2, language, names),
        "precision": by_language(totals, 0, language, names),
        "recall": by_language(totals, 1, language, names),
        "f1_strict": by_language(strict.counts.sum(axis=1), 2, language, names),
        "f1_per_type": dict(zip(counted.types, per_type.tolist(), strict=True)),
    }
    return scores, totals


def accuracy_scores(
    true: np.ndarray, predicted: np.ndarray, language: np.ndarray, names: Sequence[str]
) -> tuple[dict[str, Any], np.ndarray]:
    """Accuracy of one model on one test set: F1 where every text has one true and one predicted
    class.

    Args:
        true, predicted: `(texts,)` classes.
        language: `(texts,)` index into `names`.
        names: languages.

    Returns:
        `accuracy` in percent (mean, std, per_language); and `(texts, 3)`: correct, predicted, true.
    """
    counts = np.ones((len(true), 3), np.int64)
    counts[:, 0] = true == predicted
    return {"accuracy": by_language(counts, 2, language, names)}, counts


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
    rng = np.random.default_rng(seed)
    both = np.concatenate([teacher, student], axis=1)
    sums = []  # (1 + samples, 6) of each language, the sentences as they are first
    for code in np.unique(language):
        rows = both[language == code]
        number = len(rows)
        drawn = [
            np.bincount(rng.integers(number, size=number), minlength=number) @ rows
            for _ in range(samples)
        ]
        sums.append(np.stack([rows.sum(axis=0), *drawn]))
    f1 = precision_recall_f1(np.stack(sums).reshape(len(sums), -1, 2, 3))[..., 2].mean(axis=0)
    shares = 100 * np.divide(f1[:, 1], f1[:, 0], out=np.zeros(len(f1)), where=f1[:, 0] > 0)
    low, high = np.percentile(shares[1:], [2.5, 97.5])
    return {"percent": float(shares[0]), "low": float(low), "high": float(high)}

"""A student's scores on labeled data, as it is served: by the predictor, on whole sentences."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import Example
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sources import Reader, sources_of_split
from xtremedistil.runtime.errors import DataError
from xtremedistil.scoring.metrics import Truth, classes_of, score

_CHUNK = 1024


class Predictor(Protocol):
    """What is scored: `serving.python.predictor.Predictor`, or anything that answers as it does."""

    task: str
    labels: LabelSet

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> Sequence[Any]:
        """Answers with `tags`, for sentences whose words are known."""

    def classify(self, texts: Sequence[str]) -> Sequence[Any]:
        """Answers with a `label`."""


def read_split(config: DataConfig, split: str) -> list[Example]:
    """The examples of a split of a data folder.

    Args:
        config: of the folder, as a run's.
        split: `train`, `dev` or `test`.

    Raises:
        DataError: a file is missing or breaks a rule of its format.
    """
    sources = sources_of_split(config, split)
    if not sources:
        raise DataError(f"{config.data_dir}: no {split} file. Received: split={split}")
    return list(Reader(config).examples(sources))


class Evaluated(NamedTuple):
    """What was found of a model on labeled texts.

    Attributes:
        scores: of `metrics.score`, and `sentences`, their number.
        counts: `(texts, 3)`: correct, predicted and true items of each text.
        language: `(texts,)` numbers that stand for languages.
    """

    scores: dict[str, Any]
    counts: np.ndarray
    language: np.ndarray


def evaluate(predictor: Predictor, examples: Iterable[Example]) -> Evaluated:
    """Scores a student or a teacher.

    Args:
        predictor: of either.
        examples: labeled sentences or texts.
    """
    true, found, languages = [], [], []
    scheme, ner = predictor.labels.scheme, predictor.task == "ner"
    for chunk in _chunks(examples):
        tags = [example.tags for example in chunk]
        true += map(scheme.canonical_truth, tags) if ner else tags
        languages += [example.language for example in chunk]
        if ner:
            tagged = predictor.tag_words([example.words for example in chunk])
            found += [[*map(scheme.canonical, answer.tags)] for answer in tagged]
        else:
            answers = predictor.classify([" ".join(example.words) for example in chunk])
            found += [[answer.label] for answer in answers]
    names = sorted(set(itertools.chain.from_iterable([*true, *found])))
    truth = Truth.from_tags(predictor.task, names, true, languages, scheme)
    scores, counts = score(truth, classes_of(found, names))
    return Evaluated({**scores, "sentences": len(true)}, counts, truth.language)


def _chunks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    rest = iter(examples)
    while chunk := list(itertools.islice(rest, _CHUNK)):
        yield chunk

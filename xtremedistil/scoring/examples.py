"""A student's scores on labeled data, as it is served: by the predictor, on whole sentences."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import Example
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sources import Reader, find_sources
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
    sources = find_sources(config)[split]
    if not sources:
        raise DataError(f"{config.data_dir}: no {split} file. Received: split={split}")
    return list(Reader(config).examples(sources))


def evaluate(predictor: Predictor, examples: Iterable[Example]) -> dict[str, Any]:
    """Scores a student.

    Args:
        predictor: the student.
        examples: labeled sentences or texts.

    Returns:
        The scores of `metrics.score`, and `sentences`, their number.
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
    scores, _ = score(truth, classes_of(found, names))
    return {**scores, "sentences": len(true)}


def _chunks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    rest = iter(examples)
    while chunk := list(itertools.islice(rest, _CHUNK)):
        yield chunk

"""Runs without training labels: what the teacher says of held-out text, which stands for labels.

Whoever scores a student on it learns how far the two agree, and nothing of how right they are.
"""

from typing import Any

import numpy as np
from absl import logging

from xtremedistil.data.labels import IGNORED, LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.unlabeled import AGREEMENT, DEV
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.experiments.teacher import RunTeacher
from xtremedistil.runtime.errors import DataError
from xtremedistil.runtime.once import once
from xtremedistil.scoring.predictions import forward_of, predict_classes


class RunAgreement:
    """The text that a run without training labels holds out, with the teacher's answers."""

    def __init__(self, run: Opened, data: RunData, teacher: RunTeacher):
        """Reads nothing yet."""
        self._run, self._data, self._teacher = run, data, teacher

    @once
    def make(self) -> dict[str, Any]:
        """Asks the teacher, where that is not done and there are no labels; returns the cost."""
        if self._run.labeled:
            return {}
        part = self._run.parts.agreement

        def ask() -> tuple[dict[str, Any], tuple[str, ...]]:
            forward = forward_of(self._teacher.load(), "logits")
            limit = self._run.checkpoint.config.max_positions
            select_by = self._run.config.distillation.select_by
            by_metric = any(step.select_by == "metric" for step in self._run.steps())
            labels, names = self._data.read_labels(), []
            for split in (DEV, AGREEMENT):
                rows = self._data.split(split, cut=False)
                classes = predict_classes(forward, rows, labels, limit)
                if labels.task == "ner" and not _finds_entities(rows, classes, labels):
                    if split == AGREEMENT:
                        _warn_of_nothing(len(rows))
                    elif by_metric:
                        raise undefined_f1(select_by, None)
                names.append(f"{split}.safetensors")
                answered(rows, classes, labels).save(part.path(names[-1]))
            return {}, tuple(names)

        return part.ensure(ask)

    def split(self, name: str) -> Ragged:
        """Held-out text whose `labels` are the teacher's answers.

        Args:
            name: `dev` or `agreement`.
        """
        self.make()
        return Ragged.load(self._run.parts.agreement.path(f"{name}.safetensors"))


def answered(rows: Ragged, classes: np.ndarray, labels: LabelSet) -> Ragged:
    """Encoded texts with a model's answers as their `labels`.

    Args:
        rows: texts with `first`.
        classes: `(total pieces,)`, or `(texts,)` of classification.
        labels: the classes.
    """
    if labels.task == "classification":
        sentences = {**rows.sentences, "labels": classes.astype(np.int16)}
        return Ragged(rows.offsets, rows.pieces, sentences)
    own = np.where(rows.pieces["first"] > 0, classes, IGNORED).astype(np.int16)
    return Ragged(rows.offsets, {**rows.pieces, "labels": own}, rows.sentences)


def undefined_f1(select_by: str, language: str | None) -> DataError:
    """The error where development F1 is to choose and is undefined, in all languages or in one."""
    where = "" if language is None else f" of language {language!r}"
    return DataError(
        "the development set has no entity, so that its F1 is undefined and cannot choose: give "
        f"--select_by=loss. Received: --select_by={select_by}, no entity{where}"
    )


def _finds_entities(rows: Ragged, classes: np.ndarray, labels: LabelSet) -> bool:
    found = classes[rows.pieces["first"] > 0]
    return not (found == labels.names.index("O")).all()


def _warn_of_nothing(texts: int) -> None:
    logging.warning(
        "the teacher finds no entity in %d held-out texts, so that there is nothing to agree "
        "on: is it a teacher for this language, and is this text of the kind that it knows?",
        texts,
    )

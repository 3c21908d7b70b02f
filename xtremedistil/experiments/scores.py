"""Test scores of a run's models, each computed once and kept beside what it was computed from.

The test set is read here alone, after all training, over the saved weights of every step; nothing
is ever chosen by it.
"""

import functools
import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy

from xtremedistil.data.ragged import Ragged
from xtremedistil.data.unlabeled import AGREEMENT
from xtremedistil.experiments.run import Run
from xtremedistil.runtime import files
from xtremedistil.runtime.parts import Part
from xtremedistil.runtime.progress import progress
from xtremedistil.scoring.predictions import (
    Advance,
    Forward,
    Prediction,
    forward_of,
    predict,
    score,
)

_PREDICTION = "prediction.safetensors"


@dataclass(frozen=True)
class Scored:
    """What one model, or one per language, makes of the test set.

    Attributes:
        scores: of `scoring.metrics.score`.
        counts: `(sentences, 3)`: correct, predicted, true.
        classes: of each piece, or of each text.
    """

    scores: dict[str, Any]
    counts: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class ScoredModels:
    """What the models of a run make of its test set. On held-out text without labels the teacher's
    answers stand for them, and it has no score.

    Attributes:
        test: the test set.
        teacher: None on text without labels.
        student: after the last step.
        steps: the student after each step that trains a head, by the step's place.
    """

    test: Ragged
    teacher: Scored | None
    student: Scored
    steps: Mapping[int, Scored]


def score_models(run: Run, unlabeled: bool = False) -> ScoredModels:
    """Scores every model of a run with all its parts made.

    Args:
        run: that they are of.
        unlabeled: as `agreement` of `RunScores`.
    """
    steps = [[i] for i, step in enumerate(run.student.plan_steps()) if step.head is not None]
    final = run.student.final_steps()
    students = steps if final in steps else [*steps, final]
    what = "comparing with the teacher" if unlabeled else "scoring the test set"
    scores = RunScores(run, unlabeled)
    size, models = len(scores.test), len(students) + (not unlabeled)
    teacher, found = None, {}
    with progress(what, models * size, "sentences") as bar:
        if not unlabeled:
            teacher = scores.of_teacher(bar.update)
            bar.update(size - bar.n)  # whose scores an earlier run has found
        for numbers in students:
            start = bar.n
            found[tuple(numbers)] = scores.of_steps(numbers, bar.update)
            bar.update(start + size - bar.n)
    of_steps = {number: found[number,] for (number,) in steps}
    return ScoredModels(scores.test, teacher, found[tuple(final)], of_steps)


@dataclass(frozen=True)
class _Model:
    """A model to score.

    Attributes:
        language: the one that it reads; None for all.
        part: what it was made by.
        load: loads it.
    """

    language: str | None
    part: Part
    load: Callable[[], Forward]


class RunScores:
    """Scores the models of a run.

    Attributes:
        run: that they are of.
        agreement: whether the answers are compared with the teacher's on text without labels, and
            not with the labels of the test set.
        test: the texts, with the answers.
    """

    def __init__(self, run: Run, agreement: bool = False):
        """Reads the test set."""
        self.run, self.agreement = run, agreement
        if agreement:
            self.test = run.agreement.split(AGREEMENT)
        else:
            self.test = run.data.split("test", cut=False)
        cut = run.config.data.max_seq_length
        self.cut = cut if run.config.data.truncate_scoring else None

    def of_teacher(self, advance: Advance) -> Scored:
        """The teacher's scores, or those of one teacher per language, each made first; `advance` is
        told of the sentences."""
        run, limit = self.run, self.run.checkpoint.config.max_positions
        if not run.config.teacher.teacher_per_language:
            model = _Model(
                None, run.parts.teacher, lambda: forward_of(run.teacher.load(), "logits")
            )
            return self._score("teacher", [model], limit, advance)

        def forward(language: str) -> Forward:
            return forward_of(run.teacher.load_of(language), "logits")

        models = [
            _Model(name, run.teacher.make_of(name), functools.partial(forward, name))
            for name in run.teacher.languages()
        ]
        return self._score("teachers", models, limit, advance)

    def of_steps(self, numbers: list[int], advance: Advance) -> Scored:
        """The scores of the student after a step, or of one student per language; `advance` as in
        `of_teacher`."""
        student, rows = self.run.student, self.run.rows.read_served()
        steps, parts = student.plan_steps(), student.step_parts()

        def forward(number: int) -> Forward:
            return forward_of(student.load_step(number), steps[number].head, rows)

        models = [
            _Model(steps[n].language, parts[n], functools.partial(forward, n)) for n in numbers
        ]
        name = steps[numbers[0]].name if len(numbers) == 1 else "students"
        return self._score(name, models, None, advance, self.run.rows.added_parts())

    def _score(
        self,
        name: str,
        models: list[_Model],
        limit: int | None,
        advance: Advance,
        shared: Sequence[Part] = (),
    ) -> Scored:
        """Scores models, each on its language's sentences, or one on all; `shared` are parts that
        all of them are made by."""
        parts, made_by = self.run.parts, [*(model.part for model in models), *shared]
        if self.agreement:
            part = parts.scores(f"agreement-{name}", made_by, parts.agreement)
        else:
            part = parts.scores(name, made_by)
        part.check(overwrite=True)

        def compute() -> tuple[dict[str, Any], tuple[str, ...]]:
            rows = self.test
            prediction = self._predict(models, limit, advance)
            if len(models) == 1 and models[0].language is not None:
                rows = rows.take(self._of_language(models[0].language))
            languages = self.run.data.prepare_labeled()["languages"]
            scores, counts = score(prediction, rows, self.run.data.read_labels(), languages)
            content = safetensors.numpy.save({"counts": counts, "classes": prediction.classes})
            files.write_bytes(part.path(_PREDICTION), content)
            return scores, (_PREDICTION,)

        scores = part.ensure(compute)
        kept = safetensors.numpy.load(files.read_bytes(part.path(_PREDICTION)))
        return Scored(scores, kept["counts"], kept["classes"])

    def _of_language(self, language: str) -> np.ndarray:
        number = self.run.data.prepare_labeled()["languages"].index(language)
        return np.flatnonzero(self.test.sentences["language"] == number)

    def _predict(self, models: list[_Model], limit: int | None, advance: Advance) -> Prediction:
        """Loads one model after the other: 41 teachers (Table 5) would not fit in memory."""
        labels = self.run.data.read_labels()
        if len(models) == 1:
            language, forward = models[0].language, models[0].load()
            rows = self.test if language is None else self.test.take(self._of_language(language))
            return predict(forward, rows, labels, limit, self.cut, advance)
        per_piece = labels.task == "ner"
        size = int(self.test.offsets[-1]) if per_piece else len(self.test)
        classes, lost = np.zeros(size, np.int32), 0
        for model in models:
            chosen = self._of_language(model.language)
            rows = self.test.take(chosen)
            found = predict(model.load(), rows, labels, limit, self.cut, advance)
            classes[_pieces_of(self.test, chosen) if per_piece else chosen] = found.classes
            lost += found.words_cut_off
            gc.collect()  # a Keras model lies in a circle of references
        return Prediction(classes, lost)


def _pieces_of(rows: Ragged, chosen: np.ndarray) -> np.ndarray:
    """Places of the pieces of some sentences."""
    lengths = rows.lengths[chosen]
    starts = np.repeat(rows.offsets[chosen] - np.cumsum(lengths) + lengths, lengths)
    return starts + np.arange(lengths.sum())

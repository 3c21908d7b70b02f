"""Test scores of a run's models, each computed once and kept beside what it was computed from.

The test set is read here alone, after all training, over the saved weights of every step; nothing
is ever chosen by it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy

from xtremedistil.data.ragged import Ragged
from xtremedistil.experiments.run import Run
from xtremedistil.runtime import files
from xtremedistil.runtime.parts import Part
from xtremedistil.scoring.predictions import Forward, Prediction, forward_of, predict, score

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


class RunScores:
    """Scores the models of a run."""

    def __init__(self, run: Run):
        """Reads the test set."""
        self.run = run
        self.test = run.data.split("test", cut=False)
        cut = run.config.data.max_seq_length
        self.cut = cut if run.config.data.truncate_scoring else None

    def of_teacher(self) -> Scored:
        """The teacher's scores, or those of one teacher per language."""
        run, limit = self.run, self.run.checkpoint.config.max_positions
        if not run.config.teacher.teacher_per_language:
            return self._score(
                "teacher",
                [(None, run.layout.teacher, lambda: forward_of(run.teacher_model(), "logits"))],
                limit,
            )
        made = [(name, *run.language_teacher(name)) for name in run.data.summary["languages"]]
        models = [
            (name, part, lambda model=model: forward_of(model, "logits"))
            for name, part, model in made
        ]
        return self._score("teachers", models, limit)

    def of_steps(self, numbers: list[int]) -> Scored:
        """The scores of the student after a step, or of one student per language."""
        run = self.run

        def forward(number: int) -> Forward:
            return forward_of(run.step_model(number), run.steps[number].head, run.data.rows)

        models = [
            (run.steps[n].language, run.step_parts[n], lambda n=n: forward(n)) for n in numbers
        ]
        name = run.steps[numbers[0]].name if len(numbers) == 1 else "students"
        return self._score(name, models, None)

    def _score(
        self,
        name: str,
        models: list[tuple[str | None, Part, Callable[[], Forward]]],
        limit: int | None,
    ) -> Scored:
        """Scores models, each on its language's sentences, or one on all."""
        inputs = {
            "scored": [part.fingerprint for _, part, _ in models],
            "labeled data": self.run.layout.labeled.fingerprint,
            "cut": self.cut,
        }
        part = self.run.layout.part(f"scores/{name}", inputs)
        part.check(overwrite=True)

        def compute() -> tuple[dict[str, Any], tuple[str, ...]]:
            rows = self.test
            prediction = self._predict(models, limit)
            if len(models) == 1 and models[0][0] is not None:
                rows = rows.take(self._of_language(models[0][0]))
            languages = self.run.data.summary["languages"]
            scores, counts = score(prediction, rows, self.run.data.labels, languages)
            content = safetensors.numpy.save({"counts": counts, "classes": prediction.classes})
            files.write_bytes(part.path(_PREDICTION), content)
            return scores, (_PREDICTION,)

        scores = part.ensure(compute)
        kept = safetensors.numpy.load(files.read_bytes(part.path(_PREDICTION)))
        return Scored(scores, kept["counts"], kept["classes"])

    def _of_language(self, language: str) -> np.ndarray:
        number = self.run.data.summary["languages"].index(language)
        return np.flatnonzero(self.test.sentences["language"] == number)

    def _predict(
        self, models: list[tuple[str | None, Part, Callable[[], Forward]]], limit: int | None
    ) -> Prediction:
        labels = self.run.data.labels
        if len(models) == 1:
            language, _, forward = models[0]
            rows = self.test if language is None else self.test.take(self._of_language(language))
            return predict(forward(), rows, labels, limit, self.cut)
        per_piece = labels.task == "ner"
        size = int(self.test.offsets[-1]) if per_piece else len(self.test)
        classes, lost = np.zeros(size, np.int32), 0
        for language, _, forward in models:
            chosen = self._of_language(language)
            if not len(chosen):
                continue
            rows = self.test.take(chosen)
            found = predict(forward(), rows, labels, limit, self.cut)
            classes[_pieces_of(self.test, chosen) if per_piece else chosen] = found.classes
            lost += found.words_cut_off
        return Prediction(classes, lost)


def _pieces_of(rows: Ragged, chosen: np.ndarray) -> np.ndarray:
    """Places of the pieces of some sentences."""
    lengths = rows.lengths[chosen]
    starts = np.repeat(rows.offsets[chosen] - np.cumsum(lengths) + lengths, lengths)
    return starts + np.arange(lengths.sum())

"""Development scores of a run's students: what epochs and settings may be chosen by."""

from typing import Any

import keras

from xtremedistil.data.unlabeled import DEV
from xtremedistil.experiments.agreement import RunAgreement, undefined_f1
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.experiments.rows import RunRows
from xtremedistil.experiments.student import Metric, RunStudent
from xtremedistil.scoring.metrics import mean_and_std
from xtremedistil.scoring.predictions import Forward, forward_of, predict, score


class DevelopmentScores:
    """Scores students on the development set, whole sentences as in the test; without labels, on
    how far they agree with the teacher."""

    def __init__(
        self,
        run: Opened,
        data: RunData,
        rows: RunRows,
        student: RunStudent,
        agreement: RunAgreement,
    ):
        """Reads nothing yet."""
        self._run, self._data, self._rows, self._student = run, data, rows, student
        self._agreement = agreement

    def _score(self, forward: Forward, language: str | None) -> dict[str, Any]:
        """`mean`, `std` and `per_language` of F1 or accuracy."""
        if self._run.labeled:
            rows = self._data.split("dev", cut=False, language=language)
        else:
            rows = self._agreement.split(DEV)
        labels = self._data.read_labels()
        prediction = predict(forward, rows, labels)
        languages = self._data.prepare_labeled()["languages"]
        scores, _ = score(prediction, rows, labels, languages, details=False)
        return scores[self._run.metric_name]

    def of_training(self, model: keras.Model) -> Metric:
        """The score of a model as it is when it is asked for, for `--select_by`."""
        forwards: dict[str, Forward] = {}

        def metric(head: str, language: str | None) -> float:
            if head not in forwards:
                forwards[head] = forward_of(model, head, self._rows.read())
            mean = self._score(forwards[head], language)["mean"]
            if mean is None:
                raise undefined_f1(self._run.config.distillation.select_by, language)
            return mean

        return metric

    def of_final_students(self) -> dict[str, Any]:
        """The scores of the final students: by name of the metric, `mean`, `std`,
        `per_language`."""
        per_language = {}
        for number in self._student.final_steps():
            step = self._student.plan_steps()[number]
            model = self._student.load_step(number)
            forward = forward_of(model, step.head, self._rows.read_served())
            per_language |= self._score(forward, step.language)["per_language"]
        scores = {**mean_and_std(per_language.values()), "per_language": per_language}
        return {self._run.metric_name: scores}

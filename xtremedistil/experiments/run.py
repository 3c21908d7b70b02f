"""One whole run: data, teacher, targets, student.

All that can be wrong with flags, folders and data is found before the first long part starts. Every
part is recognised when it is done, and taken up where it stopped when it is not (`parts.Part`).
"""

from typing import Any

from xtremedistil.config import Config
from xtremedistil.experiments.agreement import RunAgreement
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.development import DevelopmentScores
from xtremedistil.experiments.opening import Opened
from xtremedistil.experiments.rows import RunRows
from xtremedistil.experiments.student import RunStudent
from xtremedistil.experiments.targets import RunTargets
from xtremedistil.experiments.teacher import RunTeacher
from xtremedistil.runtime.parts import Part
from xtremedistil.runtime.workers import ALONE, Workers


class Run(Opened):
    """The parts of one run, each made at most once.

    Attributes:
        data: what it reads.
        teacher: the model to distil from.
        rows: of the student's table, which each piece reads.
        targets: what the teacher says of the transfer set.
        student: the model to distil into.
        agreement: what the teacher says of held-out text, where there are no labels.
        development: its development scores.
    """

    def __init__(self, config: Config, workers: Workers = ALONE):
        """Checks what can be checked without long work (`Opened`)."""
        super().__init__(config, workers)
        self.data = RunData(self)
        self.teacher = RunTeacher(self, self.data)
        self.rows = RunRows(self, self.data, self.teacher)
        self.targets = RunTargets(self, self.data, self.teacher, self.rows)
        self.student = RunStudent(self, self.data, self.teacher, self.rows, self.targets)
        self.agreement = RunAgreement(self, self.data, self.teacher)
        self.development = DevelopmentScores(
            self, self.data, self.rows, self.student, self.agreement
        )

    def check_parts(self, last_stage: int) -> None:
        """Makes sure that no part up to a stage belongs to another configuration.

        Args:
            last_stage: -1 for the teacher, 0 for the targets, else the number of a stage.

        Raises:
            ArtifactError: one does, and --overwrite was not given.
            DataError: a language with a model of its own lacks sentences.
        """
        overwrite = self.config.run.overwrite
        self.parts.labeled.check(overwrite)  # first: which steps there are may depend on it
        for part in self._parts_up_to(last_stage):
            part.check(overwrite)

    def _parts_up_to(self, last_stage: int) -> list[Part]:
        parts = self.parts
        if self.config.teacher.teacher_per_language:
            return [parts.teacher_of(language) for language in self.teacher.languages()]
        if last_stage < 0:
            return [parts.teacher]
        steps = zip(self.student.step_parts(), self.student.plan_steps(), strict=True)
        wanted = [part for part, step in steps if step.stage <= last_stage]
        told = [parts.targets] if self.labeled else [parts.targets, parts.agreement]
        return [parts.teacher, parts.transfer, parts.vocabulary, *told, *wanted]

    def distil(self, last_stage: int) -> list[dict[str, Any]]:
        """Trains the steps up to a stage; returns what each recorded."""
        return self.student.distil(last_stage, self.development.of_training)

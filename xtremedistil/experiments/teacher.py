"""A run's teacher: fine-tuned once, or used as it is; and one for each language (Table 5)."""

import dataclasses
import os
from typing import Any

import keras

from xtremedistil.distil.finetune import finetune
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.runtime.once import once
from xtremedistil.runtime.parts import Part
from xtremedistil.teachers.teacher import load_teacher, save_teacher
from xtremedistil.training.loop import STATE_FILE
from xtremedistil.training.task import LoopOptions


class RunTeacher:
    """The teacher of a run."""

    def __init__(self, run: Opened, data: RunData):
        """Makes nothing yet."""
        self._run, self._data = run, data

    @once
    def make(self) -> dict[str, Any]:
        """Fine-tunes the teacher where that is not done.

        Returns:
            What fine-tuning recorded, with the number of `parameters`.
        """
        part = self._run.parts.teacher
        return part.ensure(lambda: self._make(part, None), (STATE_FILE,), together=True)

    def languages(self) -> list[str]:
        """The languages of `--teacher_per_language`.

        Raises:
            DataError: one of them lacks sentences.
        """
        return self._data.check_each_language("--teacher_per_language")

    def make_of(self, language: str) -> Part:
        """Fine-tunes a teacher of one language alone (Table 5's MBERT-single); returns its part."""
        part = self._run.parts.teacher_of(language)
        part.ensure(lambda: self._make(part, language), scratch=(STATE_FILE,))
        return part

    def _make(self, part: Part, language: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
        run, data = self._run, self._data
        keras.utils.set_random_seed(run.config.teacher.teacher_seed)
        with run.workers.scope():
            model = self.load_untuned()
        record = {"parameters": model.count_params(), "blocks": run.checkpoint.config.blocks}
        if run.ready_teacher:
            return record, ()
        rows = [data.training_rows(name, language) for name in ("train", "dev")]
        labels = data.read_labels()
        record |= finetune(model, labels, *rows, run.config.teacher, loop_options(run, part))
        if not run.workers.chief:
            return record, ()
        return record, save_teacher(part.folder, model, run.checkpoint, labels)

    def load_untuned(self) -> keras.Model:
        """The teacher as its checkpoint has it."""
        return load_teacher(self._run.checkpoint, self._data.read_labels())

    def load(self, layer: int | None = None) -> keras.Model:
        """The fine-tuned teacher, giving the states of a block too."""
        if self._run.ready_teacher:
            return load_teacher(self._run.checkpoint, self._data.read_labels(), layer)
        return self._load_tuned(self._run.parts.teacher, layer)

    def load_of(self, language: str) -> keras.Model:
        """The fine-tuned teacher of one language."""
        return self._load_tuned(self._run.parts.teacher_of(language), None)

    def _load_tuned(self, part: Part, layer: int | None) -> keras.Model:
        labels = self._data.read_labels()
        tuned = dataclasses.replace(self._run.checkpoint, folder=part.folder, labels=labels)
        return load_teacher(tuned, labels, layer)


def loop_options(run: Opened, part: Part) -> LoopOptions:
    """How training runs whose state is kept in a part's folder."""
    options = run.config.run
    log = os.path.join(options.output_dir, "logs", os.path.basename(part.folder))
    return LoopOptions(part.folder, log, options.jit_compile, options.save_every, run.workers)

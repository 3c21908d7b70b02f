"""A run's teacher: fine-tuned once, or used as it is; and one for each language (Table 5)."""

import dataclasses
import os
from typing import Any

import keras
import numpy as np

from xtremedistil.distil.finetune import decay_without_gradient, finetune
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.runtime.once import once
from xtremedistil.runtime.parts import Part
from xtremedistil.teachers.teacher import (
    Checkpoint,
    load_teacher,
    read_table,
    save_teacher,
    word_table,
)
from xtremedistil.teachers.used_pieces import UsedPieces
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
        run, labels = self._run, self._data.read_labels()
        config, checkpoint = run.config.teacher, run.checkpoint
        if run.ready_teacher:
            return self._record(self.load_untuned().count_params()), ()
        rows = [self._data.training_rows(name, language) for name in ("train", "dev")]
        pieces = checkpoint.config.vocabulary_size
        # one from scratch has no rows on disk that could wait there
        used = UsedPieces.of(*rows) if checkpoint.folder else UsedPieces(np.arange(pieces))
        rows = [used.renumber(one) for one in rows]
        keras.utils.set_random_seed(config.teacher_seed)
        with run.workers.scope():
            model = load_teacher(checkpoint, labels, pieces=used.pieces)
        table = word_table(model)
        waiting = (pieces - len(table)) * table.shape[1]
        record = self._record(model.count_params() + waiting)
        record |= finetune(model, labels, *rows, config, loop_options(run, part))
        if not run.workers.chief:
            return record, ()
        table = word_table(model)
        if waiting:
            kept = decay_without_gradient(rows[0], config, record["best_epoch"])
            table = used.whole_table(read_table(checkpoint), table, kept)
        return record, save_teacher(part.folder, model, checkpoint, labels, table)

    def _record(self, parameters: int) -> dict[str, Any]:
        return {"parameters": parameters, "blocks": self._run.checkpoint.config.blocks}

    def load_untuned(self) -> keras.Model:
        """The teacher as its checkpoint has it, or as one from scratch begins."""
        if self._run.checkpoint.folder is None:
            keras.utils.set_random_seed(self._run.config.teacher.teacher_seed)
        return load_teacher(self._run.checkpoint, self._data.read_labels())

    def load(self, layer: int | None = None) -> keras.Model:
        """The fine-tuned teacher, giving the states of a block too."""
        if self._run.ready_teacher:
            return load_teacher(self._run.checkpoint, self._data.read_labels(), layer)
        return self._load_tuned(self._run.parts.teacher, layer)

    def read_table(self, tuned: bool) -> np.ndarray:
        """`(V, D)` float32: the embedding of each piece, padding first. Where it lies in a file, no
        model is built for it: of a large teacher, TensorFlow would keep a gigabyte afterwards.

        Args:
            tuned: of the fine-tuned teacher, not of the checkpoint that it began as.
        """
        if tuned and not self._run.ready_teacher:
            return read_table(self._tuned(self._run.parts.teacher))
        if self._run.checkpoint.folder is None:
            return word_table(self.load_untuned())
        return read_table(self._run.checkpoint)

    def load_of(self, language: str) -> keras.Model:
        """The fine-tuned teacher of one language."""
        return self._load_tuned(self._run.parts.teacher_of(language), None)

    def _load_tuned(self, part: Part, layer: int | None) -> keras.Model:
        return load_teacher(self._tuned(part), self._data.read_labels(), layer)

    def _tuned(self, part: Part) -> Checkpoint:
        labels = self._data.read_labels()
        return dataclasses.replace(self._run.checkpoint, folder=part.folder, labels=labels)


def loop_options(run: Opened, part: Part) -> LoopOptions:
    """How training runs whose state is kept in a part's folder."""
    options = run.config.run
    log = os.path.join(options.output_dir, "logs", os.path.basename(part.folder))
    return LoopOptions(part.folder, log, options.jit_compile, options.save_every, run.workers)

"""A run's student, or its students, one per language (D0): how it starts, and its steps."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from xtremedistil.data.ragged import Ragged
from xtremedistil.distil.distiller import WEIGHTS, DistillationData, Distiller
from xtremedistil.distil.strategies import Step
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.experiments.rows import RunRows
from xtremedistil.experiments.targets import RunTargets
from xtremedistil.experiments.teacher import RunTeacher, loop_options
from xtremedistil.layers.weights import load_weights
from xtremedistil.runtime import files
from xtremedistil.runtime.once import once
from xtremedistil.runtime.parts import Part
from xtremedistil.students.bundle import BUNDLE, Bundle
from xtremedistil.students.embeddings import RANDOM, SVD_PRETRAINED, mapped_from, reduce_table
from xtremedistil.students.student import StudentShape, build_student, deployed
from xtremedistil.students.vectors import fill_missing
from xtremedistil.training.task import LoopOptions

# The development score of a head, on a language's sentences or on all.
Metric = Callable[[str, str | None], float]


class RunStudent:
    """The student of a run, step by step."""

    def __init__(
        self,
        run: Opened,
        data: RunData,
        teacher: RunTeacher,
        rows: RunRows,
        targets: RunTargets,
    ):
        """Makes nothing yet."""
        self._run, self._data, self._teacher = run, data, teacher
        self._rows, self._targets = rows, targets

    @once
    def plan_steps(self) -> list[Step]:
        """The steps of the strategy; with one student per language, this reads the data.

        Raises:
            DataError: a language with a student of its own lacks sentences.
        """
        alone = self._run.strategy.per_language
        languages = self._data.check_each_language("--strategy=D0") if alone else ()
        return self._run.steps(languages)

    @once
    def step_parts(self) -> list[Part]:
        """The folder of each step."""
        return self._run.parts.steps(self.plan_steps())

    def languages(self) -> list[str]:
        """The language of each student; "" of one for all."""
        return list(dict.fromkeys(step.language or "" for step in self.plan_steps()))

    def final_steps(self) -> list[int]:
        """Numbers of the last step of each student: one, or one per language."""
        ends = {step.language: number for number, step in enumerate(self.plan_steps())}
        return list(ends.values())

    @once
    def find_shape(self) -> StudentShape:
        """The sizes of the student in training; the number of its pieces comes from the transfer
        set."""
        config, student = self._run.config, self._run.config.student
        return StudentShape(
            vocabulary_size=len(self._data.read_pieces()),
            embedding_dim=student.embedding_dim,
            hidden_size=student.hidden_size,
            teacher_width=self._run.checkpoint.config.width,
            classes=len(self._data.read_labels()),
            task=config.data.task,
            heads_on=student.heads_on,
            projection=student.projection,
            encoder=student.student,
            depth=student.depth,
        )

    @once
    def find_served_shape(self) -> StudentShape:
        """The sizes of the student that is scored and served, which may have more rows."""
        shape = self.find_shape()
        rows = shape.vocabulary_size + self._rows.added()
        return dataclasses.replace(shape, vocabulary_size=rows)

    def _model(
        self, shape: StudentShape, dropout: float, known: np.ndarray | None = None
    ) -> keras.Model:
        run = self._run.config.run
        # the fused GPU operation has no XLA kernel, and all of a run computes with the same one
        fused = False if run.jit_compile else "auto"
        return build_student(shape, dropout, run.seed, fused, known)

    def build(self) -> keras.Model:
        """The student as it starts."""
        student, shape = self._run.config.student, self.find_shape()
        known = None
        if (vectors := self._data.read_vectors()) is not None:
            start = fill_missing(vectors, np.random.default_rng(self._run.config.run.seed))
        elif student.embeddings == RANDOM:
            return self._model(shape, student.dropout)
        else:
            table = self._teacher.read_table(tuned=student.embeddings != SVD_PRETRAINED)
            reduced = reduce_table(student.embeddings, table, shape.embedding_dim)
            pieces = self._data.read_pieces()
            start = reduced[pieces]
            if student.embedding_map:
                known = mapped_from(table[pieces], student.embedding_map)
        model = self._model(shape, student.dropout, known)
        model.get_layer("embeddings").embeddings.assign(start)
        return model

    def distil(
        self, last_stage: int, metric_of: Callable[[keras.Model], Metric]
    ) -> list[dict[str, Any]]:
        """Trains the steps up to a stage.

        Args:
            last_stage: its number.
            metric_of: from the model in training to its development score.

        Returns:
            What each step recorded.
        """
        with self._run.workers.scope():
            model = self.build()
        data = DistillationData(
            labeled=lambda language: self._labeled("train", language),
            dev=lambda language: self._labeled("dev", language),
            transfer=self._targets.to_learn,
            classification=self._run.config.data.task == "classification",
        )
        config, seed = self._run.config.distillation, self._run.config.run.seed

        def options(part: Part) -> LoopOptions:
            return loop_options(self._run, part)

        distiller = Distiller(model, data, config, seed, options, metric_of(model))
        return distiller.run(self.plan_steps(), self.step_parts(), last_stage)

    def _labeled(self, name: str, language: str | None) -> Ragged:
        """A labeled split, its pieces as rows of the student's table."""
        rows = self._data.training_rows(name, language)
        ids = self._rows.read()[rows.pieces["ids"]]
        return Ragged(rows.offsets, {**rows.pieces, "ids": ids}, rows.sentences)

    def load_step(self, number: int) -> keras.Model:
        """The student after a step, as it is scored and served."""
        trained = self._model(self.find_shape(), dropout=0.0)
        load_weights(self.step_parts()[number].path(WEIGHTS), trained)
        if not self._rows.added():
            return trained
        served = self._model(self.find_served_shape(), dropout=0.0)
        for layer in trained.layers:
            weights = layer.get_weights()
            if layer.name == "embeddings":
                weights = [self._rows.grown(*weights)]
            served.get_layer(layer.name).set_weights(weights)
        return served

    def save(self) -> str:
        """Writes each final student as a bundle, and returns their folder. Those of another
        strategy, which lie elsewhere in it, are removed."""
        folder = os.path.join(self._run.config.run.output_dir, "student")
        found = {
            name
            for name in ("", *files.list_folder(folder))
            if files.exists(os.path.join(folder, name, BUNDLE))
        }
        if not found <= set(self.languages()):
            files.remove(folder)
        for number in self.final_steps():
            step = self.plan_steps()[number]
            bundle = Bundle(
                deployed(self.load_step(number), step.head),
                self.find_served_shape(),
                step.head,
                self._run.checkpoint.tokenizer,
                self._rows.read_served(),
                self._data.read_labels(),
            )
            bundle.save(os.path.join(folder, step.language) if step.language else folder)
        return folder

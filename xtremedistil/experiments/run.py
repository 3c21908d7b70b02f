"""One whole run: data, teacher, targets, steps.

All that can be wrong with flags, folders and data is found before the first long part starts. Every
part is recognised when it is done, and taken up where it stopped when it is not
(`parts.Part`).
"""

import dataclasses
import os
from functools import cached_property
from typing import Any

import keras
import numpy as np

from xtremedistil.config import Config
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sample import corpus_dir, vocabulary_dir
from xtremedistil.data.sources import find_sources
from xtremedistil.distil.distiller import WEIGHTS, DistillationData, Distiller
from xtremedistil.distil.finetune import finetune
from xtremedistil.distil.losses import REPRESENTATION, loss_named
from xtremedistil.distil.strategies import STRATEGIES, Step, plan
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.run_parts import Layout
from xtremedistil.experiments.targets import RunTargets
from xtremedistil.layers.weights import load_weights
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError, ConfigError, DataError
from xtremedistil.runtime.parts import Part
from xtremedistil.runtime.workers import ALONE, Workers
from xtremedistil.scoring.predictions import forward_of, predict, score
from xtremedistil.students.bundle import Bundle
from xtremedistil.students.embeddings import (
    RANDOM,
    SVD_PRETRAINED,
    check_dimension,
    reduce_table,
)
from xtremedistil.students.student import StudentShape, build_student, deployed
from xtremedistil.students.vectors import fill_missing
from xtremedistil.teachers.teacher import check_layer, load_teacher, open_checkpoint, save_teacher
from xtremedistil.training.loop import STATE_FILE
from xtremedistil.training.task import LoopOptions


class Run:
    """The parts of one run, each made at most once."""

    def __init__(self, config: Config, workers: Workers = ALONE):
        """Checks what can be checked without long work.

        Args:
            config: what to run.
            workers: who runs it.

        Raises:
            XtremeDistilError: of the kind that fits what is wrong.
        """
        self.config, self.workers = config, workers
        folder = config.data.data_dir or corpus_dir()
        data = dataclasses.replace(config.data, data_dir=folder)
        self.strategy = STRATEGIES[config.distillation.strategy]
        plan(config.distillation, config.student.heads_on, ("",))  # raises if it cannot be made
        self.checkpoint = open_checkpoint(config.teacher, config.data.task, vocabulary_dir())
        self.ready_teacher = (
            config.teacher.finetune != "always" and self.checkpoint.labels is not None
        )
        self._check_fit()
        self.sources = find_sources(data)
        self.layout = Layout(
            config, data, self.checkpoint, self.sources, self.ready_teacher, workers
        )
        self.data = RunData(config, data, self.sources, self.checkpoint.tokenizer, self.layout)

    def _check_fit(self) -> None:
        config, shape = self.config, self.checkpoint.config
        if config.data.max_seq_length > shape.max_positions:
            raise ConfigError(
                f"--max_seq_length must not be above the teacher's {shape.max_positions} "
                f"positions. Received: max_seq_length={config.data.max_seq_length}"
            )
        if config.teacher.finetune == "never" and self.checkpoint.labels is None:
            raise CheckpointError(
                f"--finetune=never needs a teacher with a head for --task={config.data.task}. "
                f"Received: teacher={config.teacher.teacher!r}"
            )
        if config.run.stage == "teacher":  # which needs no student
            return
        if any(REPRESENTATION in stage.losses for stage in self.strategy.stages):
            check_layer(config.distillation.teacher_layer, shape.blocks)
        check_dimension(config.student.embeddings, config.student.embedding_dim, shape.width)
        if config.student.vector_file and not files.exists(config.student.vector_file):
            raise DataError(f"{config.student.vector_file}: no such file (--vector_file).")

    def check_parts(self, last_stage: int) -> None:
        """Makes sure that no part up to a stage belongs to another configuration.

        Args:
            last_stage: -1 for the teacher, 0 for the targets, else the number of a stage.

        Raises:
            ArtifactError: one does, and --overwrite was not given.
        """
        layout = self.layout
        layout.labeled.check(self.config.run.overwrite)
        parts = [layout.teacher]
        if last_stage >= 0:
            parts += [layout.transfer, layout.vocabulary, layout.targets]
            parts += [
                part
                for part, step in zip(self.step_parts, self.steps, strict=True)
                if step.stage <= last_stage
            ]
        for part in parts:
            part.check(self.config.run.overwrite)

    @cached_property
    def steps(self) -> list[Step]:
        """The steps of the strategy; with one student per language, this reads the data."""
        languages = self.data.summary["languages"] if self.strategy.per_language else ()
        return plan(self.config.distillation, self.config.student.heads_on, languages)

    @cached_property
    def step_parts(self) -> list[Part]:
        """The folder of each step."""
        return self.layout.steps(self.steps)

    @cached_property
    def teacher_record(self) -> dict[str, Any]:
        """What fine-tuning recorded, with the number of `parameters`."""
        part = self.layout.teacher
        return part.ensure(lambda: self._make_teacher(part, None), (STATE_FILE,), together=True)

    def language_teacher(self, language: str) -> tuple[Part, keras.Model]:
        """A teacher of one language alone (Table 5's MBERT-single), and its part."""
        whole = self.layout.teacher
        inputs = whole.inputs | {"language": language}
        part = Part(f"{whole.folder}-{language}", inputs, shared=whole.shared)
        part.check(self.config.run.overwrite)
        part.ensure(lambda: self._make_teacher(part, language), scratch=(STATE_FILE,))
        return part, self._tuned(part, None)

    def _make_teacher(
        self, part: Part, language: str | None
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        keras.utils.set_random_seed(self.config.teacher.teacher_seed)
        with self.workers.scope():
            model = self.untuned_teacher()
        record = {"parameters": model.count_params(), "blocks": self.checkpoint.config.blocks}
        if self.ready_teacher:
            return record, ()
        rows = [self.data.training_rows(name, language) for name in ("train", "dev")]
        options = self._options(part)
        record |= finetune(model, self.data.labels, *rows, self.config.teacher, options)
        if not self.workers.chief:
            return record, ()
        return record, save_teacher(part.folder, model, self.checkpoint, self.data.labels)

    def untuned_teacher(self) -> keras.Model:
        """The teacher as its checkpoint has it."""
        return load_teacher(self.checkpoint, self.data.labels)

    def teacher_model(self, layer: int | None = None) -> keras.Model:
        """The fine-tuned teacher, giving the states of a block too."""
        if self.ready_teacher:
            return load_teacher(self.checkpoint, self.data.labels, layer)
        return self._tuned(self.layout.teacher, layer)

    def _tuned(self, part: Part, layer: int | None) -> keras.Model:
        tuned = dataclasses.replace(self.checkpoint, folder=part.folder, labels=self.data.labels)
        return load_teacher(tuned, self.data.labels, layer)

    def _options(self, part: Part) -> LoopOptions:
        run = self.config.run
        log = os.path.join(run.output_dir, "logs", os.path.basename(part.folder))
        return LoopOptions(part.folder, log, run.jit_compile, run.save_every, self.workers)

    @cached_property
    def targets(self) -> RunTargets:
        """What the teacher says of the transfer set."""
        return RunTargets(self)

    @cached_property
    def student_shape(self) -> StudentShape:
        """The student's sizes."""
        student = self.config.student
        return StudentShape(
            vocabulary_size=len(self.data.pieces),
            embedding_dim=student.embedding_dim,
            hidden_size=student.hidden_size,
            teacher_width=self.checkpoint.config.width,
            classes=len(self.data.labels),
            task=self.config.data.task,
            heads_on=student.heads_on,
            projection=loss_named(REPRESENTATION, self.config.distillation).projection,
            encoder=student.student,
            depth=student.depth,
        )

    def build_student(self) -> keras.Model:
        """The student as it starts."""
        student, shape, seed = self.config.student, self.student_shape, self.config.run.seed
        model = build_student(shape, student.dropout, seed)
        if self.data.vectors is not None:
            start = fill_missing(self.data.vectors, np.random.default_rng(seed))
        elif student.embeddings == RANDOM:
            return model
        else:
            pretrained = student.embeddings == SVD_PRETRAINED
            teacher = self.untuned_teacher() if pretrained else self.teacher_model()
            table = teacher.get_layer("word_embeddings").embeddings.numpy()
            start = reduce_table(student.embeddings, table, shape.embedding_dim)[self.data.pieces]
        model.get_layer("embeddings").set_weights([start])
        return model

    def distil(self, last_stage: int) -> list[dict[str, Any]]:
        """Trains the steps up to a stage; returns what each recorded."""
        with self.workers.scope():
            model = self.build_student()

        def rows_of(name: str, language: str | None) -> Ragged:
            rows = self.data.training_rows(name, language)
            ids = self.data.rows[rows.pieces["ids"]]
            return Ragged(rows.offsets, {**rows.pieces, "ids": ids}, rows.sentences)

        forwards: dict[str, Any] = {}

        def metric(head: str, language: str | None) -> float:
            forward = forwards.setdefault(head, forward_of(model, head, self.data.rows))
            dev = self.data.split("dev", cut=False, language=language)
            prediction = predict(forward, dev, self.data.labels)
            languages = self.data.summary["languages"]
            scores, _ = score(prediction, dev, self.data.labels, languages, details=False)
            return scores[self.metric_name]["mean"]

        data = DistillationData(
            labeled=lambda language: rows_of("train", language),
            dev=lambda language: rows_of("dev", language),
            transfer=self.targets.to_learn,
            classification=self.config.data.task == "classification",
        )
        config, seed = self.config.distillation, self.config.run.seed
        distiller = Distiller(model, data, config, seed, self._options, metric)
        return distiller.run(self.steps, self.step_parts, last_stage)

    @property
    def metric_name(self) -> str:
        """`f1` or `accuracy`."""
        return "f1" if self.config.data.task == "ner" else "accuracy"

    def step_model(self, number: int) -> keras.Model:
        """The student after a step."""
        model = build_student(self.student_shape, 0.0)
        load_weights(self.step_parts[number].path(WEIGHTS), model)
        return model

    def development_scores(self) -> dict[str, Any]:
        """Development scores of the final students: what settings may be chosen by."""
        per_language = {}
        for number in self.final_steps():
            step = self.steps[number]
            rows = self.data.split("dev", cut=False, language=step.language)
            forward = forward_of(self.step_model(number), step.head, self.data.rows)
            prediction = predict(forward, rows, self.data.labels)
            languages = self.data.summary["languages"]
            scores, _ = score(prediction, rows, self.data.labels, languages, details=False)
            per_language |= scores[self.metric_name]["per_language"]
        listed = list(per_language.values())
        mean, std = float(np.mean(listed)), float(np.std(listed))
        return {self.metric_name: {"mean": mean, "std": std, "per_language": per_language}}

    def final_steps(self) -> list[int]:
        """Numbers of the last step of each student: one, or one per language."""
        ends = {step.language: number for number, step in enumerate(self.steps)}
        return list(ends.values())

    def save_students(self) -> str:
        """Writes each final student as a bundle, and returns their folder."""
        folder = os.path.join(self.config.run.output_dir, "student")
        for number in self.final_steps():
            step = self.steps[number]
            model = deployed(self.step_model(number), step.head)
            bundle = Bundle(
                model,
                self.student_shape,
                step.head,
                self.checkpoint.tokenizer,
                self.data.rows,
                self.data.labels,
            )
            bundle.save(os.path.join(folder, step.language) if step.language else folder)
        return folder

"""One whole run, start to end: data, teacher, targets, steps, scores, export.

All that can be wrong with flags, folders and data is found before the first long part starts. Every
part is recognised when it is done, and taken up where it stopped when it is not (`artifacts.Part`).
"""

import dataclasses
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np
import safetensors.numpy

from xtremedistil import artifacts
from xtremedistil.artifacts import Part
from xtremedistil.config import Config
from xtremedistil.data.labeled import labeled_inputs, prepare_labeled
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sample import corpus_dir, vocabulary_dir
from xtremedistil.data.sources import find_sources
from xtremedistil.data.transfer import USAGE, VALIDATION, prepare_transfer, transfer_inputs
from xtremedistil.distil.distiller import WEIGHTS, DistillationData, distil_steps
from xtremedistil.distil.finetune import finetune
from xtremedistil.distil.strategies import REPRESENTATION, Step, plan, transfer_targets
from xtremedistil.distil.targets import StoredTargets, make_targets, missing_targets
from xtremedistil.errors import CheckpointError, ConfigError
from xtremedistil.models.bundle import Bundle
from xtremedistil.models.embeddings import check_dimension, row_of_piece, student_pieces, svd
from xtremedistil.models.student import StudentShape, build_student, deployed
from xtremedistil.models.teacher import check_layer, load_teacher, open_checkpoint, save_teacher
from xtremedistil.models.weights import load_weights
from xtremedistil.scoring.evaluate import evaluate, forward_of
from xtremedistil.training.loop import STATE_FILE, LoopOptions


class Run:
    """The parts of one run's directory, each made at most once."""

    def __init__(self, config: Config):
        """Checks what can be checked without long work.

        Raises:
            XtremeDistilError: of the kind that fits what is wrong.
        """
        self.config = config
        self.data_config = dataclasses.replace(
            config.data, data_dir=config.data.data_dir or corpus_dir()
        )
        self.steps = plan(config.distillation, config.student.heads_on)
        self.checkpoint = open_checkpoint(config.teacher, config.data.task, vocabulary_dir())
        self._check_fit()
        self.sources = find_sources(self.data_config)
        self._lay_out()

    @property
    def ready_teacher(self) -> bool:
        """Whether the teacher is used as it is."""
        return self.config.teacher.finetune != "always" and self.checkpoint.labels is not None

    @property
    def needs_states(self) -> bool:
        """Whether any step imitates the teacher's states."""
        return any(REPRESENTATION in step.losses for step in self.steps)

    def _check_fit(self) -> None:
        config, shape = self.config, self.checkpoint.config
        if config.data.max_seq_length > shape.max_positions:
            raise ConfigError(
                f"--max_seq_length must not be above the teacher's {shape.max_positions} "
                f"positions. "
                f"Received: max_seq_length={config.data.max_seq_length}"
            )
        if config.teacher.finetune == "never" and self.checkpoint.labels is None:
            raise CheckpointError(
                f"--finetune=never needs a teacher with a head for --task={config.data.task}. "
                f"Received: teacher={config.teacher.teacher!r}"
            )
        if config.run.stage != "teacher":  # which needs no student
            if self.needs_states:
                check_layer(config.distillation.teacher_layer, shape.blocks)
            check_dimension(config.student.embeddings, config.student.embedding_dim, shape.width)

    def _lay_out(self) -> None:
        """Names every part, with what it is made from."""
        config, out = self.config, self.config.run.output_dir
        arithmetic = {
            "jit_compile": config.run.jit_compile,
            "mixed_precision": config.run.mixed_precision,
        }
        labels = self.checkpoint.labels if self.ready_teacher else None
        inputs = labeled_inputs(self.data_config, self.sources, self.checkpoint.rules, labels)
        self.labeled = Part(os.path.join(out, "data", "labeled"), inputs)
        held_out = config.distillation.transfer_validation
        inputs = transfer_inputs(self.data_config, self.sources, self.labeled.fingerprint, held_out)
        self.transfer = Part(os.path.join(out, "data", "transfer"), inputs)
        teacher: dict[str, Any] = {
            **self.checkpoint.identity,
            "labeled data": self.labeled.fingerprint,
        }
        if not self.ready_teacher:
            tuned = ("epochs", "batch_size", "learning_rate", "warmup", "weight_decay", "seed")
            teacher |= {
                f"teacher_{name}": getattr(config.teacher, f"teacher_{name}") for name in tuned
            }
            teacher |= {"max_seq_length": config.data.max_seq_length, **arithmetic}
        self.teacher = Part(os.path.join(out, "teacher"), teacher)
        seen = {"teacher": self.teacher.fingerprint, "transfer set": self.transfer.fingerprint}
        seen["max_seq_length"] = config.data.max_seq_length
        self.targets = Part(os.path.join(out, "targets"), seen)
        start = {
            **seen,
            **dataclasses.asdict(config.student),
            **arithmetic,
            "seed": config.run.seed,
        }
        start["representation_loss"] = (
            config.distillation.representation_loss
        )  # decides the projection's form
        self.step_parts, previous = [], ""
        for step in self.steps:
            inputs = start | _step_inputs(step, config) | {"previous step": previous}
            self.step_parts.append(Part(os.path.join(out, "steps", step.name), inputs))
            previous = self.step_parts[-1].fingerprint

    def check_parts(self, last_stage: int) -> None:
        """Makes sure that no part up to a stage (-1: the teacher, 0: the targets) belongs to
        another configuration.

        Raises:
            ArtifactError: one does, and --overwrite was not given.
        """
        steps = [
            part
            for part, step in zip(self.step_parts, self.steps, strict=True)
            if step.stage <= last_stage
        ]
        parts = [self.labeled, self.teacher] + (
            [self.transfer, self.targets, *steps] if last_stage >= 0 else []
        )
        for part in parts:
            part.check(self.config.run.overwrite)

    @cached_property
    def data(self) -> dict[str, Any]:
        """What is known of the labeled data."""
        labels = self.checkpoint.labels if self.ready_teacher else None
        rules, folder = self.checkpoint.rules, self.labeled.folder
        return self.labeled.ensure(
            lambda: prepare_labeled(self.data_config, self.sources, rules, labels, folder)
        )

    @cached_property
    def transfer_data(self) -> dict[str, Any]:
        """What is known of the transfer set."""
        rules, held_out = self.checkpoint.rules, self.config.distillation.transfer_validation
        folders = (self.labeled.folder, held_out, self.transfer.folder)
        return self.transfer.ensure(
            lambda: prepare_transfer(self.data_config, self.sources, rules, *folders)
        )

    @cached_property
    def labels(self) -> LabelSet:
        """The classes of teacher and student."""
        return LabelSet(tuple(self.data["labels"]), self.config.data.task)

    def split(self, name: str, cut: bool) -> Ragged:
        """The encoded sentences of a labeled split, cut to the training length or whole."""
        rows = Ragged.load(self.labeled.path(f"{name}.safetensors"))
        return rows.truncate(self.config.data.max_seq_length) if cut else rows

    @cached_property
    def teacher_record(self) -> dict[str, Any]:
        """What fine-tuning recorded, with the number of `parameters`."""
        return self.teacher.ensure(self._make_teacher, scratch=(STATE_FILE,))

    def _make_teacher(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        keras.utils.set_random_seed(self.config.teacher.teacher_seed)
        model = load_teacher(self.checkpoint, self.labels)
        record = {"parameters": model.count_params(), "blocks": self.checkpoint.config.blocks}
        if self.ready_teacher:
            return record, ()
        rows = [_only(self.split(name, cut=True), ("ids", "labels")) for name in ("train", "dev")]
        record |= finetune(
            model, self.labels, *rows, self.config.teacher, self._options(self.teacher)
        )
        return record, save_teacher(self.teacher.folder, model, self.checkpoint, self.labels)

    def teacher_model(self, layer: int | None = None) -> keras.Model:
        """The fine-tuned teacher, giving the states of a block too."""
        if not self.ready_teacher:
            tuned = dataclasses.replace(
                self.checkpoint, folder=self.teacher.folder, labels=self.labels
            )
            return load_teacher(tuned, self.labels, layer)
        return load_teacher(self.checkpoint, self.labels, layer)

    def _options(self, part: Part) -> LoopOptions:
        run = self.config.run
        log = os.path.join(run.output_dir, "logs", os.path.basename(part.folder))
        return LoopOptions(part.folder, log, run.jit_compile, run.save_every)

    def target_folders(self) -> dict[str, str]:
        """By kind of target that the strategy needs, its folder in the targets' part."""
        layer = self.config.distillation.teacher_layer
        folders = {"logits": "logits", REPRESENTATION: f"states-{layer:02d}"}
        return {
            "states" if k == REPRESENTATION else k: folders[k] for k in transfer_targets(self.steps)
        }

    def make_targets(self) -> dict[str, float]:
        """Runs the teacher over the transfer set where that was not done yet; returns what the
        last time cost."""
        folders = self.target_folders()
        names = [VALIDATION, *(shard["name"] for shard in self.transfer_data["shards"])]
        missing = missing_targets(list(folders.values()), names, self.targets)

        def run_teacher() -> tuple[dict[str, Any], tuple[str, ...]]:
            model = self.teacher_model(
                self.config.distillation.teacher_layer if "states" in folders else None
            )
            run = forward_of(model, tuple(folders))

            def forward(ids: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
                return {folders[kind]: values for kind, values in run(ids, mask).items()}

            make_targets(
                forward,
                missing,
                self.transfer.folder,
                self.config.data.max_seq_length,
                self.targets,
            )
            return {"shards": len(names)}, ()

        # Shards may be missing though the part was done once: for another layer, or a damaged one.
        if missing:
            return self.targets.make(run_teacher)
        return self.targets.results() or {}

    @cached_property
    def pieces(self) -> np.ndarray:
        """The pieces of the student's vocabulary."""
        _ = self.transfer_data  # makes the file
        usage = safetensors.numpy.load(artifacts.read_bytes(self.transfer.path(USAGE)))
        return student_pieces(self.checkpoint.rules, usage["counts"])

    @cached_property
    def rows(self) -> np.ndarray:
        """Each piece's row in the student's table."""
        return row_of_piece(self.checkpoint.rules, self.pieces)

    @cached_property
    def student_shape(self) -> StudentShape:
        """The student's sizes."""
        student = self.config.student
        return StudentShape(
            vocabulary_size=len(self.pieces),
            embedding_dim=student.embedding_dim,
            hidden_size=student.hidden_size,
            teacher_width=self.checkpoint.config.width,
            classes=len(self.labels),
            task=self.config.data.task,
            heads_on=student.heads_on,
            projection="linear"
            if self.config.distillation.representation_loss == "mse"
            else "gelu",
        )

    def build_student(self) -> keras.Model:
        """The student as it starts."""
        model = build_student(self.student_shape, self.config.student.dropout, self.config.run.seed)
        if self.config.student.embeddings == "svd":
            table = self.teacher_model().get_layer("word_embeddings").embeddings.numpy()
            model.get_layer("embeddings").set_weights(
                [svd(table, self.student_shape.embedding_dim)[self.pieces]]
            )
        return model

    def distil(self, last_stage: int) -> list[dict[str, Any]]:
        """Trains the steps up to a stage; returns what each recorded."""
        model = self.build_student()
        length = self.config.data.max_seq_length

        def rows_of(name: str) -> Ragged:
            rows = _only(self.split(name, cut=True), ("ids", "labels"))
            return Ragged(
                rows.offsets, rows.pieces | {"ids": self.rows[rows.pieces["ids"]]}, rows.sentences
            )

        def transfer(kinds: tuple[str, ...]) -> tuple:
            folders = {kind: self.target_folders()[kind] for kind in kinds}
            shards = self.transfer_data["shards"]
            stored = StoredTargets(
                self.transfer.folder, shards, self.targets, folders, length, self.rows
            )
            return stored.source(), stored.validation()

        classification = self.config.data.task == "classification"
        return distil_steps(
            model,
            self.steps,
            self.step_parts,
            DistillationData(rows_of("train"), rows_of("dev"), transfer, classification),
            self.config.distillation,
            self.config.run.seed,
            self._options,
            self._dev_metric(model),
            last_stage,
        )

    def _dev_metric(self, model: keras.Model) -> Callable[[str], float]:
        dev, name = self.split("dev", cut=False), self.metric_name
        forwards: dict[str, Any] = {}

        def metric(head: str) -> float:
            forward = forwards.setdefault(head, forward_of(model, head, self.rows))
            return evaluate(forward, dev, self.labels, self.data["languages"])[0][name]["mean"]

        return metric

    @property
    def metric_name(self) -> str:
        """`f1` or `accuracy`."""
        return "f1" if self.config.data.task == "ner" else "accuracy"

    def step_model(self, number: int) -> keras.Model:
        """The student after a step."""
        model = build_student(self.student_shape, 0.0)
        load_weights(self.step_parts[number].path(WEIGHTS), model)
        return model

    def save_student(self) -> str:
        """Writes the last step's student as a bundle, and returns its folder."""
        folder = os.path.join(self.config.run.output_dir, "student")
        head = self.steps[-1].head
        model = deployed(self.step_model(-1), head)
        Bundle(model, self.student_shape, head, self.checkpoint.rules, self.rows, self.labels).save(
            folder
        )
        return folder


def _only(rows: Ragged, names: tuple[str, ...]) -> Ragged:
    """The same sentences with these arrays alone."""
    pieces = {k: v for k, v in rows.pieces.items() if k in names}
    return Ragged(rows.offsets, pieces, {k: v for k, v in rows.sentences.items() if k in names})


def _step_inputs(step: Step, config: Config) -> dict[str, Any]:
    distillation = config.distillation
    inputs = {
        "losses": list(step.losses),
        "trained": list(step.trained),
        "epochs": step.epochs,
        "batch_size": distillation.batch_size,
        "learning_rate": distillation.learning_rate,
        "final_learning_rate": distillation.final_learning_rate,
        "select_by": distillation.select_by,
    }
    if REPRESENTATION in step.losses:
        inputs["teacher_layer"] = distillation.teacher_layer
    if len(step.losses) > 1:
        inputs |= {name: getattr(distillation, name) for name in ("alpha", "beta", "gamma")}
    return inputs

"""A run as it is opened: what is known, and what can be wrong, before any long work."""

import dataclasses
from collections.abc import Sequence

from xtremedistil.config import TASKS, Config
from xtremedistil.data.sample import corpus_dir, vocabulary_dir
from xtremedistil.data.sources import find_sources
from xtremedistil.distil.losses import REPRESENTATION
from xtremedistil.distil.strategies import Step, find_strategy, steps_of, transfer_targets
from xtremedistil.experiments.run_parts import RunParts
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError, ConfigError, DataError
from xtremedistil.runtime.workers import ALONE, Workers
from xtremedistil.students.embeddings import check_dimension
from xtremedistil.teachers.teacher import check_layer, open_checkpoint


class Opened:
    """A run whose flags, folders and checkpoint fit together.

    Attributes:
        config: what was asked.
        workers: who runs it.
        labeled: whether there are training labels; without them the teacher's answers are all that
            the student learns from, and what it is compared with.
        strategy: how the student learns.
        wanted_targets: the kinds of teacher targets that the strategy learns from.
        read_data: the data config, with the folder that is really read.
        sources: the files by split.
        checkpoint: the teacher's.
        ready_teacher: whether the teacher is used as it is.
        parts: where everything lives that the run makes.
    """

    def __init__(self, config: Config, workers: Workers = ALONE):
        """Checks what can be checked without long work.

        Args:
            config: what to run.
            workers: who runs it.

        Raises:
            XtremeDistilError: of the kind that fits what is wrong.
        """
        self.config, self.workers = config, workers
        self.read_data = config.data
        if not config.data.data_dir and not any(config.data.transfer_file):
            self.read_data = dataclasses.replace(config.data, data_dir=corpus_dir())
        self.sources = find_sources(self.read_data)
        self.labeled = bool(self.sources["train"])
        self.strategy = find_strategy(config.distillation.strategy, self.labeled)
        # raises if it cannot be made; which languages there are plays no part yet
        self.wanted_targets = transfer_targets(self.steps(("",)))
        self.checkpoint = open_checkpoint(config.teacher, config.data.task, vocabulary_dir())
        self.ready_teacher = (
            config.teacher.finetune != "always" and self.checkpoint.labels is not None
        )
        if not self.labeled:
            self._check_unlabeled()
        self._check_teacher()
        if config.run.stage != "teacher":  # which needs no student
            self._check_student()
        ready_labels = self.checkpoint.labels if self.ready_teacher else None
        self.parts = RunParts(config, self.sources, self.checkpoint, ready_labels, workers)

    def steps(self, languages: Sequence[str] = ()) -> list[Step]:
        """The steps of the strategy, for these languages where each has a student of its own."""
        config = self.config
        return steps_of(config.distillation, config.student.heads_on, languages, self.labeled)

    def _check_unlabeled(self) -> None:
        """Makes sure that there is a teacher whose answers can stand for labels."""
        config, labels = self.config, self.checkpoint.labels
        if self.ready_teacher:
            if config.run.stage == "teacher" and not (self.sources["test"] or self.sources["dev"]):
                raise ConfigError(
                    "--stage=teacher scores the teacher, which needs a labeled test or train file "
                    "(--data_dir). Received: unlabeled text alone"
                )
            return
        if labels is not None:
            raise ConfigError(
                "--finetune=always needs labeled data: a --data_dir with a training file. "
                f"Received: data_dir={config.data.data_dir!r}, no training file"
            )
        task = config.data.task
        others = [other for other in TASKS if other != task and self._has_head_for(other)]
        hint = f"; it has one for --task={others[0]}" if others else ""
        raise CheckpointError(
            "without labeled data the teacher must have been fine-tuned, and this one has no head "
            f"for --task={task}{hint}. Give a teacher that has one, or a --data_dir with a "
            f"training file to fine-tune it on. Received: teacher={config.teacher.teacher!r}"
        )

    def _has_head_for(self, task: str) -> bool:
        try:
            checkpoint = open_checkpoint(self.config.teacher, task, vocabulary_dir())
        except CheckpointError:  # such as a head for tags that names none
            return False
        return checkpoint.labels is not None

    def _check_teacher(self) -> None:
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
        if config.data.transfer_variants and self.checkpoint.folder is None:
            raise ConfigError(
                "--transfer_variants needs a pretrained teacher, in whose table pieces that mean "
                "nearly the same are near. Received: "
                f"transfer_variants={config.data.transfer_variants} "
                f"teacher={config.teacher.teacher!r}"
            )
        if config.teacher.label_map and not self.ready_teacher:
            raise ConfigError(
                "--label_map renames the labels of a teacher that is used as it is; one that is "
                "fine-tuned has those of the data. Received: "
                f"label_map={config.teacher.label_map!r} finetune={config.teacher.finetune}"
            )
        if config.teacher.teacher_per_language and self.ready_teacher:
            raise ConfigError(
                "--teacher_per_language fine-tunes: a teacher that already has a head for the task "
                f"needs --finetune=always. Received: finetune={config.teacher.finetune}"
            )

    def _check_student(self) -> None:
        config, shape = self.config, self.checkpoint.config
        if any(REPRESENTATION in stage.losses for stage in self.strategy.stages):
            check_layer(config.distillation.teacher_layer, shape.blocks)
        check_dimension(
            config.student.embeddings, config.student.embedding_dim, shape.embedding_width
        )
        if config.student.vector_file and not files.exists(config.student.vector_file):
            raise DataError(f"{config.student.vector_file}: no such file (--vector_file).")

    @property
    def metric_name(self) -> str:
        """`f1` or `accuracy`."""
        return "f1" if self.config.data.task == "ner" else "accuracy"

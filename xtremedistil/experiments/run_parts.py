"""Where each part of a run lives, and what it is made from.

A part's inputs hold the fingerprint of the parts before it, so that a change reaches everything
behind it and nothing else. With `--shared_dir` a part's folder is named after its fingerprint, and
runs that agree on a part share it.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from xtremedistil.config import Config, DataConfig
from xtremedistil.data.labeled import labeled_inputs
from xtremedistil.data.sources import Source
from xtremedistil.data.transfer import transfer_inputs
from xtremedistil.distil.strategies import REPRESENTATION, Step, transfer_targets
from xtremedistil.runtime import files
from xtremedistil.runtime.parts import Part
from xtremedistil.runtime.workers import ALONE, Workers
from xtremedistil.teachers.teacher import Checkpoint

_TUNED = ("epochs", "batch_size", "learning_rate", "warmup", "weight_decay", "seed")


class Layout:
    """The parts of a run, in the order that they are made.

    Attributes:
        ready_labels: the classes of a teacher that is used as it is, else None.
        labeled: D_l, development and test set.
        transfer: D_u.
        vocabulary: the transfer set that decides the student's vocabulary, mostly `transfer`.
        teacher: the fine-tuned teacher.
        targets: what it says of D_u.
    """

    def __init__(
        self,
        config: Config,
        data: DataConfig,
        checkpoint: Checkpoint,
        sources: dict[str, list[Source]],
        ready: bool,
        workers: Workers = ALONE,
    ):
        """Names the parts.

        Args:
            config: of the run.
            data: its data config, with the folder that is really read.
            checkpoint: of the teacher.
            sources: the files.
            ready: whether the teacher is used as it is.
            workers: who makes them.
        """
        self.config, self.checkpoint, self.workers = config, checkpoint, workers
        tokenizer = checkpoint.tokenizer
        self.ready_labels = checkpoint.labels if ready else None
        held_out = config.distillation.transfer_validation
        inputs = labeled_inputs(data, sources, tokenizer, self.ready_labels, held_out)
        self.labeled = self.part("data/labeled", inputs)
        self.transfer = self._transfer(data, sources)
        self.vocabulary = self.transfer
        if 0 < data.transfer_per_language < data.vocabulary_transfer:
            wide = dataclasses.replace(data, transfer_per_language=data.vocabulary_transfer)
            self.vocabulary = self._transfer(wide, sources, "data/vocabulary")
        self.teacher = self.part("teacher", self._teacher_inputs(ready))
        self.targets = self.part("targets", self._seen())

    @property
    def _arithmetic(self) -> dict[str, Any]:
        run = self.config.run
        inputs = {"jit_compile": run.jit_compile, "mixed_precision": run.mixed_precision}
        if run.deterministic:  # only then, so that parts made without it stay what they were
            inputs["deterministic"] = True
        return inputs

    def part(self, name: str, inputs: dict[str, Any]) -> Part:
        """A part in the run's own folder, or in the one that it shares with others."""
        run = self.config.run
        if not run.shared_dir:
            return Part(os.path.join(run.output_dir, name), inputs, self.workers)
        name = f"{name.replace('/', '-')}-{Part('', inputs).fingerprint}"
        return Part(os.path.join(run.shared_dir, name), inputs, self.workers, shared=True)

    def _transfer(
        self, data: DataConfig, sources: dict[str, list[Source]], name: str = "data/transfer"
    ) -> Part:
        held_out = self.config.distillation.transfer_validation
        labeled, labels = self.labeled.fingerprint, self.ready_labels
        inputs = transfer_inputs(data, sources, labeled, held_out, labels)
        return self.part("data/transfer" if self.config.run.shared_dir else name, inputs)

    def _teacher_inputs(self, ready: bool) -> dict[str, Any]:
        inputs = {**self.checkpoint.identity, "labeled data": self.labeled.fingerprint}
        if ready:
            return inputs
        config = self.config
        inputs |= {f"teacher_{n}": getattr(config.teacher, f"teacher_{n}") for n in _TUNED}
        return inputs | {"max_seq_length": config.data.max_seq_length, **self._arithmetic}

    def _seen(self) -> dict[str, Any]:
        return {
            "teacher": self.teacher.fingerprint,
            "transfer set": self.transfer.fingerprint,
            "max_seq_length": self.config.data.max_seq_length,
        }

    def vectors(self) -> Part:
        """The vectors of a vector file for the student's pieces."""
        student = self.config.student
        inputs = {
            "file": files.checksum(student.vector_file),
            "vocabulary": self.vocabulary.fingerprint,
            "embedding_dim": student.embedding_dim,
        }
        return self.part("data/vectors", inputs)

    def steps(self, steps: Sequence[Step]) -> list[Part]:
        """The folder of each step; a step depends on the one before it, for the same language."""
        config = self.config
        start = {
            "teacher": self.teacher.fingerprint,
            "vocabulary": self.vocabulary.fingerprint,
            "max_seq_length": config.data.max_seq_length,
            **dataclasses.asdict(config.student),
            **self._arithmetic,
        }
        start["seed"] = config.run.seed
        # decides the form of the projection, whatever the losses
        start["representation_loss"] = config.distillation.representation_loss
        if config.run.targets == "live":  # as above
            start["targets"] = "live"
        if config.student.vector_file:
            start["vector_file"] = files.checksum(config.student.vector_file)
        parts, previous, language = [], "", None
        for step in steps:
            previous = previous if step.language == language else ""
            inputs = start | _step_inputs(step, config) | {"previous step": previous}
            if transfer_targets([step]):
                inputs["transfer set"] = self.transfer.fingerprint
            parts.append(self.part(f"steps/{step.name}", inputs))
            previous, language = parts[-1].fingerprint, step.language
        return parts


def _step_inputs(step: Step, config: Config) -> dict[str, Any]:
    distillation = config.distillation
    inputs = {
        "losses": list(step.losses),
        "trained": list(step.trained),
        "epochs": step.epochs,
        "language": step.language,
        "batch_size": distillation.batch_size,
        "learning_rate": step.learning_rate,
        "final_learning_rate": distillation.final_learning_rate,
        "select_by": distillation.select_by,
    }
    if REPRESENTATION in step.losses:
        inputs["teacher_layer"] = distillation.teacher_layer
    if len(step.losses) > 1:
        inputs |= {name: getattr(distillation, name) for name in ("alpha", "beta", "gamma")}
    return inputs

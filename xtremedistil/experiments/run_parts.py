"""Where each part of a run lives, and what it is made from.

A part is made from the parts before it, from the options that say that they decide it
(`config.option`), and from what other options stand for: the content of files, the checkpoint, the
steps of a strategy. A part's inputs hold the fingerprint of the parts before it, so that a change
reaches everything behind it and nothing else. With `--shared_dir` a part's folder is named after
its fingerprint, and runs that agree on a part share it.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from xtremedistil.config import Config, DataConfig
from xtremedistil.config.option import options_of
from xtremedistil.data.labeled import labeled_contents
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sources import Source
from xtremedistil.data.transfer import transfer_contents
from xtremedistil.data.unlabeled import unlabeled_contents
from xtremedistil.distil.strategies import Step, transfer_targets
from xtremedistil.runtime import files
from xtremedistil.runtime.parts import Part
from xtremedistil.runtime.workers import ALONE, Workers
from xtremedistil.teachers.teacher import Checkpoint


class RunParts:
    """The parts of a run, in the order that they are made.

    Attributes:
        labeled: D_l, development and test set.
        transfer: D_u.
        vocabulary: the transfer set that decides the student's vocabulary, mostly `transfer`.
        teacher: the fine-tuned teacher.
        targets: what it says of D_u.
        agreement: what it says of the text that is held out of D_u, where there are no labels.
    """

    def __init__(
        self,
        config: Config,
        sources: dict[str, list[Source]],
        checkpoint: Checkpoint,
        ready_labels: LabelSet | None,
        workers: Workers = ALONE,
    ):
        """Names the parts.

        Args:
            config: of the run.
            sources: the files that it reads.
            checkpoint: of the teacher.
            ready_labels: the classes of a teacher that is used as it is, else None.
            workers: who makes them.
        """
        self._config, self._workers, self._ready_labels = config, workers, ready_labels
        self._checkpoint = checkpoint
        held_out = config.distillation.transfer_validation
        if sources["train"] or ready_labels is None:
            contents = labeled_contents(sources, checkpoint.tokenizer, ready_labels, held_out)
        else:
            own = (config.data, sources, checkpoint.tokenizer, ready_labels, held_out)
            contents = unlabeled_contents(*own)
        self.labeled = self._part("data/labeled", self._options("labeled") | contents)
        self.transfer = self._transfer(config.data, sources, "data/transfer")
        self.vocabulary = self.transfer
        if 0 < config.data.transfer_per_language < config.data.vocabulary_transfer:
            wide = config.data.vocabulary_transfer
            data = dataclasses.replace(config.data, transfer_per_language=wide)
            self.vocabulary = self._transfer(data, sources, "data/vocabulary")
        self.teacher = self._part("teacher", self._teacher_inputs())
        told = {"teacher": self.teacher.fingerprint, "transfer set": self.transfer.fingerprint}
        self.targets = self._part("targets", told | self._options("targets", "stored targets"))
        told = {"teacher": self.teacher.fingerprint, "held-out text": self.labeled.fingerprint}
        self.agreement = self._part("agreement", told | self._options("targets"))

    def _options(self, *parts: str) -> dict[str, Any]:
        return options_of(*parts, sections=self._config)

    def _part(self, name: str, inputs: dict[str, Any]) -> Part:
        """A part in the run's own folder, or in the one that it shares with others."""
        run = self._config.run
        if not run.shared_dir:
            return Part(os.path.join(run.output_dir, name), inputs, self._workers)
        name = f"{name.replace('/', '-')}-{Part('', inputs).fingerprint}"
        return Part(os.path.join(run.shared_dir, name), inputs, self._workers, shared=True)

    def _transfer(self, data: DataConfig, sources: dict[str, list[Source]], name: str) -> Part:
        config = dataclasses.replace(self._config, data=data)
        contents = transfer_contents(data, sources, self.labeled.fingerprint, self._ready_labels)
        inputs = options_of("transfer", sections=config) | contents
        if data.transfer_variants:
            inputs |= {"table of": self._checkpoint.identity}
        return self._part("data/transfer" if self._config.run.shared_dir else name, inputs)

    def _teacher_inputs(self) -> dict[str, Any]:
        """The checkpoint stands for --teacher and for the sizes of one that is built here."""
        inputs = {**self._checkpoint.identity, "labeled data": self.labeled.fingerprint}
        return inputs if self._ready_labels else inputs | self._options("teacher")

    def teacher_of(self, language: str) -> Part:
        """The teacher of one language alone (Table 5's MBERT-single)."""
        whole = self.teacher
        inputs = whole.inputs | {"language": language}
        return Part(f"{whole.folder}-{language}", inputs, shared=whole.shared)

    def vectors(self) -> Part:
        """The vectors of a vector file for the student's pieces."""
        inputs = {
            "file": files.checksum(self._config.student.vector_file),
            "vocabulary": self.vocabulary.fingerprint,
        }
        return self._part("data/vectors", inputs | self._options("vectors"))

    def rows(self) -> Part:
        """The rows of the student's table that pieces without one of their own read."""
        return self._part("data/rows", self._rows_inputs())

    def added_rows(self) -> Part:
        """The rows that such pieces read where rows are added for them."""
        return self._part("data/added-rows", self._rows_inputs() | self._options("added rows"))

    def _rows_inputs(self) -> dict[str, Any]:
        made_from = {"teacher": self.teacher, "vocabulary": self.vocabulary}
        inputs = {name: part.fingerprint for name, part in made_from.items()}
        return inputs | self._options("rows")

    def steps(self, steps: Sequence[Step]) -> list[Part]:
        """The folder of each step; a step depends on the one before it, for the same language."""
        vector_file = self._config.student.vector_file
        start = {
            "teacher": self.teacher.fingerprint,
            "vocabulary": self.vocabulary.fingerprint,
            "vector_file": vector_file and files.checksum(vector_file),
        }
        parts, previous, language = [], "", None
        for step in steps:
            previous = previous if step.language == language else ""
            inputs = start | self._step_inputs(step) | {"previous step": previous}
            parts.append(self._part(f"steps/{step.name}", inputs))
            previous, language = parts[-1].fingerprint, step.language
        return parts

    def _step_inputs(self, step: Step) -> dict[str, Any]:
        """The step stands for --strategy, --unfreeze, epochs, and the rates and the choice of its
        learning."""
        kinds = ["steps", *(f"{loss} steps" for loss in step.losses)]
        inputs = {
            "losses": list(step.losses),
            "trained": list(step.trained),
            "epochs": step.epochs,
            "language": step.language,
            "learning_rate": step.learning_rate,
            "select_by": step.select_by,
        }
        if len(step.losses) > 1:
            kinds.append("joint steps")
        if transfer_targets([step]):
            kinds.append("transfer steps")
            inputs["transfer set"] = self.transfer.fingerprint
        return inputs | self._options(*kinds)

    def scores(self, name: str, models: Sequence[Part], truth: Part | None = None) -> Part:
        """Test scores.

        Args:
            name: of what is scored.
            models: what it was made by.
            truth: holds the answers that it is scored against; None for the labeled data.
        """
        truth = truth or self.labeled
        data = self._config.data
        inputs = {
            "scored": [part.fingerprint for part in models],
            "labeled data": truth.fingerprint,
            "cut": data.max_seq_length if data.truncate_scoring else None,
            "decoding": "legal sequence",  # earlier versions took each word's best tag
        }
        return self._part(f"scores/{name}", inputs | self._options("scores"))

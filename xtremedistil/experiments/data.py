"""The data of a run: labeled splits, transfer set, the student's vocabulary and its vectors."""

import dataclasses
from typing import Any

import numpy as np
import safetensors.numpy
from absl import logging

from xtremedistil.data.labeled import prepare_labeled
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.shards import Manifest
from xtremedistil.data.transfer import USAGE, VALIDATION, prepare_transfer, read_manifest
from xtremedistil.data.unlabeled import prepare_unlabeled
from xtremedistil.experiments.opening import Opened
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.runtime.once import once
from xtremedistil.runtime.parts import Part
from xtremedistil.students.embeddings import student_pieces
from xtremedistil.students.vectors import VECTOR_FILES, Vectors, read_vectors
from xtremedistil.teachers.teacher import read_table


class RunData:
    """Everything that a run reads, encoded once and kept in the run's parts."""

    def __init__(self, run: Opened):
        """Reads nothing yet."""
        self._run, self._parts = run, run.parts
        self._tokenizer = run.checkpoint.tokenizer

    @once
    def prepare_labeled(self) -> dict[str, Any]:
        """Reads and encodes the labeled data, or without any what is held out of the unlabeled
        text; returns what is known of it."""
        run, part = self._run, self._parts.labeled
        held_out = run.config.distillation.transfer_validation
        settings = (self._ready_labels(), held_out, part.folder)
        arguments = (run.read_data, run.sources, self._tokenizer, *settings)
        prepare = prepare_labeled if run.labeled else prepare_unlabeled
        return part.ensure(lambda: prepare(*arguments))

    @once
    def prepare_transfer(self) -> dict[str, Any]:
        """Reads and encodes the transfer set; returns what is known of it."""
        return self._prepare(self._parts.transfer, self._run.config.data.transfer_per_language)

    @once
    def read_manifest(self) -> Manifest:
        """What the shards of the transfer set hold."""
        return read_manifest(self._parts.transfer.folder, self.prepare_transfer())

    def _prepare(self, part: Part, per_language: int) -> dict[str, Any]:
        self.prepare_labeled()  # D_l is chosen first
        config = dataclasses.replace(self._run.read_data, transfer_per_language=per_language)
        held_out = self._run.config.distillation.transfer_validation
        folders = (self._parts.labeled.folder, held_out, part.folder)
        arguments = (config, self._run.sources, self._tokenizer, *folders, self._ready_labels())
        return part.ensure(
            lambda: prepare_transfer(*arguments, lambda: read_table(self._run.checkpoint))
        )

    def _ready_labels(self) -> LabelSet | None:
        return self._run.checkpoint.labels if self._run.ready_teacher else None

    @once
    def read_labels(self) -> LabelSet:
        """The classes of teacher and student."""
        return LabelSet(tuple(self.prepare_labeled()["labels"]), self._run.config.data.task)

    def check_each_language(self, flag: str) -> list[str]:
        """The languages, of which each gets a model of its own.

        Args:
            flag: that asks for it.

        Raises:
            DataError: a language has no sentence to train, to validate or to score on.
        """
        summary = self.prepare_labeled()
        lacking = [
            f"{language or 'unnamed'} has no {split} sentence"
            for language in summary["languages"]
            for split, counts in summary["sentences_per_language"].items()
            if not counts[language]
        ]
        if lacking:
            raise DataError(
                f"{self._run.read_data.data_dir}: {flag} trains a model for each language, which "
                f"needs train, dev and test sentences. Received: {'; '.join(sorted(lacking))}"
            )
        return summary["languages"]

    def split(self, name: str, cut: bool, language: str | None = None) -> Ragged:
        """The encoded sentences of a labeled split.

        Args:
            name: of the split.
            cut: to the training length, or whole.
            language: of one language, or of all.

        Raises:
            DataError: there are none.
        """
        self.prepare_labeled()  # makes the files
        rows = Ragged.load(self._parts.labeled.path(f"{name}.safetensors"))
        if language is not None:
            number = self.prepare_labeled()["languages"].index(language)
            rows = rows.take(np.flatnonzero(rows.sentences["language"] == number))
        if not len(rows):
            raise DataError(f"the {name} split has no sentence of language {language!r}.")
        return rows.truncate(self._run.config.data.max_seq_length) if cut else rows

    def training_rows(self, name: str, language: str | None = None) -> Ragged:
        """A split as training wants it: `ids` and `labels` alone, cut to the training length."""
        rows = self.split(name, cut=True, language=language)
        names = ("ids", "labels")
        return Ragged(
            rows.offsets,
            {k: v for k, v in rows.pieces.items() if k in names},
            {k: v for k, v in rows.sentences.items() if k in names},
        )

    @once
    def read_pieces(self) -> np.ndarray:
        """The pieces of the student's vocabulary."""
        if self._parts.vocabulary is self._parts.transfer:
            self.prepare_transfer()  # makes the file
        else:
            self._prepare(self._parts.vocabulary, self._run.config.data.vocabulary_transfer)
        usage = files.read_bytes(self._parts.vocabulary.path(USAGE))
        counts = safetensors.numpy.load(usage)["counts"]
        least = self._run.config.student.vocabulary_min_count
        return student_pieces(self._tokenizer, counts, least)

    def lacks_row(self) -> np.ndarray:
        """`(full vocabulary,)` bool: pieces without a row of their own in the student's table."""
        lacking = np.ones(len(self._tokenizer), bool)
        lacking[self.read_pieces()] = False
        return lacking

    def is_in_transfer(self, rows: Ragged) -> np.ndarray:
        """`(sentences,)` bool: of some sentences those that D_u, which has D_l's, holds."""
        found = np.zeros(len(rows), bool)
        for name in (VALIDATION, *self.read_manifest().names):
            shard = Ragged.load(self._parts.transfer.path(name))
            found |= np.isin(rows.sentences["hash"], shard.sentences["hash"])
        return found

    @once
    def read_vectors(self) -> Vectors | None:
        """What the vector file holds for the student's pieces, if there is one."""
        student = self._run.config.student
        if student.embeddings not in VECTOR_FILES:
            return None
        part = self._parts.vectors()
        part.check(self._run.config.run.overwrite)
        names = [self._tokenizer.surface(i) for i in self.read_pieces()]

        def read() -> tuple[dict[str, Any], tuple[str, ...]]:
            found = read_vectors(student.vector_file, names, student.embedding_dim)
            content = safetensors.numpy.save({"found": found.found, "table": found.table})
            files.write_bytes(part.path("vectors.safetensors"), content)
            share = 100 * float(found.found.mean())
            return {"percent_of_pieces_found": share}, ("vectors.safetensors",)

        share = part.ensure(read)["percent_of_pieces_found"]
        logging.info("vectors   %.1f%% of %d pieces found", share, len(names))
        content = files.read_bytes(part.path("vectors.safetensors"))
        return Vectors(**safetensors.numpy.load(content))

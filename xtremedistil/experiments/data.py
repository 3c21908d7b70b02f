"""The data of a run: labeled splits, transfer set, the student's vocabulary and its vectors."""

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.numpy
from absl import logging

from xtremedistil.config import Config, DataConfig
from xtremedistil.data.labeled import prepare_labeled
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sources import Source
from xtremedistil.data.transfer import USAGE, prepare_transfer
from xtremedistil.experiments.run_parts import Layout
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.runtime.parts import Part
from xtremedistil.students.embeddings import row_of_piece, student_pieces
from xtremedistil.students.vectors import VECTOR_FILES, Vectors, read_vectors
from xtremedistil.tokenization.base import Tokenizer


class RunData:
    """Everything that a run reads, encoded once and kept in the run's parts."""

    def __init__(
        self,
        config: Config,
        data: DataConfig,
        sources: dict[str, list[Source]],
        tokenizer: Tokenizer,
        layout: Layout,
    ):
        """Reads nothing yet.

        Args:
            config: of the run.
            data: its data config, with the folder that is really read.
            sources: the files.
            tokenizer: the teacher's tokenization.
            layout: where parts live.
        """
        self.config, self.data_config, self.sources = config, data, sources
        self.tokenizer, self.layout = tokenizer, layout

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What is known of the labeled data."""
        part = self.layout.labeled
        labels = self.layout.ready_labels
        arguments = (self.data_config, self.sources, self.tokenizer, labels, part.folder)
        return part.ensure(lambda: prepare_labeled(*arguments))

    @cached_property
    def transfer(self) -> dict[str, Any]:
        """What is known of the transfer set."""
        return self._prepare(self.layout.transfer, self.config.data.transfer_per_language)

    def _prepare(self, part: Part, per_language: int) -> dict[str, Any]:
        _ = self.summary  # D_l is chosen first
        config = dataclasses.replace(self.data_config, transfer_per_language=per_language)
        held_out = self.config.distillation.transfer_validation
        folders = (self.layout.labeled.folder, held_out, part.folder)
        tokenizer = self.tokenizer
        labels = self.layout.ready_labels
        return part.ensure(
            lambda: prepare_transfer(config, self.sources, tokenizer, *folders, labels)
        )

    @cached_property
    def labels(self) -> LabelSet:
        """The classes of teacher and student."""
        return LabelSet(tuple(self.summary["labels"]), self.config.data.task)

    def split(self, name: str, cut: bool, language: str | None = None) -> Ragged:
        """The encoded sentences of a labeled split.

        Args:
            name: `train`, `dev` or `test`.
            cut: to the training length, or whole.
            language: of one language, or of all.

        Raises:
            DataError: there are none.
        """
        rows = Ragged.load(self.layout.labeled.path(f"{name}.safetensors"))
        if language is not None:
            number = self.summary["languages"].index(language)
            rows = rows.take(np.flatnonzero(rows.sentences["language"] == number))
        if not len(rows):
            raise DataError(f"the {name} split has no sentence of language {language!r}.")
        return rows.truncate(self.config.data.max_seq_length) if cut else rows

    def training_rows(self, name: str, language: str | None = None) -> Ragged:
        """A split as training wants it: `ids` and `labels` alone, cut to the training length."""
        rows = self.split(name, cut=True, language=language)
        names = ("ids", "labels")
        return Ragged(
            rows.offsets,
            {k: v for k, v in rows.pieces.items() if k in names},
            {k: v for k, v in rows.sentences.items() if k in names},
        )

    @cached_property
    def pieces(self) -> np.ndarray:
        """The pieces of the student's vocabulary."""
        if self.layout.vocabulary is self.layout.transfer:
            _ = self.transfer  # makes the file
        else:
            self._prepare(self.layout.vocabulary, self.config.data.vocabulary_transfer)
        usage = files.read_bytes(self.layout.vocabulary.path(USAGE))
        return student_pieces(self.tokenizer, safetensors.numpy.load(usage)["counts"])

    @cached_property
    def rows(self) -> np.ndarray:
        """Each piece's row in the student's table."""
        return row_of_piece(self.tokenizer, self.pieces)

    @cached_property
    def vectors(self) -> Vectors | None:
        """What the vector file holds for the student's pieces, if there is one."""
        student = self.config.student
        if student.embeddings not in VECTOR_FILES:
            return None
        part = self.layout.vectors()
        part.check(self.config.run.overwrite)
        names = [self.tokenizer.surface(i) for i in self.pieces]

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

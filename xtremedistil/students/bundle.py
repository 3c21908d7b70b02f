"""A deployable student as one folder: weights, shape, vocabulary, labels. It needs no teacher and
no trainer."""

import os
from dataclasses import dataclass

import keras
import numpy as np

from xtremedistil.data.labels import LabelSet
from xtremedistil.layers.weights import load_weights, save_weights
from xtremedistil.runtime import files
from xtremedistil.students.folder import (
    BUNDLE,
    KIND,
    WEIGHTS,
    Codec,
    StudentFolder,
    descriptions_checked,
)
from xtremedistil.students.shape import StudentShape
from xtremedistil.students.student import build_student, deployed
from xtremedistil.tokenization.base import Tokenizer


@dataclass(frozen=True)
class Bundle:
    """A student, ready to predict.

    Attributes:
        model: from `ids`, `(batch, length)` int32 rows, to logits.
        shape: its sizes.
        head: which of the two heads it kept.
        tokenizer: the tokenization, with the full vocabulary.
        rows: `(full vocabulary,)` int32: each piece's row in the student's table.
        labels: its classes.
    """

    model: keras.Model
    shape: StudentShape
    head: str
    tokenizer: Tokenizer
    rows: np.ndarray
    labels: LabelSet

    def save(self, folder: str) -> tuple[str, ...]:
        """Writes the folder.

        Returns:
            The names of its files.
        """
        files.make_folder(folder)
        save_weights(os.path.join(folder, WEIGHTS), self.model)
        codec = Codec(self.tokenizer, self.rows, self.labels)
        names = (WEIGHTS, *codec.save(folder))
        StudentFolder(folder, self.shape, self.head, codec).save_description(names)
        return (*names, BUNDLE)

    @classmethod
    def load(cls, folder: str, fused: str | bool = "auto") -> "Bundle":
        """Reads what `save` wrote.

        Args:
            folder: the student's folder.
            fused: Keras's `use_cudnn`; False for a graph that must run without a GPU.

        Raises:
            ArtifactError: a file is missing, altered, or of another format.
        """
        found = StudentFolder.load(folder)
        with descriptions_checked(os.path.join(folder, BUNDLE), KIND):
            model = deployed(build_student(found.shape, 0.0, fused=fused), found.head)
            load_weights(os.path.join(folder, WEIGHTS), model)
        codec = found.codec
        return cls(model, found.shape, found.head, codec.tokenizer, codec.rows, codec.labels)


def bundle_bytes(folder: str) -> int:
    """Bytes of a student's folder on disk, without what tells people of it."""
    names = (name for name in files.list_folder(folder) if not name.endswith(".md"))
    return sum(files.size(os.path.join(folder, name)) for name in names)

"""A deployable student as one folder: weights, shape, vocabulary, labels. It needs no teacher and
no trainer."""

import os
from dataclasses import dataclass

import keras
import numpy as np

from xtremedistil import artifacts
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.tokenization import WordPiece
from xtremedistil.models.folder import (
    BUNDLE,
    KIND,
    WEIGHTS,
    Codec,
    StudentFolder,
    descriptions_checked,
)
from xtremedistil.models.shape import StudentShape
from xtremedistil.models.student import build_student, deployed
from xtremedistil.models.weights import load_weights, save_weights


@dataclass(frozen=True)
class Bundle:
    """A student, ready to predict.

    Attributes:
        model: from `ids`, `(batch, length)` int32 rows, to logits.
        shape: its sizes.
        head: which of the two heads it kept.
        rules: the tokenization, with the full vocabulary.
        rows: `(full vocabulary,)` int32: each piece's row in the student's table.
        labels: its classes.
    """

    model: keras.Model
    shape: StudentShape
    head: str
    rules: WordPiece
    rows: np.ndarray
    labels: LabelSet

    def save(self, folder: str) -> tuple[str, ...]:
        """Writes the folder.

        Returns:
            The names of its files.
        """
        artifacts.make_folder(folder)
        save_weights(os.path.join(folder, WEIGHTS), self.model)
        codec = Codec(self.rules, self.rows, self.labels)
        files = (WEIGHTS, *codec.save(folder))
        StudentFolder(folder, self.shape, self.head, codec).save_description(files)
        return (*files, BUNDLE)

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
        return cls(model, found.shape, found.head, codec.rules, codec.rows, codec.labels)


def bundle_bytes(folder: str) -> int:
    """Bytes of a student's folder on disk."""
    return sum(artifacts.size(os.path.join(folder, name)) for name in artifacts.list_folder(folder))

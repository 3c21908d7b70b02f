"""A deployable student as one folder: weights, shape, vocabulary, labels. It needs no teacher and
no trainer."""

import math
import os
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import safetensors
import safetensors.numpy

from xtremedistil import artifacts
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.tokenization import WordPiece
from xtremedistil.errors import ArtifactError, XtremeDistilError
from xtremedistil.models.student import StudentShape, build_student, deployed
from xtremedistil.models.weights import load_weights, save_weights

_BUNDLE, _WEIGHTS, _ROWS, _FORMAT = "bundle.json", "weights.safetensors", "rows.safetensors", 1
# What a description that is not one may cause on its way to a model.
_MALFORMED = (
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
    ArithmeticError,
    safetensors.SafetensorError,
)


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
        save_weights(os.path.join(folder, _WEIGHTS), self.model)
        rows = safetensors.numpy.save({"rows": self.rows})
        artifacts.write_bytes(os.path.join(folder, _ROWS), rows)
        files = (_WEIGHTS, _ROWS, *self.rules.save(folder))
        content = {
            "format": _FORMAT,
            "shape": self.shape.to_dict(),
            "head": self.head,
            "task": self.labels.task,
            "labels": list(self.labels.names),
            "files": {name: artifacts.describe_file(os.path.join(folder, name)) for name in files},
        }
        artifacts.write_json(os.path.join(folder, _BUNDLE), content)
        return (*files, _BUNDLE)

    @classmethod
    def load(cls, folder: str, fused: str | bool = "auto") -> "Bundle":
        """Reads what `save` wrote.

        Args:
            folder: the student's folder.
            fused: Keras's `use_cudnn`; False for a graph that must run without a GPU.

        Raises:
            ArtifactError: a file is missing, altered, or of another format.
        """
        path = os.path.join(folder, _BUNDLE)
        if not artifacts.exists(path):
            received = ", ".join(artifacts.list_folder(folder)) or "an empty or missing folder"
            raise ArtifactError(
                f"{folder}: not a student's folder: no {_BUNDLE}. Received: {received}"
            )
        content = artifacts.read_json(path)
        try:
            return cls._from_content(content, folder, fused)
        except XtremeDistilError:
            raise
        except _MALFORMED as error:
            raise ArtifactError(f"{path}: not a description of a student ({error!r}).") from error

    @classmethod
    def _from_content(cls, content: dict[str, Any], folder: str, fused: str | bool) -> "Bundle":
        if content["format"] != _FORMAT:
            raise ArtifactError(
                f"{folder}: this version reads bundles of format {_FORMAT}. Received: "
                f"{content['format']!r}"
            )
        for name in (_WEIGHTS, _ROWS, "vocab.txt", "tokenizer_config.json"):
            artifacts.check_file(os.path.join(folder, name), content["files"][name])
        if artifacts.exists(foreign := os.path.join(folder, "tokenizer.json")):
            raise ArtifactError(f"{foreign}: no part of a student; it would replace vocab.txt.")
        shape = StudentShape(**content["shape"])
        _check_size(shape, os.path.join(folder, _WEIGHTS))
        model = deployed(build_student(shape, 0.0, fused=fused), content["head"])
        load_weights(os.path.join(folder, _WEIGHTS), model)
        rows = safetensors.numpy.load(artifacts.read_bytes(os.path.join(folder, _ROWS)))["rows"]
        rules = WordPiece.from_folder(folder)
        labels = LabelSet(tuple(content["labels"]), content["task"])
        if (
            rows.dtype != np.int32
            or rows.shape != (len(rules.vocabulary),)
            or rows.min() < 0
            or rows.max() >= shape.vocabulary_size
            or len(labels) != shape.classes
        ):
            raise ArtifactError(f"{folder}: vocabulary, labels and weights do not fit each other.")
        return cls(model, shape, content["head"], rules, rows, labels)


def _check_size(shape: StudentShape, path: str) -> None:
    """Compares a described shape with the file of weights, before anything of that shape is built.

    Raises:
        ArtifactError: they have different numbers of weights, or the sizes are no sizes.
    """
    sizes = [value for value in shape.to_dict().values() if not isinstance(value, str)]
    legal = all(type(value) is int and value > 0 for value in sizes)
    with artifacts.open_read(path) as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= artifacts.size(path) else b""
    tensors = artifacts.parse_json(header, path)
    found = sum(math.prod(t["shape"]) for name, t in tensors.items() if name != "__metadata__")
    if not legal or shape.deployed_parameters != found:
        raise ArtifactError(
            f"{path}: {found:,} weights, which are not those of the described student. Received: "
            f"shape={shape.to_dict()}"
        )


def bundle_bytes(folder: str) -> int:
    """Bytes of a student's folder on disk."""
    return sum(artifacts.size(os.path.join(folder, name)) for name in artifacts.list_folder(folder))

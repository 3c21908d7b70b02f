"""A student's folder without its network: its sizes, its weights by name, and what turns text into
ids and logits into labels. Needs no TensorFlow, so that a deployed student can do without."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from xtremedistil import artifacts
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.tokenization import WordPiece
from xtremedistil.errors import ArtifactError, XtremeDistilError
from xtremedistil.models.shape import StudentShape

BUNDLE, WEIGHTS = "bundle.json", "weights.safetensors"
_ROWS, _FORMAT = "rows.safetensors", 1
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Codec:
    """Text to a student's ids, and its logits to labels.

    Attributes:
        rules: the tokenization, with the full vocabulary.
        rows: `(full vocabulary,)` int32: each piece's row in the student's table.
        labels: its classes.
    """

    rules: WordPiece
    rows: np.ndarray
    labels: LabelSet

    def save(self, folder: str) -> tuple[str, ...]:
        """Writes tokenization and rows.

        Returns:
            The names of the files.
        """
        rows = safetensors.numpy.save({"rows": self.rows})
        artifacts.write_bytes(os.path.join(folder, _ROWS), rows)
        return (_ROWS, *self.rules.save(folder))

    def describe(self) -> dict[str, Any]:
        """What the files of `save` do not say, as JSON values."""
        return {"task": self.labels.task, "labels": list(self.labels.names)}

    @classmethod
    def load(cls, folder: str, description: Mapping[str, Any]) -> "Codec":
        """Reads what `save` wrote and `describe` said.

        Raises:
            ArtifactError: vocabulary and rows do not fit each other.
        """
        rows = safetensors.numpy.load(artifacts.read_bytes(os.path.join(folder, _ROWS)))["rows"]
        rules = WordPiece.from_folder(folder)
        if len(rows) != len(rules.vocabulary):
            raise ArtifactError(
                f"{folder}: every piece of the vocabulary needs a row. Received: "
                f"{len(rules.vocabulary)} pieces, {len(rows)} rows"
            )
        return cls(rules, rows, LabelSet(tuple(description["labels"]), description["task"]))


def describe_files(folder: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Size and checksum of each file, by name."""
    return {name: artifacts.describe_file(os.path.join(folder, name)) for name in names}


def read_described(
    folder: str, name: str, kind: str, version: int, read: Callable[[dict[str, Any]], _Read]
) -> _Read:
    """Reads a folder that one JSON file describes.

    Args:
        folder: the folder.
        name: of the JSON file, which holds `format` and `files`.
        kind: what the folder should be, for the errors.
        version: the `format` that is understood.
        read: makes the result from the JSON file's content, once the files are checked.

    Raises:
        ArtifactError: a file is missing, altered, or of another format.
    """
    path = os.path.join(folder, name)
    if not artifacts.exists(path):
        received = ", ".join(artifacts.list_folder(folder)) or "an empty or missing folder"
        raise ArtifactError(f"{folder}: not {kind}: no {name}. Received: {received}")
    content = artifacts.read_json(path)
    try:
        if content["format"] != version:
            raise ArtifactError(
                f"{path}: this version reads format {version} of {kind}. Received: "
                f"format={content['format']!r}"
            )
        for file, described in content["files"].items():
            artifacts.check_file(os.path.join(folder, file), described)
        return read(content)
    except (KeyError, TypeError, AttributeError, ValueError, SafetensorError) as error:
        if isinstance(error, XtremeDistilError):
            raise
        raise ArtifactError(f"{path}: not a description of {kind} ({error!r}).") from error


@dataclass(frozen=True)
class StudentFolder:
    """A student's folder, read and checked, but for its network.

    Attributes:
        folder: where it is.
        shape: its sizes.
        head: which of the two heads it kept.
        codec: what surrounds the network.
    """

    folder: str
    shape: StudentShape
    head: str
    codec: Codec

    @classmethod
    def load(cls, folder: str) -> "StudentFolder":
        """Reads a folder that `Bundle.save` wrote.

        Raises:
            ArtifactError: a file is missing, altered, or of another format.
        """

        def read(content: dict[str, Any]) -> "StudentFolder":
            shape, codec = StudentShape(**content["shape"]), Codec.load(folder, content)
            if codec.rows.max() >= shape.vocabulary_size or len(codec.labels) != shape.classes:
                raise ArtifactError(f"{folder}: vocabulary, labels and weights do not fit.")
            return cls(folder, shape, content["head"], codec)

        return read_described(folder, BUNDLE, "a student's folder", _FORMAT, read)

    def save_description(self, files: tuple[str, ...]) -> None:
        """Writes the JSON file that describes the folder; its files must be there."""
        content = {
            "format": _FORMAT,
            "shape": self.shape.to_dict(),
            "head": self.head,
            **self.codec.describe(),
            "files": describe_files(self.folder, files),
        }
        artifacts.write_json(os.path.join(self.folder, BUNDLE), content)

    def weights(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        return safetensors.numpy.load(artifacts.read_bytes(os.path.join(self.folder, WEIGHTS)))

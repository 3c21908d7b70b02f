"""Sentences in shards on disk, each with its size and checksum in a record beside it."""

import os
from dataclasses import dataclass

import numpy as np
import safetensors.numpy

from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError


@dataclass(frozen=True)
class Manifest:
    """What is known of all shards of a transfer set without opening one.

    Attributes:
        sentences: `(shards,)` int64.
        pieces: `(shards,)` int64.
    """

    sentences: np.ndarray
    pieces: np.ndarray

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def names(self) -> list[str]:
        """The names of the shards' files."""
        return [shard_name(number) for number in range(len(self))]

    def save(self, path: str) -> None:
        """Writes it to a file."""
        arrays = {"sentences": self.sentences, "pieces": self.pieces}
        whole = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        files.write_bytes(path, safetensors.numpy.save(whole))

    @classmethod
    def load(cls, path: str) -> "Manifest":
        """Reads what `save` wrote."""
        return cls(**safetensors.numpy.load(files.read_bytes(path)))


def shard_name(number: int) -> str:
    """The name of a shard's file."""
    return f"{number:05d}.safetensors"


def record_of(path: str) -> str:
    """The file that describes a shard."""
    return path.replace(".safetensors", ".json")


def save_shard(rows: Ragged, path: str) -> None:
    """Writes a shard and its record; without the record, it does not count as written."""
    files.remove(record_of(path))
    content = rows.to_bytes()
    files.write_bytes(path, content)
    files.write_json(record_of(path), files.describe_bytes(content))


def is_whole(path: str) -> bool:
    """Whether a shard and its record are there and the size is right; its content is compared when
    it is read."""
    if not files.exists(path):
        return False
    try:
        return files.size(path) == files.read_json(record_of(path))["bytes"]
    except (ArtifactError, KeyError, TypeError):
        return False


def read_shard(path: str, verified: set[str], mark: str) -> Ragged:
    """Reads a shard; its checksum is compared the first time.

    Args:
        path: of `save_shard`.
        verified: shards that were compared already; this one is added.
        mark: the file by which its maker knows that it is done: removed when the shard is damaged,
            so that it is made again.

    Raises:
        ArtifactError: missing, truncated or altered.
    """
    try:
        content = files.read_bytes(path)
        if path not in verified and files.exists(record_of(path)):
            files.check_bytes(content, files.read_json(record_of(path)), path)
        rows = Ragged.from_bytes(content, path)
    except (ArtifactError, KeyError, TypeError) as error:
        files.remove(mark)
        again = "this shard" if mark == record_of(path) else os.path.dirname(path)
        raise ArtifactError(
            f"{error} Run the same command again: only {again} is made again."
        ) from error
    verified.add(path)
    return rows

"""Sentences in shards on disk, each with its size and checksum in a record beside it."""

import os

from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError


def record_of(path: str) -> str:
    """The file that describes a shard."""
    return path.replace(".safetensors", ".json")


def save_shard(rows: Ragged, path: str) -> None:
    """Writes a shard and its record; without the record, it does not count as written."""
    files.remove(record_of(path))
    rows.save(path)
    files.write_json(record_of(path), files.describe_file(path))


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

"""Files: whole or not at all, checksummed, on the local disk or elsewhere.

Every path may be local or of a file system that TensorFlow knows (`gs://`, `s3://`, `ram://`);
TensorFlow is imported for the latter only, so that reading results needs none of it. A local write
goes to a neighbouring file that is synced and then renamed, so that a reader, a crash or a power
cut sees the old file or the new one.
"""

import contextlib
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from xtremedistil.runtime import disk
from xtremedistil.runtime.errors import ArtifactError

MOST_JSON_BYTES = 1 << 28


def is_remote(path: str) -> bool:
    """Whether a path names a file system other than the local one."""
    return "://" in path


def _gfile() -> Any:
    import tensorflow as tf  # here, not above: local paths need no TensorFlow

    return tf.io.gfile


def exists(path: str) -> bool:
    """Whether a file or a folder is there."""
    return _gfile().exists(path) if is_remote(path) else os.path.exists(path)


def is_folder(path: str) -> bool:
    """Whether a path is a folder."""
    return _gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def list_folder(path: str) -> list[str]:
    """Sorted names of what a folder holds; none if it is not there."""
    if not is_folder(path):
        return []
    names = _gfile().listdir(path) if is_remote(path) else os.listdir(path)
    return sorted(name.rstrip("/") for name in names)


def match(pattern: str) -> list[str]:
    """Sorted paths that fit a pattern with `*`, `?` or `[...]`; hidden ones are left out."""
    found = _gfile().glob(pattern) if is_remote(pattern) else glob.glob(pattern)
    return sorted(path for path in found if not os.path.basename(path).startswith("."))


def make_folder(path: str) -> None:
    """Makes a folder and its parents."""
    _gfile().makedirs(path) if is_remote(path) else os.makedirs(path, exist_ok=True)


def remove(path: str) -> None:
    """Removes a file, or a folder with all that it holds; a path that is not there is left so."""
    if not exists(path):
        return
    if is_remote(path):
        _gfile().rmtree(path) if is_folder(path) else _gfile().remove(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def beside(path: str, ending: str) -> str:
    """A hidden neighbour of a file or folder, for what is not whole yet."""
    folder, name = os.path.split(path.rstrip("/"))
    return os.path.join(folder, f".{name}.{ending}")


def rename(old: str, new: str) -> None:
    """Renames a file or a folder; `new` must not be a folder that holds anything."""
    if not is_remote(old):
        os.replace(old, new)
    elif not is_folder(old):
        _gfile().rename(old, new)
    else:  # file by file: object stores have no folders, and TensorFlow's in memory moves none
        for top, _, names in list(_gfile().walk(old)):
            there = new + top.rstrip("/").removeprefix(old)
            make_folder(there)
            for name in names:
                _gfile().rename(os.path.join(top, name), os.path.join(there, name))
        remove(old)


def size(path: str) -> int:
    """Bytes of a file."""
    return _gfile().stat(path).length if is_remote(path) else os.path.getsize(path)


def open_read(path: str) -> BinaryIO:
    """Opens a file for reading bytes.

    Raises:
        ArtifactError: it is not there, or is no plain file.
    """
    if not exists(path):
        raise ArtifactError(f"{path}: no such file.")
    if is_folder(path) or not (is_remote(path) or os.path.isfile(path)):
        raise ArtifactError(f"{path}: not a plain file.")  # a pipe would be waited for
    return _gfile().GFile(path, "rb") if is_remote(path) else open(path, "rb")


def read_bytes(path: str) -> bytes:
    """The whole content of a file."""
    with open_read(path) as file:
        return file.read()


@contextlib.contextmanager
def writing(path: str, needed: int | None = None) -> Iterator[BinaryIO]:
    """A file to write bytes to, which appears at `path` when the block ends well, and never in
    part.

    Args:
        path: the file.
        needed: its bytes, if known, for the error of a full disk.

    Raises:
        ArtifactError: the disk is full.
    """
    part = beside(path, "part")
    try:
        with _gfile().GFile(part, "wb") if is_remote(path) else open(part, "wb") as file:
            yield file
            file.flush()
            if not is_remote(path):
                os.fsync(file.fileno())
        if is_remote(path):
            _gfile().rename(part, path, overwrite=True)
        else:
            os.replace(part, path)
            _sync_folder(os.path.dirname(path) or ".")
    except BaseException as error:
        with contextlib.suppress(OSError):
            remove(part)
        if disk.is_full(error):
            raise disk.full_error(path, needed) from error
        raise


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_bytes(path: str, content: bytes) -> None:
    """Writes a file, whole or not at all."""
    with writing(path, len(content)) as file:
        file.write(content)


def write_json(path: str, value: Any) -> None:
    """Writes JSON, whole or not at all; NaN and infinity are refused, since JSON has none."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode("utf-8"))


def read_json(path: str) -> Any:
    """Reads JSON.

    Raises:
        ArtifactError: the file is missing, is not JSON, or is larger than any that is written here.
    """
    if exists(path) and size(path) > MOST_JSON_BYTES:
        raise ArtifactError(
            f"{path}: a JSON file has at most {MOST_JSON_BYTES:,} bytes. Received: {size(path):,}"
        )
    return parse_json(read_bytes(path), path)


def parse_json(content: bytes, path: str) -> Any:
    """JSON of a file's bytes.

    Raises:
        ArtifactError: they are not JSON (`path` names the file).
    """
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not valid JSON ({error}).") from error


def checksum(path: str) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open_read(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(value: Any) -> str:
    """Sixteen hexadecimal digits that stand for a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def describe_file(path: str) -> dict[str, Any]:
    """Size and checksum of a file, to find damage later."""
    return {"bytes": size(path), "sha256": checksum(path)}


def describe_bytes(content: bytes) -> dict[str, Any]:
    """What `describe_file` says of a file with this content."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def check_file(path: str, described: Mapping[str, Any]) -> None:
    """Compares a file with what `describe_file` said of it.

    Raises:
        ArtifactError: it is missing, truncated or altered.
    """
    found = size(path) if exists(path) else None
    if found != described["bytes"]:
        received = "no such file" if found is None else f"{found:,} bytes"
        raise ArtifactError(
            f"{path}: should have {described['bytes']:,} bytes. Received: {received}."
        )
    if checksum(path) != described["sha256"]:
        raise ArtifactError(f"{path}: altered since it was written (its SHA-256 differs).")


def check_bytes(content: bytes, described: Mapping[str, Any], path: str) -> None:
    """Compares a file's content with what `describe_file` said of it.

    Raises:
        ArtifactError: truncated or altered.
    """
    if len(content) != described["bytes"]:
        raise ArtifactError(
            f"{path}: should have {described['bytes']:,} bytes. Received: {len(content):,} bytes."
        )
    if hashlib.sha256(content).hexdigest() != described["sha256"]:
        raise ArtifactError(f"{path}: altered since it was written (its SHA-256 differs).")

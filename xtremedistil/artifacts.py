"""Files of a run: whole or not at all, checksummed, and known by what they were made from.

Every path may be local or of a file system that TensorFlow knows (`gs://`, `s3://`, `ram://`);
TensorFlow is imported for the latter only, so that reading results needs none of it. A local write
goes to a neighbouring file that is synced and then renamed, so that a reader, a crash or a power
cut sees the old file or the new one.
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from absl import logging

from xtremedistil import disk
from xtremedistil.errors import ArtifactError
from xtremedistil.resources import measured

# Does the work of a part; returns its results and the names of the files to checksum.
Maker = Callable[[], tuple[Mapping[str, Any], tuple[str, ...]]]
_INPUTS, _DONE = "inputs.json", "done.json"


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


def rename(old: str, new: str) -> None:
    """Renames a file or a folder; `new` must not be a folder that holds anything."""
    _gfile().rename(old, new) if is_remote(old) else os.replace(old, new)


def size(path: str) -> int:
    """Bytes of a file."""
    return _gfile().stat(path).length if is_remote(path) else os.path.getsize(path)


def open_read(path: str) -> BinaryIO:
    """Opens a file for reading bytes.

    Raises:
        ArtifactError: it is not there.
    """
    if not exists(path):
        raise ArtifactError(f"{path}: no such file.")
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
    part = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.part")
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
        ArtifactError: the file is missing or is not JSON.
    """
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


class Part:
    """A piece of a run that is made once: a folder, what it is made from, and what came out.

    `inputs.json` is written when work on the part starts, `done.json` when it ends. A part is done
    while both are there and the inputs are the ones asked for now; between the two it is half-done,
    and its maker may go on.
    """

    def __init__(self, folder: str, inputs: Mapping[str, Any]):
        """Args:
        folder: where the part lives.
        inputs: what its content depends on, as flat JSON values.
        """
        self.folder = folder
        self.inputs = json.loads(json.dumps(dict(inputs)))

    def path(self, *names: str) -> str:
        """A path inside the part's folder."""
        return os.path.join(self.folder, *names)

    @property
    def fingerprint(self) -> str:
        """What the part is made from, in sixteen digits."""
        return fingerprint(self.inputs)

    def check(self, overwrite: bool) -> None:
        """Makes sure that the folder is empty or belongs to these inputs.

        Args:
            overwrite: empty the folder instead of stopping.

        Raises:
            ArtifactError: another configuration made it.
        """
        if exists(self.path(_INPUTS)):
            found = read_json(self.path(_INPUTS))
            names = [n for n in {**found, **self.inputs} if found.get(n) != self.inputs.get(n)]
            if not names:
                return
            changes = "; ".join(
                f"{n}: {_short(found.get(n))} there, {_short(self.inputs.get(n))} now"
                for n in sorted(names)
            )
            message = f"{self.folder} was made by another run ({changes})."
        elif list_folder(self.folder):
            message = f"{self.folder} holds files that no run of this package made."
        else:
            return
        if not overwrite:
            raise ArtifactError(
                f"{message} Choose another --output_dir, or give --overwrite to make it again."
            )
        logging.warning("%s Making it again.", message)
        remove(self.folder)

    def begin(self) -> None:
        """Marks the part as being made."""
        make_folder(self.folder)
        if not exists(self.path(_INPUTS)):
            write_json(self.path(_INPUTS), self.inputs)

    def finish(self, results: Mapping[str, Any], files: tuple[str, ...] = ()) -> dict[str, Any]:
        """Marks the part as done.

        Args:
            results: JSON values to keep with it.
            files: names inside the folder whose size and checksum are recorded.

        Returns:
            The results, as a later run reads them.
        """
        described = {name: describe_file(self.path(name)) for name in files}
        write_json(self.path(_DONE), {"results": dict(results), "files": described})
        return read_json(self.path(_DONE))["results"]

    def results(self) -> dict[str, Any] | None:
        """What `finish` recorded, or None while the part is not done or a file of it is damaged."""
        if not exists(self.path(_DONE)):
            return None
        try:
            done = read_json(self.path(_DONE))
            for name, described in done["files"].items():
                check_file(self.path(name), described)
        except ArtifactError as error:
            logging.warning("%s It will be made again.", error)
            remove(self.path(_DONE))
            return None
        return done["results"]

    def make(self, maker: Maker, scratch: tuple[str, ...] = ()) -> dict[str, Any]:
        """Makes the part.

        Args:
            maker: does the work; returns results and the names of the files to checksum.
            scratch: names of files that a half-done part needs and a done one does not.

        Returns:
            The results, with `seconds` and `peak_memory_bytes` of the work, unless the maker knows
            better.
        """
        self.begin()
        cost: dict[str, float] = {}
        with measured(cost):
            results, files = maker()
        made = self.finish({**cost, **results}, files)
        for name in scratch:
            remove(self.path(name))
        return made

    def ensure(self, maker: Maker, scratch: tuple[str, ...] = ()) -> dict[str, Any]:
        """The part's results, as recorded, or as `make` makes them."""
        results = self.results()
        return self.make(maker, scratch) if results is None else results


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:60]}... ({fingerprint(value)})"


@contextlib.contextmanager
def run_lock(folder: str) -> Iterator[None]:
    """Holds a run's directory for this process; the system lets go of it when the process ends,
    however it ends.

    Raises:
        ArtifactError: another process, alive, holds it.
    """
    make_folder(folder)
    if is_remote(folder):  # object stores have no locks
        yield
        return
    import fcntl  # POSIX only, as the lock is

    with open(os.path.join(folder, disk.LOCK), "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise ArtifactError(
                f"{folder} is in use by another run ({file.read().strip() or 'unknown'}). Wait for "
                f"it to "
                "end, or choose another --output_dir."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield

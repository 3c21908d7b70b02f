"""Free space on the disk: how much there is, and what to say when there is none."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator

from xtremedistil.runtime.errors import ArtifactError, XtremeDistilError

_FULL = (errno.ENOSPC, errno.EDQUOT)
LOCK = ".lock"  # stands in a run's folder while it is being written, and after
# What a run can do without, the least missed first.
_SPARE = {
    "logs": "logs for TensorBoard",
    "export": "made again at the end of the run",
    "targets": "made again by the teacher when they are needed; --targets=live needs none",
}


def is_full(error: BaseException) -> bool:
    """Whether an error means a full disk or a used-up quota, whoever raises it."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    # TensorFlow's own writers (logs, SavedModel) give only the system's message.
    return any(os.strerror(number) in str(error) for number in _FULL)


def free_bytes(path: str) -> int | None:
    """Bytes that can still be written beside `path`, which need not exist; None if unknown."""
    if "://" in path:
        return None
    folder = os.path.abspath(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return shutil.disk_usage(folder).free


def check_room(folder: str, needed: int, instead: str) -> None:
    """Makes sure that a folder's content will fit, before long work is done for it.

    Args:
        folder: which need not exist; what it holds already counts as written.
        needed: bytes of all that it will hold.
        instead: what can be done about too little room.

    Raises:
        ArtifactError: less is free; where that is not known, nothing is checked.
    """
    free = free_bytes(folder)
    if free is None:
        return
    there = tree_bytes(folder)
    lacking = needed - there - free
    if lacking > 0:
        raise ArtifactError(
            f"{folder}: the teacher's targets do not fit: {lacking:,} bytes are missing. {instead}"
            f". What can go: {_spare(folder)}. Received: about {needed:,} bytes needed, {there:,} "
            f"there, {free:,} free"
        )


def full_error(path: str, needed: int | None) -> ArtifactError:
    """The error of a full disk.

    Args:
        path: what could not be written.
        needed: its bytes, if known.
    """
    free = free_bytes(path)
    room = "" if free is None else f" ({free:,} bytes are free)"
    if needed is None:
        lack = f"the disk is full{room}"
    else:
        missing = max(1, needed - (free or 0))
        lack = f"the disk is full: {missing:,} of its {needed:,} bytes are missing{room}"
    return ArtifactError(
        f"{path}: {lack}. Nothing that was whole is damaged. What can go: {_spare(path)}. Then "
        "run the same command again: it goes on from here."
    )


def _spare(path: str) -> str:
    """What of a run's folder can be deleted, with its size."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.exists(os.path.join(folder, LOCK)):
        if folder == os.path.dirname(folder):
            return "other files on this disk"
        folder = os.path.dirname(folder)
    found = [
        f"{os.path.join(folder, name)} ({tree_bytes(os.path.join(folder, name)):,} bytes; {why})"
        for name, why in _SPARE.items()
        if os.path.isdir(os.path.join(folder, name))
    ]
    return "; ".join([*found, "folders of other runs"])


def tree_bytes(folder: str) -> int:
    """Bytes of all files in a local folder and below."""
    return sum(
        os.lstat(os.path.join(top, name)).st_size
        for top, _, names in os.walk(folder)
        for name in names
    )


@contextlib.contextmanager
def full_disk_named(path: str) -> Iterator[None]:
    """Turns a full disk that other packages meet inside the block into an error that names `path`.

    Raises:
        ArtifactError: the disk is full.
    """
    try:
        yield
    except XtremeDistilError:
        raise
    except Exception as error:
        if is_full(error):
            raise full_error(os.path.join(path, "..."), None) from error
        raise

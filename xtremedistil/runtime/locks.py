"""Locks: of a run's folder, which one process alone may work in, and of a file."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

from xtremedistil.runtime import disk, files
from xtremedistil.runtime.errors import ArtifactError


@contextlib.contextmanager
def run_lock(folder: str) -> Iterator[None]:
    """Holds a run's directory for this process.

    Raises:
        ArtifactError: another process, alive, holds it.
    """
    files.make_folder(folder)
    if files.is_remote(folder):  # object stores have no locks
        yield
        return

    def refuse(owner: str) -> None:
        raise ArtifactError(
            f"{folder} is in use by another run ({owner}). Wait for it to end, or choose another "
            "--output_dir."
        )

    with locked(os.path.join(folder, disk.LOCK), refuse):
        yield


@contextlib.contextmanager
def locked(path: str, when_held: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock of a local file; the system lets go of it when the process ends, however it
    ends.

    Args:
        path: of the file, which stays.
        when_held: is told which other process, alive, holds it; unless it raises, that one's end is
            waited for.

    Raises:
        ArtifactError: the file system has no locks.
    """
    import fcntl  # POSIX only, as the lock is

    with open(path, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            when_held(file.read().strip() or "unknown")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:  # some file systems of clusters
            raise ArtifactError(f"{path}: cannot be locked here. Received: {error}") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield

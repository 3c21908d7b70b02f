"""Names of data files: those that a split has, and those that a pattern stands for."""

import os
import re
from collections.abc import Iterable

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError, listed

_SHARD = re.compile(r"-(\d+)-of-(\d+)$")


def transfer_paths(given: Iterable[str]) -> list[str]:
    """The files that paths, folders and patterns name, in order.

    Raises:
        DataError: a folder or a pattern holds no file.
    """
    found = []
    for path in filter(None, given):
        is_pattern = not files.exists(path) and any(c in path for c in "*?[")
        if not (is_pattern or files.is_folder(path)):
            found.append(path)
            continue
        inside = files.match(path if is_pattern else os.path.join(path, "*"))
        own = [p for p in inside if not files.is_folder(p)]
        if not own:
            raise DataError(f"{path}: no file is there (--transfer_file). Received: {path!r}")
        found += own
    return found


def stem(name: str) -> str:
    """The split that a file name begins with: `train.tsv`, `train-00000-of-00002.parquet`."""
    return _SHARD.sub("", name.split(".")[0])


def one_file(folder: str, split: str, found: list[str]) -> list[str]:
    """The file of a split, or all of its numbered parts.

    Args:
        folder: of the files, for errors.
        split: its name, for errors.
        found: the names that begin with it, sorted.

    Raises:
        DataError: there are several files, or a part is missing.
    """
    parts = [match for name in found if (match := _SHARD.search(name.split(".")[0]))]
    if len(found) > 1 and len(parts) < len(found):
        raise DataError(f"{folder}: one {split} file is wanted. Received: {listed(found)}")
    if parts and {(int(p[1]), int(p[2])) for p in parts} != {
        (i, int(parts[0][2])) for i in range(int(parts[0][2]))
    }:
        raise DataError(
            f"{folder}: parts of the {split} file are missing: it has {int(parts[0][2])}. "
            f"Received: {listed(found)}"
        )
    return found

"""What fuzzers do to a folder that a JSON file describes."""

import json
import os

import numpy as np

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import XtremeDistilError

VALUES = [None, True, -1, 0, 1, 2.5, 10**12, 10**30, "", "x", "bilstm", "transformer", [], [1], {}]
TARGETS = ["/etc/passwd", "../outside", "/dev/zero", ".", "weights.safetensors", "nowhere"]
KINDS = 5  # of `damage_file`


def damage_file(path: str, kind: int, rng: np.random.Generator) -> None:
    """Removes a file, cuts it, changes bytes, or puts a link, a folder or a pipe in its place."""
    if kind == 0:
        os.remove(path)
    elif kind == 1:
        os.truncate(path, int(rng.integers(os.path.getsize(path) + 1)))
    elif kind == 2:
        with open(path, "r+b") as file:
            file.seek(int(rng.integers(os.path.getsize(path))))
            file.write(rng.bytes(int(rng.integers(1, 9))))
    elif kind == 3:
        os.remove(path)
        os.symlink(str(rng.choice(TARGETS)), path)
    else:
        os.remove(path)
        (os.mkdir if rng.random() < 0.5 else os.mkfifo)(path)


def change_json(value, rng: np.random.Generator):
    """A JSON value with one thing in it replaced, removed or added."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = str(rng.choice(sorted(value)))
        changed = dict(value)
        if rng.random() < 0.15:
            del changed[name]
        elif rng.random() < 0.15:
            changed[f"../{name}"] = changed.pop(name)
        else:
            changed[name] = change_json(value[name], rng)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.5:
        place = int(rng.integers(len(value)))
        return [*value[:place], change_json(value[place], rng), *value[place + 1 :]]
    return VALUES[rng.integers(len(VALUES))]


def change_file(path: str, rng: np.random.Generator) -> None:
    """Alters a JSON file."""
    with open(path, "rb") as file:
        content = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(change_json(content, rng), file)


def hide(path: str) -> None:
    """Makes the checksums in a JSON file fit what lies beside it, as one would who means harm."""
    folder = os.path.dirname(path)
    try:
        content = files.read_json(path)
        for name in content["files"]:
            content["files"][name] = files.describe_file(os.path.join(folder, name))
        files.write_json(path, content)
    except (XtremeDistilError, KeyError, TypeError, ValueError, OSError):
        return

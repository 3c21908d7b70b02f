"""Altered student folders against their loader: loaded, or refused by an error of the package.

PYTHONPATH=.:tests python tests/fuzz/fuzz_bundle.py --cases=10000 --seed=0
"""

import json
import os
import shutil
import tempfile

import numpy as np
import safetensors.numpy
from fuzz.many_cases import main, run_cases

from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import XtremeDistilError
from xtremedistil.students.bundle import Bundle
from xtremedistil.students.student import LABEL_HEAD, StudentShape, build_student, deployed
from xtremedistil.tokenization.wordpiece import WordPiece

MEMORY = 2 << 30  # bytes that all cases together may add: Keras keeps some of each model
VALUES = [None, True, -1, 0, 1, 2.5, 10**12, 10**30, "", "x", "bilstm", "transformer", [], [1], {}]
TARGETS = ["/etc/passwd", "../outside", "/dev/zero", ".", "weights.safetensors", "nowhere"]


def write_bundle(folder: str) -> None:
    """A student that is whole."""
    pieces = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c")
    labels = LabelSet(("O", "B-LOC", "I-LOC"), "ner")
    shape = StudentShape(6, 4, 3, 5, len(labels))
    model = deployed(build_student(shape, 0.0), LABEL_HEAD)
    rows = np.array([0, 1, 2, 3, 1, 4, 5, 1], np.int32)
    Bundle(model, shape, LABEL_HEAD, WordPiece(pieces), rows, labels).save(folder)


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


def alter(folder: str, rng: np.random.Generator) -> None:
    """Does one kind of damage to a student's folder."""
    name = str(rng.choice(sorted(os.listdir(folder))))
    path, kind = os.path.join(folder, name), rng.integers(8)
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
    elif kind == 4:
        os.remove(path)
        (os.mkdir if rng.random() < 0.5 else os.mkfifo)(path)
    elif kind == 5:
        with open(os.path.join(folder, "tokenizer.json"), "wb") as file:
            file.write(rng.bytes(40))
    elif kind == 6:
        tensors_path = os.path.join(folder, str(rng.choice(["weights", "rows"])) + ".safetensors")
        tensors = safetensors.numpy.load_file(tensors_path)
        chosen = str(rng.choice(sorted(tensors)))
        values = tensors[chosen]
        other = [
            values[:-1],
            values.astype(np.float64),
            values.T,
            -values,
            values[None],
            values[:0],
        ]
        tensors[chosen] = np.ascontiguousarray(other[rng.integers(len(other))])
        safetensors.numpy.save_file(tensors, tensors_path)
    else:
        change_file(os.path.join(folder, "bundle.json"), rng)


def change_file(path: str, rng: np.random.Generator) -> None:
    """Alters a JSON file."""
    with open(path, "rb") as file:
        content = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(change_json(content, rng), file)


def hide(folder: str) -> None:
    """Makes the checksums fit what was altered, as one would who means harm."""
    path = os.path.join(folder, "bundle.json")
    try:
        content = files.read_json(path)
        for name in content["files"]:
            content["files"][name] = files.describe_file(os.path.join(folder, name))
        files.write_json(path, content)
    except (XtremeDistilError, KeyError, TypeError, OSError):
        return


def run(cases: int, seed: int) -> dict[str, int]:
    """Tries so many folders; see `run_cases`."""
    with tempfile.TemporaryDirectory() as top:
        whole, folder = os.path.join(top, "whole"), os.path.join(top, "student")
        write_bundle(whole)
        Bundle.load(whole)

        def try_one(rng: np.random.Generator) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
            alter(folder, rng)
            if rng.random() < 0.5:
                hide(folder)
            Bundle.load(folder)

        return run_cases("loaded", try_one, cases, seed, MEMORY)


if __name__ == "__main__":
    main(__doc__, run)

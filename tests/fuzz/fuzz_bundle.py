"""Altered student folders against their loader: loaded, or refused by an error of the package.

PYTHONPATH=.:tests python tests/fuzz/fuzz_bundle.py --cases=10000 --seed=0
"""

import os
import shutil
import tempfile

import numpy as np
import safetensors.numpy
from fuzz.damage import KINDS, change_file, damage_file, hide
from fuzz.many_cases import main, run_cases

from xtremedistil.data.labels import LabelSet
from xtremedistil.students.bundle import Bundle
from xtremedistil.students.folder import BUNDLE
from xtremedistil.students.student import LABEL_HEAD, StudentShape, build_student, deployed
from xtremedistil.tokenization.wordpiece import WordPiece

MEMORY = 2 << 30  # bytes that all cases together may add: Keras keeps some of each model


def write_bundle(folder: str) -> None:
    """A student that is whole."""
    pieces = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c")
    labels = LabelSet(("O", "B-LOC", "I-LOC"), "ner")
    shape = StudentShape(6, 4, 3, 5, len(labels))
    model = deployed(build_student(shape, 0.0), LABEL_HEAD)
    rows = np.array([0, 1, 2, 3, 1, 4, 5, 1], np.int32)
    Bundle(model, shape, LABEL_HEAD, WordPiece(pieces), rows, labels).save(folder)


def alter(folder: str, rng: np.random.Generator) -> None:
    """Does one kind of damage to a student's folder."""
    name = str(rng.choice(sorted(os.listdir(folder))))
    path, kind = os.path.join(folder, name), rng.integers(8)
    if kind < KINDS:
        damage_file(path, kind, rng)
    elif kind == KINDS:
        with open(os.path.join(folder, "tokenizer.json"), "wb") as file:
            file.write(rng.bytes(40))
    elif kind == KINDS + 1:
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
        change_file(os.path.join(folder, BUNDLE), rng)


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
                hide(os.path.join(folder, BUNDLE))
            Bundle.load(folder)

        return run_cases("loaded", try_one, cases, seed, MEMORY)


if __name__ == "__main__":
    main(__doc__, run)

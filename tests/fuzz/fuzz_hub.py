"""Altered and hostile students on a hub that a folder plays: each is loaded and reads text, or is
refused by an error of the package; nothing is asked for that leads elsewhere, and nothing fetched
but what a student is made of.

PYTHONPATH=.:tests python tests/fuzz/fuzz_hub.py --cases=10000 --seed=0
"""

import json
import os
import pathlib
import re
import shutil
import tempfile

import fake_hub
import numpy as np
import safetensors.numpy
from fuzz.damage import VALUES, change_file, damage_file, hide
from fuzz.fuzz_native import HEAD, PIECES, ROWS, write_exports
from fuzz.many_cases import main, run_cases
from native.students import random_weights

from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime import files
from xtremedistil.serving import hub
from xtremedistil.serving.load import load
from xtremedistil.students.folder import BUNDLE, WEIGHTS, Codec, StudentFolder
from xtremedistil.students.shape import StudentShape
from xtremedistil.tokenization.wordpiece import WordPiece

MEMORY = 1 << 30  # bytes that all cases together may add to the peak
HUGE = 3 << 30
KINDS = 8
TEXT = "ac b xyz"
FILES = (
    "../outside.json",
    "/etc/passwd",
    "a/b.json",
    "evil.py",
    "weights.pkl",
    "pytorch_model.bin",
    "*.json",
    "[a-z]*.txt",
    "",
    ".json",
    ".hidden.json",
    "x.json\n",
    "a\0b.json",
    "a" * 300 + ".json",
    "card.json",
    "bundle.json",
    "tokenizer.json",
    "added_tokens.json",
    "\u0430.json",
    "\ud800.json",
    "x.json/../y.json",
)
NAMES = (
    "hf://user/../../etc",
    "hf://../student",
    "hf:///etc/passwd",
    "hf://user",
    "hf://",
    "hf://user/student0@../../x",
    "hf://user/student0@/etc/passwd",
    "hf://user/student0@",
    "hf://user/student0@main\n",
    "user/student0@a..b",
    "user\\student0",
    "user/nothing",
)
JSON = (
    b"[" * 100_000,
    b'{"files":' * 5_000,
    b"1" * 5_000,
    b'{"format": ' + b"9" * 5_000 + b"}",
    b'{"format": NaN, "files": {"x.json": 1e999}}',
    b'{"files": {"\xff.json": 1}}',
    b"\xef\xbb\xbf{}",
    b"null",
    b"",
)


def write_shelf(shelf: str) -> list[str]:
    """A student and native exports of several, whole, one folder each below `user`; their names."""
    folder = os.path.join(shelf, "student0")
    labels = LabelSet(("O", "B-LOC", "I-LOC"), "ner")
    shape = StudentShape(6, 4, 3, 5, len(labels))
    student = StudentFolder(folder, shape, HEAD, Codec(WordPiece(PIECES), ROWS, labels))
    files.make_folder(folder)
    content = safetensors.numpy.save(random_weights(shape))
    files.write_bytes(os.path.join(folder, WEIGHTS), content)
    student.save_description((WEIGHTS, *student.codec.save(folder)))
    with tempfile.TemporaryDirectory() as top:
        for number, export in enumerate(write_exports(top)[:3]):
            shutil.copytree(export, os.path.join(shelf, f"export{number}"))
    return sorted(os.listdir(shelf))


def alter(folder: str, others: list[str], rng: np.random.Generator) -> None:
    """Does one kind of harm that whoever owns a folder on the hub can do: its files have any bytes,
    names and sizes; links and pipes it cannot hold. `others` are whole folders."""
    names = sorted(os.listdir(folder))
    kind, path = rng.integers(KINDS), os.path.join(folder, str(rng.choice(names)))
    described = os.path.join(folder, next(n for n in (BUNDLE, "card.json") if n in names))
    if kind < 3:
        damage_file(path, kind, rng)
    elif kind == 3:
        change_file(described, rng)
    elif kind == 4:  # a file that none is as large as, and the description says so
        size = HUGE if rng.random() < 0.9 else (1 << 27) + 1
        os.truncate(path, size)
        if path != described:
            content = files.read_json(described)
            content["files"][os.path.basename(path)]["bytes"] = size
            files.write_json(described, content)
    elif kind == 5:
        with open(described, "wb") as file:
            file.write(JSON[rng.integers(len(JSON))])
    elif kind == 6:  # files of another folder, of which two then describe it
        other = str(rng.choice(others))
        for name in rng.choice(sorted(os.listdir(other)), 2):
            shutil.copy(os.path.join(other, name), os.path.join(folder, name))
    else:
        add_names(described, rng)


def add_names(described: str, rng: np.random.Generator) -> None:
    """Has a description name files that no student has, some of which are there."""
    content = files.read_json(described)
    for name in rng.choice(FILES, int(rng.integers(1, 4))).tolist():
        told = VALUES[rng.integers(len(VALUES))]
        path = os.path.join(os.path.dirname(described), name)
        if rng.random() < 0.7 and re.fullmatch(r"[\w.*-]{1,99}", name) and not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(rng.bytes(20))
            told = files.describe_file(path)
        content["files"][name] = told
    with open(described, "w", encoding="ascii") as file:
        json.dump(content, file)


def everything(top: str) -> set[str]:
    """All paths below a folder."""
    return {os.path.join(at, n) for at, *both in os.walk(top) for names in both for n in names}


def run(cases: int, seed: int) -> dict[str, int]:
    """Tries so many; see `run_cases`."""
    with tempfile.TemporaryDirectory() as top:
        whole, shelf, cache = (os.path.join(top, name) for name in ("whole", "shelf", "cache"))
        known = write_shelf(whole)
        os.mkdir(shelf)
        before, found = everything(top), hub._library

        def try_one(rng: np.random.Generator) -> None:
            for folder in (shelf, cache):
                shutil.rmtree(folder, ignore_errors=True)
            chosen = str(rng.choice(known))
            folder = os.path.join(shelf, "user", chosen)
            shutil.copytree(os.path.join(whole, chosen), folder)
            alter(folder, [os.path.join(whole, name) for name in known], rng)
            if rng.random() < 0.5 and all(
                os.path.getsize(os.path.join(folder, name)) < 1 << 20 for name in os.listdir(folder)
            ):
                for name in (BUNDLE, "card.json"):
                    hide(os.path.join(folder, name))
            library = fake_hub.play(pathlib.Path(shelf), pathlib.Path(cache))
            hub._library = lambda: library
            name = f"user/{chosen}" if rng.random() < 0.5 else f"hf://user/{chosen}@main"
            if rng.random() < 0.1:
                name = str(rng.choice(NAMES))
            try:
                (answer,) = load(name, quantize="int8").tag([TEXT])
                assert len(answer.words) == 3
            finally:
                check(library)
                outside = everything(top) - before
                assert all(path.startswith((shelf, cache)) for path in outside), outside

        try:
            return run_cases("loaded", try_one, cases, seed, MEMORY)
        finally:
            hub._library = found


def check(library: object) -> None:
    """Raises an AssertionError where something was asked for, or fetched, that must not be."""
    for repository, revision in library.asked:
        assert re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", repository), repository
        assert revision is None or (".." not in revision and revision[0] not in "/-"), revision
    for name in library.fetched:
        assert name.endswith(hub._ENDINGS), name
        assert name == os.path.basename(name), name


if __name__ == "__main__":
    main(__doc__, run)

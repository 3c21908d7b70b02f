"""Altered checkpoints in several safetensors files: every tensor is read, or refused by an error of
the package.

PYTHONPATH=.:tests python tests/fuzz/fuzz_shards.py --cases=10000 --seed=0
"""

import json
import os
import shutil
import tempfile

import numpy as np
import safetensors.numpy
from fuzz.damage import KINDS, VALUES, change_file, change_json, damage_file
from fuzz.many_cases import main, run_cases

from xtremedistil.teachers.checkpoint import Weights, read_config

MEMORY = 1 << 30  # bytes that all cases together may add to the peak
INDEX = "model.safetensors.index.json"
SHAPES = {"bert.a.weight": (5, 3), "bert.a.LayerNorm.weight": (3,), "bert.b.bias": (7,)}
TYPES = (np.float32, np.float16, np.float32)


def write_checkpoint(folder: str) -> None:
    """One in two files, whole."""
    os.makedirs(folder)
    rng, named = np.random.default_rng(0), {}
    for number, names in enumerate((list(SHAPES)[:2], list(SHAPES)[2:])):
        file = f"model-{number}.safetensors"
        tensors = {name: rng.normal(size=SHAPES[name]).astype(TYPES[number]) for name in names}
        safetensors.numpy.save_file(tensors, os.path.join(folder, file))
        named |= dict.fromkeys(names, file)
    for file, content in ((INDEX, {"weight_map": named}), ("config.json", {"model_type": "bert"})):
        with open(os.path.join(folder, file), "w", encoding="utf-8") as written:
            json.dump(content, written)


def alter(folder: str, rng: np.random.Generator) -> None:
    """Does one kind of damage."""
    names = sorted(os.listdir(folder))
    path, kind = os.path.join(folder, str(rng.choice(names))), rng.integers(KINDS + 3)
    if kind < KINDS:
        damage_file(path, kind, rng)
    elif kind == KINDS and path.endswith(".json"):
        change_file(path, rng)
    elif kind == KINDS + 1:  # one file in the place of another
        other = os.path.join(folder, str(rng.choice(names)))
        if other != path:
            shutil.copy(other, path)
    elif path.endswith(".safetensors"):
        change_header(path, rng)


def change_header(path: str, rng: np.random.Generator) -> None:
    """Alters what a file says of its tensors, with a length that fits, or one that does not."""
    with open(path, "rb") as file:
        content = file.read()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(change_json(json.loads(content[8:end]), rng)).encode()
    length = len(header)
    if rng.random() < 0.2:
        length = max(0, int(VALUES[rng.integers(2, 8)] or 0)) % 2**64
    with open(path, "wb") as file:
        file.write(length.to_bytes(8, "little") + header + content[end:])


def run(cases: int, seed: int) -> dict[str, int]:
    """Tries so many checkpoints; see `run_cases`."""
    with tempfile.TemporaryDirectory() as top:
        whole, folder = os.path.join(top, "whole"), os.path.join(top, "teacher")
        write_checkpoint(whole)

        def try_one(rng: np.random.Generator) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
            alter(folder, rng)
            read_config(folder)
            weights = Weights(folder, "bert.")
            for name in SHAPES:
                assert weights.read(name).shape == weights.shape(name)
            assert len(weights.checksum) > 0

        return run_cases("read", try_one, cases, seed, MEMORY)


if __name__ == "__main__":
    main(__doc__, run)

"""Altered native exports, and batches of all kinds, against the network in C: an answer of the
right shape, or an error of the package. `tests/soak/fuzz_native.py` does it under sanitizers.

PYTHONPATH=.:tests python tests/fuzz/fuzz_native.py --cases=10000 --seed=0
"""

import os
import shutil
import tempfile

import numpy as np
import safetensors.numpy
from fuzz.damage import KINDS, change_file, damage_file, hide
from fuzz.many_cases import main, run_cases
from native.checks import VARIANTS
from native.students import HEAD, random_weights

from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.serving.exports.card import CARD, load_export, write_card
from xtremedistil.serving.exports.native import NATIVE, WEIGHTS
from xtremedistil.serving.exports.record import Settings
from xtremedistil.serving.native.model import NativeModel
from xtremedistil.students.folder import WEIGHTS as STUDENT_WEIGHTS
from xtremedistil.students.folder import Codec, StudentFolder
from xtremedistil.students.shape import StudentShape
from xtremedistil.tokenization.wordpiece import WordPiece

MEMORY = 1 << 30  # bytes that all cases together may add to the peak
PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c")
ROWS = np.array([0, 1, 2, 3, 1, 4, 5, 1], np.int32)
TEXTS = ["ac b", "", "b " * 40, "x" * 300]
COUNTS = [0, 1, 2, -1, 7, 255, 1 << 16, (1 << 16) + 1, 1 << 24, (1 << 24) + 1, 2**31 - 1, -(2**31)]
HEADER_FIELDS, HEADER_BYTES = 7, 64
MOST_TEXTS, MOST_LENGTH, MOST_PIECES = 1000, 5000, 20_000
DTYPES = (np.int64, np.uint8, np.float32, np.float64, np.bool_, np.object_)


def write_exports(top: str) -> list[str]:
    """A native export of each kind that there is, whole; their folders."""
    folders = []
    for number, variant in enumerate(VARIANTS):
        task = variant.get("task", "ner")
        labels = LabelSet(("O", "B-LOC", "I-LOC") if task == "ner" else ("bad", "good"), task)
        shape = StudentShape(6, 4 + number, 3 + 5 * number, 5 + number, len(labels), **variant)
        student = StudentFolder(
            f"{top}/student{number}", shape, HEAD, Codec(WordPiece(PIECES), ROWS, labels)
        )
        files.make_folder(student.folder)
        content = safetensors.numpy.save(random_weights(shape, number))
        files.write_bytes(os.path.join(student.folder, STUDENT_WEIGHTS), content)
        folder = f"{top}/export{number}"
        names = NATIVE.write(student, folder, Settings("int8"))
        write_card(NATIVE, student, folder, Settings("int8"), {}, names)
        folders.append(folder)
    return folders


def alter(folder: str, others: list[str], rng: np.random.Generator) -> None:
    """Does one kind of damage to an export's folder; `others` are whole ones."""
    names = sorted(os.listdir(folder))
    kind, name = rng.integers(KINDS + 4), str(rng.choice(names))
    path = os.path.join(folder, name)
    if kind < KINDS:
        damage_file(path, kind, rng)
    elif kind == KINDS:
        change_file(os.path.join(folder, CARD), rng)
    elif kind == KINDS + 1:  # a file in the place of another, or of another export's
        other = os.path.join(str(rng.choice([folder, *others])), str(rng.choice(names)))
        if not os.path.exists(path) or not os.path.samefile(other, path):
            shutil.copy(other, path)
    else:
        path = os.path.join(folder, WEIGHTS)
        content = files.read_bytes(path)
        change = altered_header if kind == KINDS + 2 else altered_arrays
        files.write_bytes(path, change(bytearray(content), rng))


def altered_header(content: bytearray, rng: np.random.Generator) -> bytes:
    """Weights whose counts are others; now and then as many bytes as these counts might want."""
    header = np.frombuffer(content, np.int32, HEADER_FIELDS)
    for _ in range(rng.integers(1, 3)):
        place = rng.integers(HEADER_FIELDS)
        header[place] = rng.choice([*COUNTS, (int(header[place]) + 1) % 2**31])
    more = 64 * int(rng.integers(1, 100)) if rng.random() < 0.3 else 0
    return bytes(content) + bytes(more)


def altered_arrays(content: bytearray, rng: np.random.Generator) -> bytes:
    """Weights of which some are of another type, no numbers, or moved."""
    kind, body = rng.integers(4), np.frombuffer(content, np.float32)[HEADER_BYTES // 4 :]
    if kind == 0:
        body[rng.integers(len(body), size=3)] = rng.choice([np.nan, np.inf, -np.inf, 3e38, -1e-40])
    elif kind == 1:
        first = int(rng.integers(len(body)))
        body[first : first + 64] = rng.integers(-(2**31), 2**31 - 1, 64).view(np.float64)[
            : len(body) - first
        ]
    elif kind == 2:
        body[:] = np.roll(body, int(rng.integers(len(body))))
    else:
        body[:] = body[::-1].copy()
    return bytes(content)


def answers_texts(folder: str) -> None:
    """Loads an export and reads texts; an answer may be wrong, but it is one."""
    predictor = load_export(NATIVE, folder)
    answer = predictor.tag if predictor.task == "ner" else predictor.classify
    assert len(answer(TEXTS)) == len(TEXTS)


def log_uniform(most: int, rng: np.random.Generator) -> int:
    """A number from 0 to `most`, small ones as often as large ones."""
    return round(float(np.exp(rng.uniform(0, np.log(most + 1))))) - 1


def reads_batch(model: NativeModel, rng: np.random.Generator) -> None:
    """Gives the network a batch, of which something may be wrong.

    Raises:
        DataError: something was.
        AssertionError: the answer is not one, or is one to what should have been refused.
    """
    texts = log_uniform(MOST_TEXTS, rng)
    length = min(log_uniform(MOST_LENGTH, rng), MOST_PIECES // max(texts, 1))
    ids = rng.integers(0, model.vocabulary_size, (texts, length)).astype(np.int32)
    lengths = rng.integers(1, max(length, 1) + 1, texts).astype(np.int32)
    legal = ids.size > 0
    wrong = rng.integers(10)
    bad = rng.choice([-1, model.vocabulary_size, 2**31 - 1, -(2**31), 2**32, -(2**63)])
    if wrong == 0 and ids.size:
        ids = ids.astype(np.int64)
        ids.flat[rng.integers(ids.size)] = bad
        legal = False
    elif wrong == 1 and texts:
        lengths = lengths.astype(np.int64)
        lengths[rng.integers(texts)] = rng.choice([0, -1, length + 1, 2**31 - 1, 2**32 + 1])
        legal = False
    elif wrong == 2:
        ids = ids.astype(rng.choice(DTYPES))
        legal = legal and ids.dtype.kind in "iu"
    elif wrong == 3:
        lengths, legal = np.resize(lengths, texts + int(rng.integers(1, 3))), False
    elif wrong == 4:
        shapes = (ids[None], ids.reshape(-1), ids[..., None])
        ids, legal = shapes[rng.integers(len(shapes))], False
    elif wrong == 5:
        ids = np.asfortranarray(ids)[:, ::-1]
    try:
        found = model(ids, lengths)
    except DataError:
        assert not legal, (ids.shape, ids.dtype, wrong)
        raise
    assert legal, (ids.shape, ids.dtype, wrong)
    rows = ids.shape[:1] if model.reads_last else ids.shape
    assert found.shape == (*rows, model.classes)
    assert np.isfinite(found).all()


def run(cases: int, seed: int) -> dict[str, int]:
    """Tries so many folders and batches, by turns; see `run_cases`."""
    with tempfile.TemporaryDirectory() as top:
        folders = write_exports(top)
        models = [load_export(NATIVE, folder).network for folder in folders]
        copy = os.path.join(top, "export")

        def try_one(rng: np.random.Generator) -> None:
            number = int(rng.integers(len(folders)))
            if rng.random() < 0.3:
                reads_batch(models[number], rng)
                return
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folders[number], copy)
            alter(copy, folders, rng)
            if rng.random() < 0.7:
                hide(os.path.join(copy, CARD))
            answers_texts(copy)

        return run_cases("answered", try_one, cases, seed, MEMORY)


if __name__ == "__main__":
    main(__doc__, run)

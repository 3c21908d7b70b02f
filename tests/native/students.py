"""Students with random weights, made without TensorFlow."""

import os

import numpy as np
import safetensors.numpy

from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.runtime import files
from xtremedistil.students.folder import WEIGHTS, Codec, StudentFolder
from xtremedistil.students.shape import StudentShape
from xtremedistil.tokenization.registry import open_tokenizer

HEAD = "label_head"


def random_weights(shape: StudentShape, seed: int = 0, gain: float = 1.0) -> dict[str, np.ndarray]:
    """Weights by name, as large as those of a trained student, times `gain`."""
    rng = np.random.default_rng(seed)
    embedding, units = shape.embedding_dim, shape.hidden_size
    sizes = {"embeddings/embeddings": (shape.vocabulary_size, embedding)}
    for side in ("forward", "backward"):
        cell = f"encoder/{side}_lstm/lstm_cell"
        sizes[f"{cell}/kernel"] = (embedding, 4 * units)
        sizes[f"{cell}/recurrent_kernel"] = (units, 4 * units)
        sizes[f"{cell}/bias"] = (4 * units,)
    read = 2 * units
    if shape.heads_on == "projection":
        sizes["projection/kernel"] = (read, shape.teacher_width)
        sizes["projection/bias"] = (shape.teacher_width,)
        read = shape.teacher_width
    sizes[f"{HEAD}/kernel"], sizes[f"{HEAD}/bias"] = (read, shape.classes), (shape.classes,)
    return {
        name: (gain * rng.normal(size=size) / np.sqrt(size[0])).astype(np.float32)
        for name, size in sizes.items()
    }


def save_student(folder: str, task: str = "ner", **sizes: int | str) -> StudentFolder:
    """A student's folder with the embedded corpus's vocabulary."""
    rules = open_tokenizer(vocabulary_dir())
    names = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    labels = LabelSet.from_data(names, task) if task == "ner" else LabelSet(("bad", "good"), task)
    rows = np.arange(len(rules.vocabulary), dtype=np.int32)
    given = {"embedding_dim": 12, "hidden_size": 10, "teacher_width": 16, **sizes}
    shape = StudentShape(len(rows), classes=len(labels), task=task, **given)
    content = safetensors.numpy.save(random_weights(shape, gain=2))
    files.make_folder(folder)
    files.write_bytes(os.path.join(folder, WEIGHTS), content)
    student = StudentFolder(folder, shape, HEAD, Codec(rules, rows, labels))
    student.save_description((WEIGHTS, *student.codec.save(folder)))
    return student

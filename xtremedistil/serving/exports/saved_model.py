"""The TensorFlow SavedModel as a format of exports; its graph is made in `serving.graph`."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from xtremedistil.runtime import files
from xtremedistil.serving.exports.card import describe_ids, describe_logits
from xtremedistil.serving.exports.record import Export, Settings
from xtremedistil.serving.python.predictor import Network
from xtremedistil.students.folder import StudentFolder

GRAPH = "saved_model.pb"


def _write(student: StudentFolder, folder: str, settings: Settings) -> tuple[str, ...]:
    # here, not above: it needs TensorFlow
    from xtremedistil.serving.graph.saved_model import export_saved_model

    export_saved_model(student.folder, folder, settings.jit_compile)
    return tuple(_files_in(folder, ""))


def _files_in(folder: str, below: str) -> Iterator[str]:
    """Names of all files, with those of the folders that they are in."""
    for name in files.list_folder(os.path.join(folder, below) if below else folder):
        path = f"{below}/{name}" if below else name
        if files.is_folder(os.path.join(folder, path)):
            yield from _files_in(folder, path)
        else:
            yield path


def _open(folder: str, threads: int) -> Network:
    import tensorflow as tf  # here, not above: an ONNX export is loaded without
    import tensorflow_text  # noqa: F401  (registers the ops that the SavedModel holds)

    loaded = tf.saved_model.load(folder)
    predict = loaded.signatures["predict"]

    def network(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return predict(ids=tf.constant(ids))["logits"].numpy()

    network.loaded = loaded  # the signature alone does not keep its variables
    return network


def _signature(student: StudentFolder) -> dict[str, Any]:
    """Of the default signature; the class that makes the graph describes the others."""
    from xtremedistil.serving.graph.registry import has_graph  # needs TensorFlow

    if not has_graph(student.codec.tokenizer):
        ids = describe_ids(student.codec, "batch", "length")["ids"]
        return {"inputs": {"ids": ids}, "outputs": describe_logits(student, "batch", "length")}
    texts = {"type": "string", "shape": ["batch"], "meaning": "raw text"}
    if student.shape.task == "ner":
        words = {"type": "string", "shape": ["batch", "words"]}
        outputs = {
            "words": {**words, "meaning": "the words of each text, then empty ones"},
            "tags": {**words, "meaning": "one of `labels` for each word"},
        }
    else:
        classes = ["batch", len(student.codec.labels)]
        outputs = {
            "labels": {"type": "string", "shape": ["batch"], "meaning": "one of `labels`"},
            "scores": {"type": "float32", "shape": classes, "meaning": "probability of each label"},
        }
    return {"inputs": {"texts": texts}, "outputs": outputs}


SAVED_MODEL = Export(
    name="saved_model",
    title="a SavedModel",
    write=_write,
    open=_open,
    graph=GRAPH,
    signature=_signature,
    marks=(GRAPH,),
    compiles=True,
    not_loaded="tf.saved_model.load reads it, with tensorflow_text imported. Give the student's "
    f"folder instead. Received: a folder with {GRAPH}",
)

"""ONNX as a format of exports, and as what `load` runs a student's folder with."""

import os
from typing import Any

from xtremedistil.runtime import files
from xtremedistil.serving.exports.card import CARD, describe_ids, describe_logits
from xtremedistil.serving.exports.onnx_model import LIBRARIES, OnnxModel
from xtremedistil.serving.exports.record import INT8, NONE, Export, Settings, needs_lstm
from xtremedistil.students.folder import StudentFolder

GRAPH = "student.onnx"


def _graph(student: StudentFolder, quantize: str) -> bytes:
    from xtremedistil.serving.exports.onnx_graph import build  # an extra: only ONNX needs it

    return build(student.shape, student.weights(), student.head, quantize).SerializeToString()


def _write(student: StudentFolder, folder: str, settings: Settings) -> tuple[str, ...]:
    model = _graph(student, settings.quantize)
    files.make_folder(folder)
    files.write_bytes(os.path.join(folder, GRAPH), model)
    return (GRAPH, *student.codec.save(folder))


def _open(folder: str, threads: int) -> OnnxModel:
    path = os.path.join(folder, GRAPH)
    return OnnxModel(files.read_bytes(path), path, threads)


def _build(student: StudentFolder, quantize: str, threads: int) -> OnnxModel:
    return OnnxModel(_graph(student, quantize), student.folder, threads)


def _signature(student: StudentFolder) -> dict[str, Any]:
    return {
        "inputs": describe_ids(student.codec, "batch", "length"),
        "outputs": describe_logits(student, "batch", "length"),
    }


ONNX = Export(
    name="onnx",
    title="an ONNX export",
    write=_write,
    open=_open,
    graph=GRAPH,
    signature=_signature,
    marks=(CARD,),  # format 1 had no other card of this name
    quantize=(NONE, INT8),
    refuses=needs_lstm,
    libraries=LIBRARIES,
    extra="onnx",
    build=_build,
)

"""A student as weights for the C kernel, and as what `load` runs a student's folder with."""

import os
from typing import Any

from xtremedistil.runtime import files
from xtremedistil.serving.exports.card import describe_ids, describe_logits
from xtremedistil.serving.exports.record import INT8, Export, Settings, needs_lstm
from xtremedistil.serving.native.model import NativeModel, can_run
from xtremedistil.serving.native.pack import pack
from xtremedistil.students.folder import StudentFolder

WEIGHTS = "student.int8"


def _pack(student: StudentFolder) -> bytes:
    return pack(student.shape, student.weights(), student.head)


def _write(student: StudentFolder, folder: str, settings: Settings) -> tuple[str, ...]:
    content = _pack(student)
    files.make_folder(folder)
    files.write_bytes(os.path.join(folder, WEIGHTS), content)
    return (WEIGHTS, *student.codec.save(folder))


def _open(folder: str, threads: int) -> NativeModel:
    path = os.path.join(folder, WEIGHTS)
    return NativeModel(files.read_bytes(path), path, threads)


def _build(student: StudentFolder, quantize: str, threads: int) -> NativeModel:
    return NativeModel(_pack(student), student.folder, threads)


def _signature(student: StudentFolder) -> dict[str, Any]:
    return {
        "inputs": describe_ids(student.codec, "batch", "length"),
        "outputs": describe_logits(student, "batch", "length"),
    }


NATIVE = Export(
    name="native",
    title="a native export",
    write=_write,
    open=_open,
    graph=WEIGHTS,
    signature=_signature,
    quantize=(INT8,),
    refuses=needs_lstm,
    build=_build,
    is_fast=can_run,
)

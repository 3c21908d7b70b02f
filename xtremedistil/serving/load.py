"""A student's folder to a predictor, with the fastest backend that is installed."""

import os

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.card import load_export
from xtremedistil.serving.exports.record import INT8, NONE, Export
from xtremedistil.serving.exports.registry import backends, export_in, quantizations
from xtremedistil.serving.hub import find_student
from xtremedistil.serving.python.keras_network import KerasNetwork
from xtremedistil.serving.python.predictor import Network, Predictor
from xtremedistil.students.folder import (
    BUNDLE,
    KIND,
    StudentFolder,
    descriptions_checked,
    student_in,
)

AUTO, KERAS = "auto", "keras"


def backend_names() -> tuple[str, ...]:
    """What `load` can be asked to run a student with."""
    return (AUTO, *backends(), KERAS)


def _fastest(quantize: str) -> list[Export]:
    """The installed backends that hold weights so, the fastest first."""
    able = [e for e in backends().values() if quantize in e.quantize and e.is_installed]
    return sorted(able, key=lambda export: not export.is_fast())


def needs_keras(backend: str, quantize: str) -> bool:
    """Whether `load` runs a student in Keras, so far as that does not depend on the student."""
    return backend == KERAS or (backend == AUTO and not _fastest(quantize))


def open_fastest(folder: str, threads: int = 0) -> tuple[str, Network] | None:
    """A student in the fastest form that is installed.

    Args:
        folder: of the student.
        threads: that one call may use; 0 for every core.

    Returns:
        What the form is called, and the network; None where none can hold the student, or be run.
    """
    student = StudentFolder.load(folder)
    for quantize, suffix in ((INT8, f" {INT8}"), (NONE, "")):
        for export in _fastest(quantize):
            if export.is_fast() and not export.refuses(student.shape):
                return f"{export.name}{suffix}", _build(export, student, quantize, threads)
    return None


def _build(export: Export, student: StudentFolder, quantize: str, threads: int) -> Network:
    """The network of a student in a format; weights that are not a student's are an error that
    names its folder."""
    with descriptions_checked(student.folder, KIND):
        return export.build(student, quantize, threads)


def holds_student(folder: str) -> bool:
    """Whether `load` can find a student in a folder: its own, an export of it, or its run's."""
    return export_in(folder) is not None or files.exists(os.path.join(student_in(folder), BUNDLE))


def load(folder: str, backend: str = AUTO, quantize: str = NONE, threads: int = 0) -> Predictor:
    """Loads a student.

    Args:
        folder: a student's folder, an export that can be loaded, the folder of a run that holds
            `student/`, or a name on the hub (`user/name`, `hf://user/name@revision`); a folder of
            that name wins.
        backend: `auto` is the fastest format of exports that is installed and can hold the student
            with weights as `quantize` says: `native` for int8 where the processor has AVX2 or
            VNNI, else `onnx`; otherwise `onnx`, else `keras`.
        quantize: what to do to the weights; Keras can do nothing. An export is as it was exported.
        threads: that one call may use; 0 for every core.

    Raises:
        ArtifactError: a file is missing, altered, or of another format.
        ConfigError: no such backend, or one that cannot do what is asked.
    """
    known = {"backend": backend_names(), "quantize": quantizations()}
    for name, value in (("backend", backend), ("quantize", quantize)):
        if value not in known[name]:
            legal = ", ".join(known[name])
            raise ConfigError(f"{name} is one of {legal}. Received: {name}={value!r}")
    if threads < 0:
        raise ConfigError(
            f"threads is at least 0, which is every core. Received: threads={threads}"
        )
    folder = find_student(folder)
    if (export := export_in(folder)) is not None:
        return load_export(export, folder, threads)
    folder = student_in(folder)
    student = StudentFolder.load(folder)
    chosen = [export for export in backends().values() if export.name == backend]
    if backend == AUTO:
        chosen = [e for e in _fastest(quantize) if not e.refuses(student.shape)][:1]
    if chosen:
        if quantize not in chosen[0].quantize:
            held = " or ".join(chosen[0].quantize)
            raise ConfigError(
                f"{backend} holds weights with quantize={held}. Received: "
                f"backend={backend} quantize={quantize}"
            )
        chosen[0].check_installed()
        chosen[0].check_student(student.shape)
        network = _build(chosen[0], student, quantize, threads)
    elif quantize == NONE:
        network = KerasNetwork(folder)
    else:
        able = [export for export in backends().values() if quantize in export.quantize]
        extras = (f" (pip install 'xtremedistil[{e.extra}]')" if e.extra else "" for e in able)
        ready = ", ".join(e.name + extra for e, extra in zip(able, extras, strict=True))
        raise ConfigError(
            f"{quantize} needs one of {ready}, and a student that it can hold. Received: "
            f"backend={backend} quantize={quantize} encoder={student.shape.encoder}"
        )
    return Predictor(student.codec, network, student.shape.kind.window)

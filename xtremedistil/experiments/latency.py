"""The latency of students beside their teacher, all in one process: of a run at its end, and of a
sweep (Table 16, Figures 1 and 3).

Each run measures its own latency too, when it ends; but a sweep runs for hours, and what else the
machine did meanwhile differs from run to run. Latency needs no training: planned runs have one.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from xtremedistil.benchmark.latency import LENGTH, model_latency
from xtremedistil.config import Config
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.experiments.run import Run
from xtremedistil.report import schema
from xtremedistil.report.collected import load
from xtremedistil.report.result import Result
from xtremedistil.runtime import files
from xtremedistil.runtime.environment import hardware, versions
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.runtime.locks import run_lock
from xtremedistil.runtime.typed_json import parse, to_json
from xtremedistil.serving.load import open_fastest
from xtremedistil.students.shape import StudentShape
from xtremedistil.students.student import LOGIT_HEAD, build_student
from xtremedistil.teachers.teacher import Checkpoint, build_teacher, open_checkpoint


def time_run(run: Run, folder: str) -> schema.Latency:
    """The latency of a run's teacher and student side by side.

    Args:
        run: with all its parts made.
        folder: of the student.
    """
    last = run.student.final_steps()[-1]
    pieces = run.student.find_served_shape().vocabulary_size
    teacher = run.teacher.load(), run.checkpoint.config.vocabulary_size, "logits"
    student = run.student.load_step(last), pieces, run.student.plan_steps()[last].head
    # several students, one per language, are not served as one
    form = None if run.strategy.per_language else open_fastest(folder)
    served = {"exported": (form[1], pieces)} if form else {}
    length = _length(run.checkpoint)
    models = {schema.TEACHER: teacher, schema.STUDENT: student}
    found = model_latency(models, served=served, length=length)
    return _parsed({**found, "export": form and form[0], "pieces": length})


def time_sweep(folder: str, rounds: int) -> str:
    """Measures a sweep's students, one of each size, and their teacher, with random weights.

    Args:
        folder: of a sweep; one student at least is done, which says what the teacher is.
        rounds: timed calls of each model at batch 1; at batch 32, three tenths of them.

    Returns:
        The path of `latency.json`, which reports read instead of the runs' own latencies: by run,
        its `parameters`, `compression` and `latency`.

    Raises:
        ArtifactError: the folder holds no sweep, or no student in it is done, or several teachers.
    """
    collected = load(folder)
    students = [r for r in collected.results if not r.flags["teacher_per_language"]]
    done = [result for result in students if result.done]
    if not collected.sweep or not done:
        raise ArtifactError(
            f"{folder}: latency is measured for a sweep ({schema.SWEEP}) of which a student is "
            f"done. Received: {collected.progress}"
        )
    shapes = _shapes(students, done[0])
    checkpoint, model, parameters = _teacher(done)
    distinct = {str(shape): shape for shape in shapes.values()}
    models = {
        name: (build_student(shape, dropout=0.0), shape.vocabulary_size, LOGIT_HEAD)
        for name, shape in distinct.items()
    }
    with run_lock(folder):
        by_batch = {1: rounds, 32: max(1, rounds * 3 // 10)}
        teacher = model, checkpoint.config.vocabulary_size, "logits"
        length = _length(checkpoint)
        found = model_latency({schema.TEACHER: teacher, **models}, by_batch, length=length)
        same = {schema.TEACHER: found[schema.TEACHER], "pieces": length}
        runs = {
            id: schema.Timed(
                parameters=shape.deployed_parameters,
                compression=parameters / shape.deployed_parameters,
                latency=_parsed({**same, schema.STUDENT: found[str(shape)]}),
            )
            for id, shape in shapes.items()
        }
        content = schema.SweepLatency(
            runs=runs,
            hardware=schema.Hardware(**hardware()),
            versions=versions(),
            rounds={str(size): number for size, number in by_batch.items()},
            load=os.getloadavg()[0],
        )
        path = os.path.join(folder, schema.LATENCY)
        files.write_json(path, to_json(content))
    return path


def _parsed(timings: Mapping[str, Any]) -> schema.Latency:
    return parse(schema.Latency, timings, "latency:", strict=True)


def _shapes(results: Sequence[Result], done: Result) -> dict[str, StudentShape]:
    """By run, its student's shape; a planned one has that of a finished one, but for its kind and
    size."""
    shapes = {}
    for result in results:
        if result.done:
            shapes[result.id] = StudentShape(**result.values.student.shape)
        else:
            other = StudentShape(**done.values.student.shape)
            kind = result.flags["student"]
            shapes[result.id] = dataclasses.replace(other, encoder=kind, **result.size)
    return shapes


def _length(teacher: Checkpoint) -> int:
    """Pieces of the sentences that are timed: a teacher may have fewer positions."""
    return min(LENGTH, teacher.config.max_positions)


def _teacher(done: Sequence[Result]) -> tuple[Checkpoint, keras.Model, int]:
    """What the teacher of these runs is made from, the teacher, and its parameters."""
    names = {result.flags["teacher"] for result in done}
    if len(names) > 1:
        raise ArtifactError(
            f"latency is measured beside one teacher. Received: {', '.join(sorted(names))}"
        )
    first = done[0].values
    config = Config.from_dict(first.config)
    checkpoint = open_checkpoint(config.teacher, first.task, vocabulary_dir())
    labels = LabelSet(tuple(first.data.labels), first.task)
    model = build_teacher(checkpoint.family, checkpoint.config, labels)
    return checkpoint, model, first.teacher.parameters

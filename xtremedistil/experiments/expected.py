"""How long a sweep will take, from a few steps measured on this machine now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xtremedistil.benchmark.clock import median_seconds
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.understood import understand
from xtremedistil.experiments.understood_text import describe
from xtremedistil.runtime.parts import Part
from xtremedistil.students.student import StudentShape, build_student

_SENTENCES = 64
_RUNS = 3
SCORING_SECONDS = 45.0  # scoring, export and latency of one run; a few percent of most runs


@dataclass(frozen=True)
class Expected:
    """What a sweep will cost.

    Attributes:
        seconds: by run; 0 where it is done.
        shared: kinds of parts that several runs use, with their number.
        basis: what was measured.
        understood: what the first run has understood of its data and its teacher, as text.
        parts: by run, the seconds of each part that it is to make, by the part's folder.
    """

    seconds: dict[str, float]
    shared: dict[str, int]
    basis: str
    understood: str = ""
    parts: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Seconds in all."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class _Rates:
    """Measured seconds.

    Attributes:
        teacher: of a forward pass, per sentence; a training step costs three times that.
        student: of a training step, per sentence and million operations.
    """

    teacher: float
    student: float


def expected_seconds(runs: Sequence[Any], done: Collection[str]) -> Expected:
    """What runs will cost, each part counted for the first run that needs it.

    Reads and encodes the data, which later serves the runs; trains nothing.

    Args:
        runs: of `sweep.plan_runs`.
        done: ids of those that need no work.

    Raises:
        XtremeDistilError: a run cannot be made.
    """
    made = {run.id: Run(run.config) for run in runs}
    first = next(iter(made.values()))
    understood = describe(first, understand(first, first.config.run.stage != "teacher"))
    rates = _measure(first)
    users: dict[str, list[str]] = {}
    parts: dict[str, dict[str, float]] = {}
    for id, run in made.items():
        parts[id] = {}
        for kind, part, cost in _parts(run, rates):
            if part.folder not in users and id not in done and part.results() is None:
                parts[id][part.folder] = cost
            users.setdefault(part.folder, []).append(kind)
    seconds = {
        id: 0.0 if id in done else SCORING_SECONDS + sum(own.values()) for id, own in parts.items()
    }
    shared: dict[str, int] = {}
    for kinds in users.values():
        if len(kinds) > 1:
            shared[kinds[0]] = shared.get(kinds[0], 0) + 1
    basis = (
        f"teacher {1000 * rates.teacher:.2f} ms a sentence, student {1000 * rates.student:.3f} ms "
        "a sentence and million operations"
    )
    shared = {f"{kind}(s)": n for kind, n in shared.items()}
    return Expected(seconds, shared, basis, understood, parts)


def _parts(run: Run, rates: _Rates) -> list[tuple[str, Part, float]]:
    """The long parts of a run with their expected seconds."""
    counts = run.data.prepare_labeled()["sentences_per_language"].get("train", {})
    labeled, transfer = sum(counts.values()), run.data.prepare_transfer()["sentences"]
    tuning = 0.0 if run.ready_teacher else 3.0 * run.config.teacher.teacher_epochs * rates.teacher
    if run.config.teacher.teacher_per_language:
        languages = run.teacher.languages()
        return [("teacher", run.parts.teacher_of(n), tuning * counts[n]) for n in languages]
    parts = [("teacher", run.parts.teacher, tuning * labeled)]
    if run.config.run.stage == "teacher":
        return parts
    if run.targets.folders():
        asked = transfer * teacher_passes(run, len(run.strategy.stages))
        parts.append(("target set", run.parts.targets, asked * rates.teacher))
    per_sentence = rates.student * operations(run.student.find_shape(), _length(run))
    for step, part in zip(run.student.plan_steps(), run.student.step_parts(), strict=True):
        sentences = transfer if step.asks_teacher else labeled
        if step.language:
            sentences //= len(run.data.prepare_labeled()["languages"])
        parts.append(("step", part, step.epochs * sentences * per_sentence))
    return parts


def teacher_passes(run: Run, last_stage: int) -> int:
    """How often a teacher reads the transfer set: once where its answers are stored, else (`live`)
    in every epoch that learns from them.

    Args:
        run: of it.
        last_stage: its number.
    """
    if run.config.run.targets != "live":
        return 1
    steps = [step for step in run.student.plan_steps() if step.stage <= last_stage]
    return sum(step.epochs for step in steps if step.asks_teacher)


def _length(run: Run) -> int:
    transfer = run.data.prepare_transfer()
    return max(2, min(run.config.data.max_seq_length, transfer["pieces"] // transfer["sentences"]))


def operations(shape: StudentShape, length: int) -> float:
    """Million multiplications of a student's forward pass over a sentence of `length` pieces."""
    table = shape.vocabulary_size * shape.embedding_dim
    return 1e-6 * length * (shape.deployed_parameters - table)


def _measure(run: Run) -> _Rates:
    """Times a few steps of the student, and of a teacher with the checkpoint's sizes."""
    length = _length(run)
    rng = np.random.default_rng(0)
    shape = run.student.find_shape()
    student = build_student(shape, 0.2)
    optimizer = keras.optimizers.Adam()
    optimizer.build(student.trainable_variables)

    @tf.function
    def step(ids: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = student(ids, training=True)
            loss = tf.add_n([tf.reduce_mean(tf.square(value)) for value in outputs.values()])
        variables = student.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    size = run.config.distillation.batch_size
    ids = tf.constant(rng.integers(1, shape.vocabulary_size, (size, length)), tf.int32)
    of_step = median_seconds(lambda: step(ids).numpy(), _RUNS)
    teacher = run.teacher.load_untuned()
    forward = tf.function(lambda ids: teacher(ids, training=False)["logits"])
    pieces = run.checkpoint.config.vocabulary_size
    words = tf.constant(rng.integers(1, pieces, (_SENTENCES, length)), tf.int32)
    of_forward = median_seconds(lambda: forward(words).numpy(), _RUNS)
    return _Rates(of_forward / _SENTENCES, of_step / size / operations(shape, length))

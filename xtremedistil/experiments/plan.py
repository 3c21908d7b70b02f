"""What a run will cost in time, memory and disk: an estimate that leaves nothing behind.

Time is arithmetic: the multiplications of each part, at the rate of a matrix product of its shape
that is measured here and now, and what small runs are made of: the program's start, the data, which
is read for the estimate too, and the building of each part's graphs. All else that models do
(normalization, activations, memory traffic, writing) is left out; docs/performance says how far off
it was.
"""

import dataclasses
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from xtremedistil.benchmark.clock import Pace, time_calls
from xtremedistil.config import Config
from xtremedistil.experiments.expected import SCORING_SECONDS, operations, teacher_passes
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.understood import understand
from xtremedistil.experiments.understood_text import describe
from xtremedistil.runtime.disk import free_bytes, tree_bytes
from xtremedistil.runtime.machine import peak_memory
from xtremedistil.teachers.teacher import count_parameters

_ROUNDS = 25
_START = 9.0  # seconds of processor time until TensorFlow is imported
_GRAPHS = 2.5  # seconds of the shortest step of a run of 600 sentences, which is mostly that
_TRAINING = 3  # forward passes that a step of training is worth: one forward, two backward
_FLOAT = 4  # bytes
_ADAM = 4  # copies of the weights in training: themselves, gradient, two moments
_STATES = 16  # values of a block that training keeps for each piece, in widths of the model
_STUDENT_STATES = 12  # the same of a student, in units of its encoder


@dataclass(frozen=True)
class Cost:
    """What a part of a run is expected to take.

    Attributes:
        part: its name.
        seconds: of work.
        memory: bytes, beside those of the program itself.
        disk: bytes that stay.
    """

    part: str
    seconds: float
    memory: float
    disk: float


def plan(config: Config, last_stage: int) -> tuple[str, list[Cost]]:
    """What a run would understand, and what it would cost.

    Args:
        config: of the run, whose folders are not touched.
        last_stage: -1 for the teacher, 0 for the targets, else the number of a stage.

    Returns:
        All of it for a reader, and the costs by part.

    Raises:
        XtremeDistilError: the run cannot be made, as the run itself would say.
    """
    with tempfile.TemporaryDirectory() as scratch:
        own = {"output_dir": scratch, "shared_dir": "", "distribution": "none"}
        start = time.perf_counter()
        run = Run(dataclasses.replace(config, run=dataclasses.replace(config.run, **own)))
        understood = describe(run, understand(run, with_transfer=last_stage >= 0))
        took = _START + time.perf_counter() - start
        costs = [Cost("data", took, 0.0, tree_bytes(scratch)), *estimate(run, last_stage)]
    free = free_bytes(config.run.output_dir)
    return f"{understood}\n{describe_costs(costs, peak_memory(), free)}", costs


def estimate(run: Run, last_stage: int) -> list[Cost]:
    """The cost of each long part of a run whose data is made.

    Args:
        run: of it.
        last_stage: as of `plan`.
    """
    config, shape = run.config, run.checkpoint.config
    table, others = count_parameters(run.checkpoint, run.data.read_labels())
    costs = []
    if not run.ready_teacher:
        rows, batch = run.data.training_rows("train"), config.teacher.teacher_batch_size
        length = _mean(int(rows.offsets[-1]), len(rows))
        rate = _rate(batch * length, shape.width)
        work = _teacher_work(run, others, length) * int(rows.offsets[-1])
        states = batch * int(rows.lengths.max()) * shape.blocks * shape.width * _STATES
        models = len(run.teacher.languages()) if config.teacher.teacher_per_language else 1
        costs.append(
            Cost(
                "teacher",
                _GRAPHS * models + _TRAINING * config.teacher.teacher_epochs * work / rate,
                _FLOAT * (_ADAM * (table + others) + states),
                _FLOAT * (table + others) * models,
            )
        )
    if last_stage < 0:
        return costs
    transfer = run.data.prepare_transfer()
    length = _mean(transfer["pieces"], transfer["sentences"])
    length = min(length, config.data.max_seq_length)
    of_teacher = length * _teacher_work(run, others, length)
    of_teacher /= _rate(64 * length, shape.width)
    if run.targets.folders() and (passes := teacher_passes(run, last_stage)):
        seconds = passes * transfer["sentences"] * of_teacher
        live = config.run.targets == "live"
        stored = 0 if live else run.targets.stored_bytes()
        costs.append(Cost("targets", _GRAPHS + seconds, _FLOAT * (table + others), stored))
    return [*costs, *_students(run, last_stage, length, of_teacher)]


def _students(run: Run, last_stage: int, length: int, of_teacher: float) -> list[Cost]:
    """The cost of the student's steps, and of what follows them; `of_teacher` is what the teacher
    takes for a text."""
    config, shape = run.config, run.student.find_shape()
    batch, weights = config.distillation.batch_size, shape.deployed_parameters
    splits = run.data.prepare_labeled()["sentences_per_language"]
    counts = splits.get("train", {})
    labeled, transfer = sum(counts.values()), run.data.prepare_transfer()["sentences"]
    work, steps = 0.0, [s for s in run.student.plan_steps() if s.stage <= last_stage]
    for step in steps:
        sentences = transfer if step.asks_teacher else labeled
        share = sentences / len(counts) if step.language else sentences
        work += 2e6 * _TRAINING * step.epochs * share * operations(shape, length)
    if not steps:
        return []
    states = batch * length * (_STUDENT_STATES * shape.states_width + shape.teacher_width)
    memory = _FLOAT * (_ADAM * weights + states)
    rate = _rate(batch, shape.states_width)
    seconds = _GRAPHS * len(steps) + work / rate
    costs = [Cost("student", seconds, memory, _FLOAT * weights * len(steps))]
    if config.run.stage == "all":
        served = _FLOAT * run.student.find_served_shape().deployed_parameters
        tested = sum(splits.get("test", {}).values())
        heads = [step for step in steps if step.head is not None]
        scored = sum(1 / len(counts) if step.language else 1 for step in heads)
        of_student = scored * 2e6 * operations(shape, length) / rate
        seconds = SCORING_SECONDS + tested * (of_teacher + of_student)
        costs.append(Cost("scores and export", seconds, memory, 3 * served))
    return costs


def _mean(pieces: int, rows: int) -> int:
    return max(2, round(pieces / max(1, rows)))


def _teacher_work(run: Run, others: int, length: int) -> float:
    """Operations of a teacher's forward pass, per piece of texts of some length."""
    shape = run.checkpoint.config
    return 2.0 * others + 4.0 * length * shape.width * shape.blocks


def _rate(rows: int, width: int) -> float:
    """Operations in a second of a product `(rows, width)` by `(width, 4 width)`, as models have.

    That of the fastest of some calls: what else the machine does now says little of later.
    """
    rng = np.random.default_rng(0)
    left, right = (
        tf.constant(rng.normal(size=size), tf.float32)
        for size in ((rows, width), (width, 4 * width))
    )
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(left, right)))
    (times,) = time_calls({"": lambda: product().numpy()}, Pace(_ROUNDS, warm_up=1)).values()
    return 8.0 * rows * width * width / (min(times) / 1000)


def describe_costs(costs: list[Cost], program: float, free: int | None) -> str:
    """Costs as text.

    Args:
        costs: of the parts.
        program: bytes of memory that the program takes by itself.
        free: bytes on the disk, if known.
    """
    lines = [f"plan      {'part':<20}{'time':>12}{'memory':>12}{'disk':>12}"]
    for cost in costs:
        memory = _bytes(program + cost.memory)
        lines.append(
            f"          {cost.part:<20}{_duration(cost.seconds):>12}{memory:>12}"
            f"{_bytes(cost.disk):>12}"
        )
    disk = sum(cost.disk for cost in costs)
    memory = program + max(cost.memory for cost in costs)
    lines.append(
        f"          {'all':<20}{_duration(sum(cost.seconds for cost in costs)):>12}"
        f"{_bytes(memory):>12}{_bytes(disk):>12}"
    )
    lines.append(
        "          time is multiplications at a rate measured now, and a little for each part"
    )
    if free is not None:
        lack = ": too little" if disk > free else ""
        lines.append(f"          {_bytes(free)} are free on the disk{lack}")
    lines.append("          nothing was written; the same command without --plan starts the run")
    return "\n".join(lines)


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.2f} GB"


def _duration(seconds: float) -> str:
    if seconds > 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds > 90 else f"{seconds:.0f} s"

"""The speed of a student beside its teachers, on this machine, in one run.

As Section 6.2 and Table 16: random weights of the real sizes, sentences of 32 wordpieces, batches
of 1 and 32; beside the paper's teacher one of a size that is much used today. Each model in each
form is warmed up and then timed on the same ids; what is reported is the median and the spread of
its calls.
"""

import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from xtremedistil.benchmark.candidates import (
    TEACHERS,
    Candidate,
    student_candidates,
    teacher_candidates,
)
from xtremedistil.benchmark.clock import Pace, spread, time_calls
from xtremedistil.benchmark.latency import LENGTH
from xtremedistil.benchmark.options import BenchmarkOptions
from xtremedistil.benchmark.processes import busy_neighbour, programs, start_each
from xtremedistil.benchmark.throughput import time_batches, time_predict, time_texts
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.python.division import default_threads
from xtremedistil.students.shape import StudentShape
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.registry import open_tokenizer

_WARM_UP, _LEAST_CALLS = 1, 3  # the clock tries how long a call takes after that, so once more
TAGS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")


def benchmark(options: BenchmarkOptions, log: Callable[[str], None]) -> dict[str, Any]:
    """Measures everything.

    Args:
        options: what.
        log: is told what is being done.

    Returns:
        JSON values: `machine`, `models` (Table 16's columns for each model and form), `busy` (batch
        1 of the exports beside a busy neighbour), `matrix_rate` and the `floor` it gives, `text`
        (the whole path), `predict` (throughput), `batches` (by size), `process` (its memory, and
        how soon it answers) and `seconds`, the time that it all took.

    Raises:
        ConfigError: the student's vocabulary is smaller than the embedded one.
    """
    start = time.monotonic()
    tokenizer = embedded_tokenizer(options.vocabulary_size)
    threads = set_threads(options.threads)
    labels = LabelSet.from_data(TAGS, "ner")
    shape = StudentShape(
        options.vocabulary_size, options.embedding_dim, options.hidden_size, 768, len(labels)
    )
    with tempfile.TemporaryDirectory() as folder:
        candidates = student_candidates(shape, tokenizer, labels, folder, threads, log)
        teachers = TEACHERS if options.teacher else ()
        forms = (teacher_candidates(size, labels, folder, threads, log) for size in teachers)
        candidates = [*itertools.chain.from_iterable(forms), *candidates]
        models = {c.name: {"parameters": c.parameters, "bytes": c.bytes} for c in candidates}
        for size in (1, 32):
            log(f"timing {len(candidates)} models at batch {size}")
            found = time_candidates(candidates, size, options, options.seconds)
            for name, times in found.items():
                models[name][f"batch_{size}"] = spread(times)
        log("timing the exports beside a busy neighbour")
        exports = [candidate for candidate in candidates if candidate.is_export]
        with busy_neighbour():
            busy = time_candidates(exports, 1, options, options.busy_seconds)
        rate = matrix_rate()
        results = {
            "machine": describe_machine(threads),
            "models": models,
            "busy": {name: spread(times) for name, times in busy.items()},
            "matrix_rate": rate,
            "floor": {str(b): 1000 * b * student_operations(shape) / rate for b in (1, 32)},
        }
        log("timing text to entities, predict on a file, and batches of every size")
        student = os.path.join(folder, "student")
        results["text"] = time_texts(student, threads)
        results["predict"] = time_predict(student, threads, options.text_seconds)
        results["batches"] = time_batches(student, threads, options.text_seconds)
        log("starting a process for each form of serving")
        results["process"] = start_each(programs(folder), options.starts)
    results["seconds"] = time.monotonic() - start
    return results


def embedded_tokenizer(vocabulary_size: int) -> Tokenizer:
    """The tokenizer of students that are measured.

    Args:
        vocabulary_size: rows of their tables.

    Raises:
        ConfigError: they are fewer than its pieces.
    """
    tokenizer = open_tokenizer(vocabulary_dir())
    if vocabulary_size < len(tokenizer):
        raise ConfigError(
            f"--vocabulary_size is {len(tokenizer):,} or more: the embedded vocabulary "
            f"reads the texts. Received: vocabulary_size={vocabulary_size}"
        )
    return tokenizer


def set_threads(asked: int) -> int:
    """Gives TensorFlow its threads, if nothing ran before; 0 are all cores. Returns how many."""
    import tensorflow as tf  # here: its threads are set before anything runs

    threads = asked or default_threads()
    with contextlib.suppress(RuntimeError):  # something ran before: its threads stay as they are
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    return threads


def describe_machine(threads: int) -> dict[str, Any]:
    """What times depend on, as JSON values: threads, processor and load."""
    return {"threads": threads, "cpu": _cpu_name(), "load": os.getloadavg()[0]}


def time_candidates(
    candidates: list[Candidate], size: int, options: BenchmarkOptions, seconds: float
) -> dict[str, list[float]]:
    """Times all candidates at one batch size.

    Args:
        candidates: models.
        size: sentences at once.
        options: the vocabulary, and how many rounds and sentences at the most.
        seconds: for all of them together.

    Returns:
        By name, the milliseconds of each call.
    """
    rng = np.random.default_rng(size)
    ids = rng.integers(1, options.vocabulary_size, (size, LENGTH)).astype(np.int32)
    calls = {candidate.name: partial(candidate.run, ids) for candidate in candidates}
    most = max(_LEAST_CALLS, options.queries // size)
    return time_calls(calls, Pace(options.runs, seconds, _WARM_UP, most))


def student_operations(shape: StudentShape) -> int:
    """Floating-point operations (two per multiply-add) of a sentence of 32 pieces."""
    top = shape.states_width * shape.teacher_width + shape.teacher_width * shape.classes
    return 2 * (shape.kind.multiplications(shape, LENGTH) + LENGTH * top)


def matrix_rate(size: int = 1536) -> float:
    """The most float32 operations a second that TensorFlow reaches in a matrix product here."""
    import tensorflow as tf

    a = tf.random.normal((size, size))
    multiply = tf.function(tf.matmul)
    (times,) = time_calls({"": lambda: multiply(a, a).numpy()}, Pace(12)).values()
    return 1000 * 2 * size**3 / min(times)


def _cpu_name() -> str:
    if os.path.exists("/proc/cpuinfo"):
        for line in files.read_bytes("/proc/cpuinfo").decode().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"

"""The speed of a student beside a BERT teacher, on this machine, in one run.

As Section 6.2 and Table 16: random weights of the real sizes, sentences of 32 wordpieces, batches
of 1 and 32. Each model in each form is warmed up and then timed on the same ids; what is reported
is the median and the spread of its calls. Calls are timed in rounds that go through all models, so
that a disturbance of the machine meets all of them.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremedistil.benchmark.candidates import Candidate, student_candidates, teacher_candidates
from xtremedistil.benchmark.throughput import (
    LENGTH,
    serving_memory,
    spread,
    time_batches,
    time_predict,
    time_texts,
    timed,
)
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.onnx_model import default_threads
from xtremedistil.students.shape import StudentShape
from xtremedistil.tokenization.wordpiece import WordPiece

_TAGS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")


@dataclass(frozen=True)
class BenchmarkOptions:
    """What to measure. The defaults end within two minutes on two cores.

    Attributes:
        embedding_dim, hidden_size, vocabulary_size: the student's E, H and V.
        queries: sentences of each batch size that are timed at the most (6.2: 1,000).
        runs: rounds through all models at the most (6.2: 100).
        seconds: time for each batch size, all models together; rounds stop when it is over.
        threads: of every model; 0 for all cores.
        teacher: whether to measure the teacher too.
        text_seconds: time for the file that `predict` reads, and for the batches of every size.
    """

    embedding_dim: int = 50
    hidden_size: int = 200
    vocabulary_size: int = 88_500
    queries: int = 1000
    runs: int = 100
    seconds: float = 12.0
    threads: int = 0
    teacher: bool = True
    text_seconds: float = 5.0

    def __post_init__(self) -> None:
        for name in ("embedding_dim", "hidden_size", "queries", "runs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is 1 or more. Received: {name}={getattr(self, name)}")
        pieces = len(WordPiece.from_folder(vocabulary_dir()).vocabulary)
        if self.vocabulary_size < pieces:
            raise ConfigError(
                f"vocabulary_size is {pieces:,} or more: the embedded vocabulary reads the texts. "
                f"Received: vocabulary_size={self.vocabulary_size}"
            )


def benchmark(options: BenchmarkOptions, log: Callable[[str], None]) -> dict[str, Any]:
    """Measures everything.

    Args:
        options: what.
        log: is told what is being done.

    Returns:
        JSON values: `machine`, `models` (Table 16's columns for each model and form), `matrix_rate`
        and the `floor` it gives, `text` (the whole path), `predict` (throughput), `batches` (by
        size), `serving_memory_bytes` and `seconds`, the time that it all took.
    """
    import tensorflow as tf  # here: its threads are set before anything runs

    start = time.monotonic()
    threads = options.threads or default_threads()
    with contextlib.suppress(RuntimeError):  # something ran before: its threads stay as they are
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)

    tokenizer = WordPiece.from_folder(vocabulary_dir())
    labels = LabelSet.from_data(_TAGS, "ner")
    shape = StudentShape(
        options.vocabulary_size, options.embedding_dim, options.hidden_size, 768, len(labels)
    )
    with tempfile.TemporaryDirectory() as folder:
        candidates = student_candidates(shape, tokenizer, labels, folder, threads, log)
        if options.teacher:
            candidates = [*teacher_candidates(labels, folder, threads, log), *candidates]
        for size in (1, 32):
            log(f"timing {len(candidates)} models at batch {size}")
            time_rounds(candidates, size, options)
        rate = matrix_rate()
        results = {
            "machine": {"threads": threads, "cpu": _cpu_name(), "load": os.getloadavg()[0]},
            "models": {c.name: _row(c) for c in candidates},
            "matrix_rate": rate,
            "floor": {str(b): 1000 * b * student_operations(shape) / rate for b in (1, 32)},
        }
        log("timing text to entities, predict on a file, and batches of every size")
        student = os.path.join(folder, "student")
        results["text"] = time_texts(student, threads)
        results["predict"] = time_predict(student, threads, options.text_seconds)
        results["batches"] = time_batches(student, threads, options.text_seconds)
        results["serving_memory_bytes"] = serving_memory(student)
    results["seconds"] = time.monotonic() - start
    return results


def time_rounds(candidates: list[Candidate], size: int, options: BenchmarkOptions) -> None:
    """Times all candidates at one batch size, in rounds.

    A round times a candidate for about a fixed time, so that a fast one is called more often.
    """
    rng = np.random.default_rng(size)
    ids = rng.integers(1, options.vocabulary_size, (size, LENGTH)).astype(np.int32)
    costs = []
    for candidate in candidates:
        for _ in range(2):  # traces, compiles, warms up
            candidate.run(ids)
        costs.append(timed(candidate.run, ids))
        candidate.times[size] = []
    calls = max(3, options.queries // size)
    slowest = max(costs)
    end = time.perf_counter() + options.seconds
    for _ in range(options.runs):
        for candidate, cost in zip(candidates, costs, strict=True):
            times = candidate.times[size]
            for _ in range(min(calls - len(times), max(1, round(slowest / 4 / cost)))):
                times.append(timed(candidate.run, ids))
        if time.perf_counter() > end and len(candidates[0].times[size]) >= 3:
            return


def _row(candidate: Candidate) -> dict[str, Any]:
    return {
        "parameters": candidate.parameters,
        "bytes": candidate.bytes,
        **{f"batch_{size}": spread(times) for size, times in candidate.times.items()},
    }


def student_operations(shape: StudentShape) -> int:
    """Floating-point operations (two per multiply-add) of a sentence of 32 pieces."""
    top = shape.states_width * shape.teacher_width + shape.teacher_width * shape.classes
    return 2 * (shape.kind.multiplications(shape, LENGTH) + LENGTH * top)


def matrix_rate(size: int = 1536) -> float:
    """The most float32 operations a second that TensorFlow reaches in a matrix product here."""
    import tensorflow as tf

    a = tf.random.normal((size, size))
    multiply = tf.function(tf.matmul)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        multiply(a, a).numpy()
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def _cpu_name() -> str:
    if os.path.exists("/proc/cpuinfo"):
        for line in files.read_bytes("/proc/cpuinfo").decode().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"

"""The speed of a student beside a BERT teacher, on this machine, in one run.

As Section 6.2 and Table 16: random weights of the real sizes, sentences of 32 wordpieces, batches
of 1 and 32. Each model in each form is warmed up and then timed on the same ids; what is reported
is the median and the spread of its calls. Calls are timed in rounds that go through all models, so
that a disturbance of the machine meets all of them.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremedistil import artifacts
from xtremedistil.data.examples import read_examples
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import LANGUAGES, corpus_dir, vocabulary_dir
from xtremedistil.data.tokenization import WordPiece
from xtremedistil.errors import ConfigError
from xtremedistil.models.shape import StudentShape
from xtremedistil.serving.candidates import (
    PLAIN_TEACHER,
    Candidate,
    student_candidates,
    teacher_candidates,
)
from xtremedistil.serving.onnx_model import default_threads

LENGTH = 32
_TAGS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
_TEXTS = 400


@dataclass(frozen=True)
class BenchmarkOptions:
    """What to measure. The defaults end within about two minutes on two cores.

    Attributes:
        embedding_dim, hidden_size, vocabulary_size: the student's E, H and V.
        queries: sentences of each batch size that are timed at the most (6.2: 1,000).
        runs: rounds through all models at the most (6.2: 100).
        seconds: time for each batch size, all models together; rounds stop when it is over.
        threads: of every model; 0 for all cores.
        teacher: whether to measure the teacher too.
        text_seconds: time for the file that `predict` reads.
    """

    embedding_dim: int = 50
    hidden_size: int = 200
    vocabulary_size: int = 88_500
    queries: int = 1000
    runs: int = 100
    seconds: float = 20.0
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
        and the `floor` it gives, `text` (the whole path) and `predict` (throughput).
    """
    import tensorflow as tf  # here: its threads are set before anything runs

    threads = options.threads or default_threads()
    with contextlib.suppress(RuntimeError):  # something ran before: its threads stay as they are
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)

    rules = WordPiece.from_folder(vocabulary_dir())
    labels = LabelSet.from_data(_TAGS, "ner")
    shape = StudentShape(
        options.vocabulary_size, options.embedding_dim, options.hidden_size, 768, len(labels)
    )
    with tempfile.TemporaryDirectory() as folder:
        candidates = student_candidates(shape, rules, labels, folder, threads, log)
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
        log("timing text to entities, and predict on a file")
        student = os.path.join(folder, "student")
        results["text"] = time_texts(student, threads)
        results["predict"] = time_predict(student, threads, options.text_seconds)
        results["serving_memory_bytes"] = serving_memory(student)
    return results


def time_rounds(candidates: list[Candidate], size: int, options: BenchmarkOptions) -> None:
    """Times all candidates at one batch size, in rounds.

    A round times a candidate for about a fixed time, so that a fast one is called more often.
    """
    rng = np.random.default_rng(size)
    ids = rng.integers(1, options.vocabulary_size, (size, LENGTH)).astype(np.int32)
    costs = []
    for candidate in candidates:
        for _ in range(3):  # traces, compiles, warms up
            candidate.run(ids)
        costs.append(_timed(candidate.run, ids))
        candidate.times[size] = []
    calls = max(3, options.queries // size)
    slowest = max(costs)
    end = time.perf_counter() + options.seconds
    for _ in range(options.runs):
        for candidate, cost in zip(candidates, costs, strict=True):
            times = candidate.times[size]
            for _ in range(min(calls - len(times), max(1, round(slowest / 4 / cost)))):
                times.append(_timed(candidate.run, ids))
        if time.perf_counter() > end and len(candidates[0].times[size]) >= 3:
            return


def _timed(run: Callable[[np.ndarray], Any], ids: np.ndarray) -> float:
    start = time.perf_counter()
    run(ids)
    return 1000 * (time.perf_counter() - start)


def _row(candidate: Candidate) -> dict[str, Any]:
    return {
        "parameters": candidate.parameters,
        "bytes": candidate.bytes,
        **{f"batch_{size}": spread(times) for size, times in candidate.times.items()},
    }


def spread(times: list[float]) -> dict[str, float]:
    """Median, p5, p95 and p99 of milliseconds, and the number of calls."""
    low, median, high, top = np.percentile(times, [5, 50, 95, 99]).tolist()
    return {"median": median, "p5": low, "p95": high, "p99": top, "calls": len(times)}


def student_operations(shape: StudentShape) -> int:
    """Floating-point operations (two per multiply-add) of a sentence of 32 pieces."""
    units, width = shape.hidden_size, shape.embedding_dim
    lstm = 2 * 4 * units * (width + units)
    top = shape.states_width * shape.teacher_width + shape.teacher_width * shape.classes
    return 2 * LENGTH * (lstm + top)


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


def sample_texts(number: int) -> list[str]:
    """Sentences of the embedded corpus, the languages in turn."""
    files = (os.path.join(corpus_dir(), language, "test.tsv.xz") for language in LANGUAGES)
    each = -(-number // len(LANGUAGES))
    texts = []
    for path in files:
        examples = zip(range(each), read_examples(path, "conll"), strict=False)
        texts += [" ".join(example.words) for _, example in examples]
    return texts[:number]


def time_texts(student: str, threads: int) -> dict[str, Any]:
    """Text to entities, a sentence at a time, beside the network alone on the same pieces."""
    from xtremedistil.serving.load import load

    results = {}
    for quantize in ("none", "int8"):
        predictor = load(student, "onnx", quantize, threads)
        texts = sample_texts(_TEXTS)
        whole, bare = [], []
        for text in texts[:20]:
            predictor.tag(text)
        for text in texts:
            (pieces,) = predictor.codec.rules.encode([text.split()])
            ids = predictor.codec.rows[pieces.ids][None]
            lengths = np.array([ids.shape[1]], np.int32)
            bare.append(_timed(lambda ids, n=lengths, p=predictor: p.network(ids, n), ids))
            whole.append(_timed(predictor.tag, text))
        name = "float32" if quantize == "none" else quantize
        results[name] = {"whole": spread(whole), "network": spread(bare)}
    return results


def time_predict(student: str, threads: int, seconds: float) -> dict[str, Any]:
    """Wordpieces a second of `predict`, text in and JSON out."""
    from xtremedistil.serving.load import load
    from xtremedistil.serving.stream import predict_lines

    texts = sample_texts(4000)
    results = {}
    for quantize in ("none", "int8"):
        predictor = load(student, "onnx", quantize, 1)
        pieces = sum(len(p.ids) for p in predictor.codec.rules.encode([t.split() for t in texts]))
        list(predict_lines(predictor, texts[:2000], workers=threads))
        start, read = time.perf_counter(), 0
        while time.perf_counter() - start < seconds / 2:
            list(predict_lines(predictor, texts, workers=threads))
            read += pieces
        name = "float32" if quantize == "none" else quantize
        results[name] = read / (time.perf_counter() - start)
    return results


_MEMORY = """
import sys
import xtremedistil
from xtremedistil.resources import peak_memory
xtremedistil.load(sys.argv[1], quantize=sys.argv[2]).tag(["Anna lives in Paris."] * 32)
print(peak_memory())
"""


def serving_memory(student: str) -> dict[str, int]:
    """Peak resident bytes of a process that loads a student and tags 32 sentences."""
    found = {}
    for quantize in ("none", "int8"):
        program = [sys.executable, "-c", _MEMORY, student, quantize]
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        found["float32" if quantize == "none" else quantize] = int(done.stdout.split()[-1])
    return found


def _cpu_name() -> str:
    if os.path.exists("/proc/cpuinfo"):
        for line in artifacts.read_bytes("/proc/cpuinfo").decode().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def format_results(results: dict[str, Any]) -> str:
    """The results as a table, with Table 16's columns: parameters, compression, speedup."""
    models = results["models"]
    lines = [
        f"{'model':34}{'million':>9}{'MB':>8}{'compress':>10}"
        f"{'batch 1: ms (p5-p95)':>28}{'x plain':>9}{'x best':>8}"
        f"{'batch 32: ms (p5-p95)':>28}{'x plain':>9}{'x best':>8}"
    ]
    teachers = [row for name, row in models.items() if name.startswith("teacher")]
    plain = models.get(PLAIN_TEACHER)
    for name, row in models.items():
        cells = f"{name:34}{row['parameters'] / 1e6:9.2f}{row['bytes'] / 1e6:8.1f}"
        cells += f"{plain['parameters'] / row['parameters']:10.1f}" if plain else f"{'':10}"
        for size in ("batch_1", "batch_32"):
            t = row[size]
            shown = f"{t['median']:.3f} ({t['p5']:.3f}-{t['p95']:.3f})"
            cells += f"{shown:>28}"
            if plain:
                best = min(teacher[size]["median"] for teacher in teachers)
                cells += f"{plain[size]['median'] / t['median']:9.1f}{best / t['median']:8.1f}"
        lines.append(cells)
    floor = ", ".join(f"batch {size}: {ms:.3f} ms" for size, ms in results["floor"].items())
    lines += [
        "",
        f"{results['machine']['cpu']}, {results['machine']['threads']} threads, load "
        f"{results['machine']['load']:.1f}",
        f"matrix rate {results['matrix_rate'] / 1e9:.0f} GFLOP/s float32; the student's operations "
        f"at that rate: {floor}",
    ]
    for form, times in results["text"].items():
        whole, bare = times["whole"], times["network"]
        lines.append(
            f"text to entities, {form}: {whole['median']:.3f} ms (p99 {whole['p99']:.3f}); the "
            f"network alone {bare['median']:.3f} ms"
        )
    for form, rate in results["predict"].items():
        memory = results["serving_memory_bytes"][form] / 1e6
        lines.append(f"predict, {form}: {rate:,.0f} wordpieces/s; a process needs {memory:.0f} MB")
    return "\n".join(lines)

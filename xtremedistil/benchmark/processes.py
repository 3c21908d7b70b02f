"""What stands around a call: another process at work, and the start of one that serves."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from xtremedistil.benchmark.exported import exported
from xtremedistil.serving.exports.saved_model import SAVED_MODEL

# Multiplies matrices on one core, for as long as the process that started it runs.
_NEIGHBOUR = """
import os, sys
import numpy as np
a = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
parent = os.getppid()
print("ready", flush=True)
while os.getppid() == parent:
    a @ a
"""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# How each opens what it serves; after each of them comes `_MEASURED`.
_BEGIN = "import sys, time; started = time.perf_counter()"
_LOADED = """
import xtremedistil
answer = xtremedistil.load(*sys.argv[1:]).tag
"""
_SAVED_MODEL = """
import tensorflow as tf
import tensorflow_text
served = tf.saved_model.load(sys.argv[1])
def answer(texts):
    return served.signatures["tag"](texts=tf.constant(texts))
"""
_MEASURED = """
text = "Anna lives in Paris."
answer([text])
ready = time.perf_counter() - started
answer([text] * 32)
from xtremedistil.runtime.machine import anonymous_memory, peak_memory
print(ready, anonymous_memory(), peak_memory())
"""


@dataclass(frozen=True)
class Program:
    """A process that serves a student.

    Attributes:
        source: of Python, which opens a student and makes the function `answer`.
        arguments: on its command line.
        starts_fast: whether it needs no TensorFlow.
    """

    source: str
    arguments: tuple[str, ...]
    starts_fast: bool


@contextlib.contextmanager
def busy_neighbour() -> Iterator[None]:
    """Another process multiplies matrices on one core inside the block."""
    environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
    program = [sys.executable, "-c", _NEIGHBOUR]
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as process:
        try:
            process.stdout.readline()  # it has imported what it needs
            yield
        finally:
            process.kill()


def programs(folder: str) -> dict[str, Program]:
    """By form, a process that serves the student and nothing else.

    Args:
        folder: of `student_candidates`.
    """
    found = {"Keras": Program(_LOADED, (os.path.join(folder, "student"), "keras"), False)}
    for title, export, _ in exported():
        fast = export is not SAVED_MODEL
        path = os.path.join(folder, title)
        found[title] = Program(_LOADED if fast else _SAVED_MODEL, (path,), fast)
    return found


def start_each(forms: Mapping[str, Program], starts: int) -> dict[str, dict[str, float]]:
    """Starts processes, one after the other.

    Args:
        forms: of `programs`.
        starts: processes of each form; of those with TensorFlow, which take seconds, one.

    Returns:
        By form, `ready_seconds`, the median time from the first import to the answer to a first
        text, and of the last process, after a batch of 32 texts, `anonymous_bytes` of memory,
        which no other process shares, and `peak_bytes` of it, shared libraries included.
    """
    found = {}
    for form, program in forms.items():
        source = _BEGIN + program.source + _MEASURED
        readings = []
        for _ in range(starts if program.starts_fast else 1):
            command = [sys.executable, "-c", source, *program.arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            readings.append([float(value) for value in done.stdout.split()[-3:]])
        ready = float(np.median([seconds for seconds, _, _ in readings]))
        _, anonymous, peak = readings[-1]
        memory = {"anonymous_bytes": int(anonymous), "peak_bytes": int(peak)}
        found[form] = {"ready_seconds": ready, **memory}
    return found

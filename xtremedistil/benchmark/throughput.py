"""How a student serves on this machine: one sentence, a file, batches of every size."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from xtremedistil.data.formats import read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir
from xtremedistil.serving.load import load
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.serving.python.stream import predict_lines

LENGTH = 32
FORMS = {"float32": "none", "int8": "int8"}
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_TEXTS = 400
_FILE_TEXTS = 12_000
_MOST_CALLS = 2000


def timed(run: Callable[..., Any], *values: Any) -> float:
    """Milliseconds of a call."""
    start = time.perf_counter()
    run(*values)
    return 1000 * (time.perf_counter() - start)


def spread(times: list[float]) -> dict[str, float]:
    """Median, p5, p95 and p99 of milliseconds, and the number of calls."""
    low, median, high, top = np.percentile(times, [5, 50, 95, 99]).tolist()
    return {"median": median, "p5": low, "p95": high, "p99": top, "calls": len(times)}


def sample_texts(number: int, split: str = "test") -> list[str]:
    """Sentences of the embedded corpus, the languages in turn."""
    each = -(-number // len(LANGUAGES))
    files = (os.path.join(corpus_dir(), language, f"{split}.tsv.xz") for language in LANGUAGES)
    parts = [itertools.islice(read_examples(path, "conll"), each) for path in files]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*parts))
    return [" ".join(example.words) for example in turns if example is not None][:number]


def time_texts(student: str, threads: int) -> dict[str, Any]:
    """Text to entities, a sentence at a time, beside the network alone on the same pieces."""
    texts = sample_texts(_TEXTS)
    results = {}
    for form, quantize in FORMS.items():
        predictor = load(student, "onnx", quantize, threads)
        whole, bare = [], []
        for text in sample_texts(20, "dev"):
            predictor.tag(text)
        for text in texts:
            (pieces,) = predictor.codec.tokenizer.encode([text.split()])
            ids = predictor.codec.rows[pieces.ids][None]
            lengths = np.array([ids.shape[1]], np.int32)
            bare.append(timed(predictor.network, ids, lengths))
            whole.append(timed(predictor.tag, text))
        results[form] = {"whole": spread(whole), "network": spread(bare)}
    return results


def time_predict(student: str, threads: int, seconds: float) -> dict[str, Any]:
    """Wordpieces a second of `predict`, text in and JSON out.

    No sentence is read twice by the same predictor, since it remembers the words it has seen.
    """
    texts = sample_texts(_FILE_TEXTS, "train")
    results = {}
    for form, quantize in FORMS.items():
        predictor = load(student, "onnx", quantize, 1)
        encoded = predictor.codec.tokenizer.encode([text.split() for text in texts])
        pieces = sum(len(p.ids) for p in encoded)
        list(predict_lines(predictor, texts[:2000], workers=threads))
        spent, read = 0.0, 0
        while spent < seconds / 2:
            fresh = Predictor(predictor.codec, predictor.network, predictor.window)
            spent += timed(lambda p=fresh: list(predict_lines(p, texts, workers=threads))) / 1000
            read += pieces
        results[form] = read / spent
    return results


def time_batches(student: str, threads: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of a batch of sentences of 32 wordpieces, by the number of sentences, and the
    wordpieces a second that they make."""
    results = {}
    for form, quantize in FORMS.items():
        predictor = load(student, "onnx", quantize, threads)
        rng = np.random.default_rng(0)
        results[form] = {}
        for size in BATCH_SIZES:
            ids = rng.integers(1, predictor.codec.rows.max(), (size, LENGTH)).astype(np.int32)
            lengths = np.full(size, LENGTH, np.int32)
            times = list(_calls(predictor, ids, lengths, seconds / len(FORMS) / len(BATCH_SIZES)))
            median = spread(times)
            rate = 1000 * ids.size / median["median"]
            results[form][str(size)] = {**median, "wordpieces_per_second": rate}
    return results


def _calls(
    predictor: Predictor, ids: np.ndarray, lengths: np.ndarray, seconds: float
) -> Iterator[float]:
    """Milliseconds of calls, after a few to warm up."""
    for _ in range(3):
        predictor.network(ids, lengths)
    end = time.perf_counter() + seconds
    for number in range(_MOST_CALLS):
        yield timed(predictor.network, ids, lengths)
        if time.perf_counter() > end and number >= 2:
            return


_MEMORY = """
import sys
import xtremedistil
from xtremedistil.runtime.machine import peak_memory
xtremedistil.load(sys.argv[1], quantize=sys.argv[2]).tag(["Anna lives in Paris."] * 32)
print(peak_memory())
"""


def serving_memory(student: str) -> dict[str, int]:
    """Peak resident bytes of a process that loads a student and tags 32 sentences."""
    found = {}
    for form, quantize in FORMS.items():
        program = [sys.executable, "-c", _MEMORY, student, quantize]
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        found[form] = int(done.stdout.split()[-1])
    return found

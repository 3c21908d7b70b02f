"""How a student serves on this machine: one sentence, a file, batches of every size."""

import itertools
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from xtremedistil.benchmark.clock import Pace, spread, time_calls
from xtremedistil.benchmark.latency import LENGTH
from xtremedistil.data.formats import read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir
from xtremedistil.serving.load import load
from xtremedistil.serving.native.model import kernels
from xtremedistil.serving.python.predictor import Network, Predictor
from xtremedistil.serving.python.processes import OpenPredictor
from xtremedistil.serving.python.stream import predict_lines

# What is measured: the backend, and what it does to weights.
_FORMS = {"float32": ("onnx", "none"), "int8": ("onnx", "int8"), "native int8": ("native", "int8")}
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_TEXTS, _WARM_TEXTS = 400, 20
_FILE_TEXTS, _WARM_LINES = 12_000, 2000
_MOST_CALLS = 2000


def _forms() -> dict[str, tuple[str, str]]:
    """Those that can be run here."""
    return {name: form for name, form in _FORMS.items() if form[0] != "native" or kernels()}


def sample_texts(number: int, split: str = "test") -> list[str]:
    """Sentences of the embedded corpus, the languages in turn."""
    each = -(-number // len(LANGUAGES))
    files = (os.path.join(corpus_dir(), language, f"{split}.tsv.xz") for language in LANGUAGES)
    parts = [itertools.islice(read_examples(path, "conll"), each) for path in files]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*parts))
    return [" ".join(example.words) for example in turns if example is not None][:number]


def time_texts(student: str, threads: int) -> dict[str, Any]:
    """Text to entities, a sentence at a time, beside the network alone on the same pieces."""
    warm, timed = sample_texts(_WARM_TEXTS, "dev"), sample_texts(_TEXTS)
    results = {}
    for form, (backend, quantize) in _forms().items():
        predictor = load(student, backend, quantize, threads)
        codec = predictor.codec
        encoded = codec.tokenizer.encode([text.split() for text in (*warm, *timed)])
        ids = iter([codec.rows[pieces.ids][None] for pieces in encoded])
        texts = iter((*warm, *timed))  # none is read twice: a predictor remembers words

        def network(run: Network = predictor.network, ids: Iterator[np.ndarray] = ids) -> None:
            row = next(ids)
            run(row, np.array([row.shape[1]], np.int32))

        def whole(predictor: Predictor = predictor, texts: Iterator[str] = texts) -> None:
            predictor.tag(next(texts))

        calls = {"network": network, "whole": whole}
        found = time_calls(calls, Pace(len(timed), warm_up=len(warm)))
        results[form] = {name: spread(times) for name, times in found.items()}
    return results


def time_predict(student: str, threads: int, seconds: float) -> dict[str, Any]:
    """Wordpieces a second of `predict`, text in and JSON out.

    No sentence is read twice by the same predictor, since it remembers the words it has seen.
    """
    texts = sample_texts(_FILE_TEXTS, "train")
    results = {}
    for form, (backend, quantize) in _forms().items():
        predictor = load(student, backend, quantize, 1)
        encoded = predictor.codec.tokenizer.encode([text.split() for text in texts])
        pieces = sum(len(p.ids) for p in encoded)

        reopen = partial(load, student, backend, quantize, 1)

        def read(predictor: Predictor = predictor, reopen: OpenPredictor = reopen) -> None:
            fresh = Predictor(predictor.codec, predictor.network, predictor.window)
            list(predict_lines(fresh, texts, workers=threads, reopen=reopen))

        list(predict_lines(predictor, texts[:_WARM_LINES], workers=threads))
        pace = Pace(_MOST_CALLS, seconds / len(_forms()), warm_up=0)
        (times,) = time_calls({form: read}, pace).values()
        results[form] = 1000 * pieces / spread(times)["median"]
    return results


def time_batches(student: str, threads: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of a batch of sentences of 32 wordpieces, by the number of sentences, and the
    wordpieces a second that they make."""
    pace = Pace(_MOST_CALLS, seconds / len(_forms()) / len(BATCH_SIZES))
    results = {}
    for form, (backend, quantize) in _forms().items():
        predictor = load(student, backend, quantize, threads)
        rng = np.random.default_rng(0)
        results[form] = {}
        for size in BATCH_SIZES:
            ids = rng.integers(1, predictor.codec.rows.max(), (size, LENGTH)).astype(np.int32)
            lengths = np.full(size, LENGTH, np.int32)
            call = partial(predictor.network, ids, lengths)
            (times,) = time_calls({form: call}, pace).values()
            told = spread(times)
            rate = 1000 * ids.size / told["median"]
            results[form][str(size)] = {**told, "wordpieces_per_second": rate}
    return results

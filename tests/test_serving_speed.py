"""The benchmark: its teacher's graph is the teacher, its arithmetic right, its table whole."""

import keras
import numpy as np
import pytest

from xtremedistil.benchmark import candidates, clock, speed
from xtremedistil.benchmark import table as speed_table
from xtremedistil.benchmark.candidates import TEACHERS, TeacherSize
from xtremedistil.benchmark.exported import exported
from xtremedistil.benchmark.latency import LENGTH
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.native import NATIVE
from xtremedistil.serving.exports.onnx_model import onnxruntime
from xtremedistil.serving.native.model import kernels
from xtremedistil.students.shape import StudentShape
from xtremedistil.teachers.bert import BERT, BertConfig
from xtremedistil.teachers.bert_onnx import build_bert
from xtremedistil.teachers.teacher import build_teacher
from xtremedistil.tokenization.registry import open_tokenizer


def test_the_onnx_bert_equals_the_keras_teacher():
    labels = LabelSet.from_data(["O", "B-A"], "ner")
    config = BertConfig(40, 24, 2, 3, 48, max_positions=16)
    model = build_teacher(BERT, config, labels)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.4, w.shape).astype(np.float32) for w in model.get_weights()])
    graph = build_bert(config, {v.path: v.numpy() for v in model.weights}).SerializeToString()
    session = onnxruntime().InferenceSession(graph, providers=["CPUExecutionProvider"])
    ids = rng.integers(1, 40, (3, 11)).astype(np.int32)
    expected = keras.Model(model.input, model.output["logits"])(ids)
    np.testing.assert_allclose(session.run(None, {"ids": ids})[0], expected, atol=2e-4)


def test_every_form_of_the_teacher_gives_its_logits(tmp_path):
    size = TeacherSize("tiny", BertConfig(500, 48, 2, 4, 96), True, "tiny")
    labels = LabelSet.from_data(["O", "B-A"], "ner")
    forms = candidates.teacher_candidates(size, labels, str(tmp_path), 1, lambda text: None)
    assert [form.name for form in forms[:2]] == ["tiny, tf.function", "tiny, tf.function + XLA"]
    ids = np.random.default_rng(0).integers(1, 500, (2, LENGTH)).astype(np.int32)
    plain, *others = [form.run(ids) for form in forms]
    assert len(others) == 3
    assert forms[3].bytes < 0.6 * forms[2].bytes  # positions stay in float32
    for found, tolerance in zip(others, (1e-4, 1e-4, 0.2 * np.std(plain)), strict=True):
        np.testing.assert_allclose(found, plain, atol=tolerance)


def weights_of(size):
    c = size.config
    embeddings = (c.vocabulary_size + c.max_positions + c.token_types + 2) * c.width
    attention, norms = 4 * (c.width + 1) * c.width, 4 * c.width
    feed_forward = 2 * c.width * c.intermediate + c.intermediate + c.width
    encoder = embeddings + c.blocks * (attention + norms + feed_forward)
    return encoder + (c.width + 1) * 11 + size.pooler


def test_sizes_are_those_of_the_paper():
    student = StudentShape(88_500, 50, 200, 768, 11)
    bert, e5 = TEACHERS
    assert round(weights_of(e5) / 1e6) == 118  # what is published of it
    whole = weights_of(bert)
    assert round(whole / student.deployed_parameters, 1) == 34.6
    # two directions of 4 x 200 x 250, projection 400 x 768, head 768 x 11; two each; 32 pieces
    by_hand = 2 * 32 * (400_000 + 307_200 + 8_448)
    assert speed.student_operations(student) == by_hand == 45_801_472


def test_spread_of_known_times():
    found = clock.spread([float(n) for n in range(101)])
    assert found == {"median": 50.0, "low": 5.0, "high": 95.0, "top": 99.0, "calls": 101}


class FakeTime:
    """A clock that the calls themselves advance."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.order = []
        monkeypatch.setattr(clock, "time", self)

    def perf_counter(self):
        return self.now

    def call(self, name, seconds):
        def run():
            self.order.append(name)
            self.now += seconds

        return run


def test_calls_are_timed_in_turns_after_a_warm_up(monkeypatch):
    time = FakeTime(monkeypatch)
    calls = {"a": time.call("a", 2.0), "b": time.call("b", 0.5)}
    found = clock.time_calls(calls, clock.Pace(3, warm_up=1))
    assert found == {"a": [2000.0] * 3, "b": [500.0] * 3}
    assert time.order == ["a", "b"] * 4
    assert clock.median_seconds(calls["b"], 4) == 0.5
    assert time.order[8:] == ["b"] * 5


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 3), (9.0, 4), (None, 50)])
def test_rounds_end_when_the_time_is_over(monkeypatch, seconds, rounds):
    time = FakeTime(monkeypatch)
    found = clock.time_calls({"a": time.call("a", 2.5)}, clock.Pace(50, seconds))
    assert len(found["a"]) == rounds


def test_a_fast_call_is_timed_more_often(monkeypatch):
    time = FakeTime(monkeypatch)
    calls = {"slow": time.call("slow", 8.0), "fast": time.call("fast", 0.5)}
    found = clock.time_calls(calls, clock.Pace(rounds=5, warm_up=2, calls=15))
    # a quarter of 8 seconds is 4 fast calls, until all 15 are made
    assert {name: len(times) for name, times in found.items()} == {"slow": 5, "fast": 15}
    assert time.order[6:] == [*(["slow"] + ["fast"] * 4) * 3, "slow", *["fast"] * 3, "slow"]


def test_candidates_are_timed_on_batches_of_one_length():
    shapes = []

    def run(ids):
        shapes.append((ids.shape, ids.dtype))

    models = [speed.Candidate(name, run, 1, 1) for name in "ab"]
    options = speed.BenchmarkOptions(queries=640, runs=5)
    found = speed.time_candidates(models, 32, options, 60)
    assert set(shapes) == {((32, LENGTH), np.dtype(np.int32))}
    assert all(5 <= len(times) <= 20 for times in found.values())
    assert set(found) == {"a", "b"}


def test_the_table_compares_with_the_plain_and_the_best_teacher():
    def row(parameters, one, many):
        times = {"low": 0.0, "high": 9.0, "top": 9.0, "calls": 5}
        return {
            "parameters": parameters,
            "bytes": 4 * parameters,
            "batch_1": {"median": one, **times},
            "batch_32": {"median": many, **times},
        }

    spread = {"median": 1.0, "high": 1.5, "top": 2.0}
    results = {
        "machine": {"cpu": "a CPU", "threads": 2, "load": 0.0},
        "models": {
            candidates.PLAIN_TEACHER: row(10_000_000, 30.0, 480.0),
            "teacher, ONNX Runtime int8": row(10_000_000, 10.0, 240.0),
            "e5-sized teacher, ONNX Runtime int8": row(4_000_000, 5.0, 60.0),
            "student, ONNX Runtime int8": row(500_000, 0.2, 2.0),
        },
        "matrix_rate": 2e11,
        "floor": {"1": 0.2, "32": 7.3},
        "text": {"int8": {"whole": spread, "network": spread}},
        "predict": {"int8": 123456.0},
        "batches": {"int8": {"8": {"wordpieces_per_second": 234567.0}}},
        "busy": {"student, ONNX Runtime int8": {"median": 0.3, "high": 4.0, "top": 8.0}},
        "process": {"int8": {"anonymous_bytes": 2e7, "peak_bytes": 5e7, "ready_seconds": 0.25}},
        "seconds": 100.0,
    }
    table = speed_table.format_results(results)
    lines = table.splitlines()
    student, busy = (line.split() for line in lines if line.startswith("student"))
    assert student[4:7] == ["0.50", "2.0", "20.0"]  # million parameters, MB, compression
    assert [student[i] for i in (11, 12, 17, 18)] == ["150.0", "50.0", "240.0", "120.0"]
    assert busy[-4:] == ["0.300", "4.000", "8.000", "0.200"]
    assert "over that of the e5-sized teacher: batch 1 25.0x, batch 32 30.0x" in table
    assert "predict, int8: 123,456 wordpieces/s" in lines
    assert ["int8", "0.25", "20", "50"] in [line.split() for line in lines]
    assert "1.000 ms (p95 1.500, p99 2.000); the network alone 1.000 ms: 1.00 times" in table
    assert "8: 234,567" in table


def test_every_form_of_a_student_is_a_candidate(tmp_path, monkeypatch):
    fast = [row for row in exported() if not row[2].jit_compile]
    monkeypatch.setattr(candidates, "exported", lambda: fast)  # XLA takes long to compile
    tokenizer = open_tokenizer(vocabulary_dir())
    labels = LabelSet.from_data(["O", "B-A"], "ner")
    shape = StudentShape(len(tokenizer), 4, 5, 6, len(labels))
    forms = candidates.student_candidates(shape, tokenizer, labels, str(tmp_path), 2, print)
    ids = np.full((2, LENGTH), 7, np.int32)
    shapes = {form.name: form.run(ids).shape for form in forms if "XLA" not in form.name}
    whole, at_words = (2, LENGTH, len(labels)), (2 * 14, len(labels))
    assert {n: at_words if n.endswith("begin") else whole for n in shapes} == shapes
    exports = {form.name for form in forms if form.is_export}
    native = {f"student, native int8, {told}" for told in ("2 threads", "1 thread")}
    others = {f"student, {title}" for title, export, _ in fast if export is not NATIVE}
    assert exports == (others | native if kernels() else others)


def test_impossible_sizes():
    with pytest.raises(ConfigError, match="vocabulary_size=10"):
        speed.benchmark(speed.BenchmarkOptions(vocabulary_size=10), print)
    with pytest.raises(ConfigError, match="runs=0"):
        speed.BenchmarkOptions(runs=0)

"""The benchmark: its teacher's graph is the teacher, its arithmetic right, its table whole."""

import keras
import numpy as np
import pytest

from xtremedistil.benchmark import candidates, speed, throughput
from xtremedistil.benchmark import table as speed_table
from xtremedistil.benchmark.bert_onnx import build_bert
from xtremedistil.benchmark.candidates import MULTILINGUAL_BERT, POOLER
from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.onnx_model import onnxruntime
from xtremedistil.students.shape import StudentShape
from xtremedistil.teachers.bert import BertConfig
from xtremedistil.teachers.teacher import build_teacher


def test_the_onnx_bert_equals_the_keras_teacher():
    labels = LabelSet.from_data(["O", "B-A"], "ner")
    config = BertConfig(40, 24, 2, 3, 48, max_positions=16)
    model = build_teacher(config, labels)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.4, w.shape).astype(np.float32) for w in model.get_weights()])
    graph = build_bert(config, {v.path: v.numpy() for v in model.weights}).SerializeToString()
    session = onnxruntime().InferenceSession(graph, providers=["CPUExecutionProvider"])
    ids = rng.integers(1, 40, (3, 11)).astype(np.int32)
    expected = keras.Model(model.input, model.output["logits"])(ids)
    np.testing.assert_allclose(session.run(None, {"ids": ids})[0], expected, atol=2e-4)


def test_every_form_of_the_teacher_gives_its_logits(tmp_path, monkeypatch):
    monkeypatch.setattr(candidates, "MULTILINGUAL_BERT", BertConfig(500, 48, 2, 4, 96))
    labels = LabelSet.from_data(["O", "B-A"], "ner")
    forms = candidates.teacher_candidates(labels, str(tmp_path), 1, lambda text: None)
    ids = np.random.default_rng(0).integers(1, 500, (2, throughput.LENGTH)).astype(np.int32)
    plain, *others = [form.run(ids) for form in forms]
    assert len(others) == 3
    assert forms[3].bytes < 0.6 * forms[2].bytes  # positions stay in float32
    for found, tolerance in zip(others, (1e-4, 1e-4, 0.2 * np.std(plain)), strict=True):
        np.testing.assert_allclose(found, plain, atol=tolerance)


def test_sizes_are_those_of_the_paper():
    c = MULTILINGUAL_BERT
    embeddings = (c.vocabulary_size + c.max_positions + c.token_types + 2) * c.width
    attention, norms = 4 * (c.width + 1) * c.width, 4 * c.width
    feed_forward = 2 * c.width * c.intermediate + c.intermediate + c.width
    encoder = embeddings + c.blocks * (attention + norms + feed_forward)
    student = StudentShape(88_500, 50, 200, 768, 11)
    whole = encoder + (c.width + 1) * 11 + POOLER
    assert round(whole / student.deployed_parameters, 1) == 34.6
    # two directions of 4 x 200 x 250, projection 400 x 768, head 768 x 11; two each; 32 pieces
    by_hand = 2 * 32 * (400_000 + 307_200 + 8_448)
    assert speed.student_operations(student) == by_hand == 45_801_472


def test_spread_of_known_times():
    found = throughput.spread([float(n) for n in range(101)])
    assert found == {"median": 50.0, "p5": 5.0, "p95": 95.0, "p99": 99.0, "calls": 101}


def test_rounds_call_every_model_and_fast_ones_no_less():
    calls = {"a": 0, "b": 0}

    def model(name):
        def run(ids):
            assert ids.shape == (32, throughput.LENGTH)
            assert ids.dtype == np.int32
            calls[name] += 1

        return speed.Candidate(name, run, 1, 1)

    models = [model("a"), model("b")]
    options = speed.BenchmarkOptions(queries=640, runs=5, seconds=60)
    speed.time_rounds(models, 32, options)
    for candidate in models:
        assert 3 <= len(candidate.times[32]) <= 20
        assert calls[candidate.name] == len(candidate.times[32]) + 3  # 2 to warm up, 1 to gauge


def test_the_table_compares_with_the_plain_and_the_best_teacher():
    def row(parameters, one, many):
        times = {"p5": 0.0, "p95": 9.0, "p99": 9.0, "calls": 5}
        return {
            "parameters": parameters,
            "bytes": 4 * parameters,
            "batch_1": {"median": one, **times},
            "batch_32": {"median": many, **times},
        }

    spread = {"median": 1.0, "p99": 2.0}
    results = {
        "machine": {"cpu": "a CPU", "threads": 2, "load": 0.0},
        "models": {
            candidates.PLAIN_TEACHER: row(10_000_000, 30.0, 480.0),
            "teacher, ONNX Runtime int8": row(10_000_000, 10.0, 240.0),
            "student, ONNX Runtime int8": row(500_000, 0.2, 2.0),
        },
        "matrix_rate": 2e11,
        "floor": {"1": 0.2, "32": 7.3},
        "text": {"int8": {"whole": spread, "network": spread}},
        "predict": {"int8": 123456.0},
        "batches": {"int8": {"8": {"wordpieces_per_second": 234567.0}}},
        "serving_memory_bytes": {"int8": 5e7},
        "seconds": 100.0,
    }
    table = speed_table.format_results(results)
    student = next(line for line in table.splitlines() if line.startswith("student")).split()
    assert student[4:7] == ["0.50", "2.0", "20.0"]  # million parameters, MB, compression
    assert [student[i] for i in (11, 12, 17, 18)] == ["150.0", "50.0", "240.0", "120.0"]
    assert "123,456 wordpieces/s" in table
    assert "8: 234,567" in table


def test_impossible_sizes():
    with pytest.raises(ConfigError, match="vocabulary_size=10"):
        speed.BenchmarkOptions(vocabulary_size=10)
    with pytest.raises(ConfigError, match="runs=0"):
        speed.BenchmarkOptions(runs=0)

"""LiteRT: the student's answers from built-in operations alone, in windows of one fixed length."""

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert: pip install '.[litert]'")

from test_serving import TEXTS, assert_same, make

import xtremedistil
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.serving.exports.export import export
from xtremedistil.serving.exports.litert import LENGTH
from xtremedistil.serving.exports.options import ExportOptions
from xtremedistil.serving.python.predictor import Predictor


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return make(tmp_path_factory.mktemp("ner"))


@pytest.fixture(scope="module")
def exported(student, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("export") / "litert")
    return folder, export(ExportOptions(student, folder, "litert"))


def in_windows(student):
    whole = xtremedistil.load(student, "onnx")
    return Predictor(whole.codec, whole.network, LENGTH)


def test_it_answers_as_the_student_does(student, exported):
    folder, report = exported
    found = xtremedistil.load(folder).tag(TEXTS)
    assert_same(found, in_windows(student).tag(TEXTS))
    assert len({tag for tagged in found for tag in tagged.tags}) > 3
    assert report["texts"] == 1000
    assert files.read_json(f"{folder}/card.json")["check"] == report


def test_it_has_built_in_operations_alone(exported):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(f"{exported[0]}/student.tflite")
    ops = {op["op_name"] for op in interpreter._get_ops_details()}
    assert "WHILE" in ops
    assert not {op for op in ops if op.startswith(("Flex", "CUSTOM"))}


def test_a_classifier_and_other_shapes(tmp_path):
    for number, sizes in enumerate(
        ({"task": "classification", "projection": "linear"}, {"heads_on": "states"})
    ):
        student = make(tmp_path / str(number), **sizes)
        export(ExportOptions(student, str(tmp_path / "out"), "litert"))
        found, expected = xtremedistil.load(str(tmp_path / "out")), in_windows(student)
        if found.task == "ner":
            assert_same(found.tag(TEXTS), expected.tag(TEXTS))
            continue
        scores = [
            [list(answer.scores.values()) for answer in predictor.classify(TEXTS)]
            for predictor in (found, expected)
        ]
        np.testing.assert_allclose(*scores, atol=2e-5)


def test_int8_is_smaller_and_nearly_the_same(student, exported, tmp_path):
    report = export(ExportOptions(student, str(tmp_path / "int8"), "litert", "int8"))
    sizes = [files.size(f"{f}/student.tflite") for f in (exported[0], str(tmp_path / "int8"))]
    assert sizes[1] < 0.5 * sizes[0]
    assert report["mean_logit_difference"] != exported[1]["mean_logit_difference"]
    assert report["identical_tags"] > exported[1]["identical_tags"] - 10


def test_damaged_files_and_students_that_cannot(exported, tmp_path):
    folder = exported[0]
    for name in files.list_folder(folder):
        files.make_folder(str(tmp_path / "cut"))
        files.write_bytes(str(tmp_path / "cut" / name), files.read_bytes(f"{folder}/{name}"))
    graph, card = (str(tmp_path / "cut" / name) for name in ("student.tflite", "card.json"))
    files.write_bytes(graph, files.read_bytes(graph)[:100])
    with pytest.raises(ArtifactError, match=r"student.tflite: should have .* bytes"):
        xtremedistil.load(str(tmp_path / "cut"))
    content = files.read_json(card)
    content["files"]["student.tflite"] = files.describe_file(graph)
    files.write_json(card, content)
    with pytest.raises(ArtifactError, match="LiteRT cannot read it"):
        xtremedistil.load(str(tmp_path / "cut"))
    transformer = make(tmp_path / "t", encoder="transformer", embedding_dim=24)
    with pytest.raises(ConfigError, match="encoder=transformer"):
        export(ExportOptions(transformer, str(tmp_path / "o"), "litert"))

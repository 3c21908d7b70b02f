"""Every way to serve a student gives its answer: Keras, ONNX float32 and int8, the SavedModel."""

import json

import numpy as np
import pytest
import tensorflow as tf

import xtremedistil
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError, DataError
from xtremedistil.serving.exports.export import export
from xtremedistil.serving.exports.options import ExportOptions
from xtremedistil.serving.graph.windows import TEXTS_AT_ONCE
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.serving.python.stream import predict_lines, read_lines
from xtremedistil.students.bundle import Bundle
from xtremedistil.students.student import StudentShape, build_student, deployed
from xtremedistil.tokenization.registry import open_tokenizer

TEXTS = [
    "Łukasz (aus Köln) besucht die U.S.A. und 東京。",
    "",
    " \t ",
    "Anna",
    "e\u0301a\u0301 👩🏽‍🚀 שלום, עולם! \u200b bell\x07",
    "Maria lives in Paris and works for the Bank of Lisbon. " * 3,
    "x" * 150 + " y",
]
RULES = open_tokenizer(vocabulary_dir())


def make(folder, task="ner", **shape) -> str:
    """A student with random weights, large enough to disagree about words."""
    labels = (
        LabelSet.from_data(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], task)
        if task == "ner"
        else LabelSet(("bad", "fair", "good"), task)
    )
    rows = np.arange(len(RULES.vocabulary), dtype=np.int32)
    sizes = {"embedding_dim": 12, "hidden_size": 10, "teacher_width": 16, **shape}
    shape = StudentShape(len(rows), classes=len(labels), task=task, **sizes)
    model = deployed(build_student(shape, 0.0, seed=3), "label_head")
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.7, w.shape).astype(np.float32) for w in model.get_weights()])
    Bundle(model, shape, "label_head", RULES, rows, labels).save(str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return make(tmp_path_factory.mktemp("ner"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return make(tmp_path_factory.mktemp("texts"), "classification")


@pytest.fixture(scope="module")
def served(student, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("export") / "saved_model")
    report = export(ExportOptions(student, folder, "saved_model"))
    assert report["max_logit_difference"] < 1e-4
    return tf.saved_model.load(folder)


def assert_same(found, expected, tolerance=2e-5):
    assert [t.spans for t in found] == [t.spans for t in expected]
    assert [t.tags for t in found] == [t.tags for t in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=tolerance)
        places = [[(e.type, e.text, e.start, e.end) for e in t.entities] for t in (one, other)]
        assert places[0] == places[1]


def padded(rows: Ragged) -> tuple[np.ndarray, np.ndarray]:
    return rows.pad(np.arange(len(rows)))["ids"], rows.lengths.astype(np.int32)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"projection": "linear"},
        {"heads_on": "states"},
        {"task": "classification"},
        {"task": "classification", "heads_on": "states"},
    ],
    ids=str,
)
def test_onnx_equals_keras(shape, tmp_path):
    folder = make(tmp_path, **shape)
    rng = np.random.default_rng(1)
    ids = [rng.integers(1, 500, n).astype(np.int32) for n in (2, 9, 5, 30, 1)]
    rows = Ragged.from_lists({"ids": ids}, {})
    keras = xtremedistil.load(folder, "keras").logits(rows)
    onnx = xtremedistil.load(folder, "onnx").logits(rows)
    np.testing.assert_allclose(onnx, keras, atol=1e-4)
    assert np.ptp(keras) > 1
    int8 = xtremedistil.load(folder, "onnx", "int8").logits(rows)
    assert np.abs(int8 - keras).mean() < 0.05 * np.std(keras)


def test_int8_answers_alike_whatever_stands_beside(student):
    predictor = xtremedistil.load(student, quantize="int8")
    together = predictor.tag(TEXTS)
    alone = [predictor.tag(text) for text in TEXTS]
    assert_same(together, alone, 1e-6)


@pytest.mark.parametrize("backend", ["onnx", "keras"])
def test_any_batching_gives_the_same(student, backend):
    predictor = xtremedistil.load(student, backend)
    assert_same(predictor.tag(TEXTS), [predictor.tag(text) for text in TEXTS])
    assert_same(predictor.tag(TEXTS[::-1])[::-1], predictor.tag(TEXTS))


def test_backends_agree_and_offsets_slice_the_text(student):
    found = xtremedistil.load(student, "onnx").tag(TEXTS)
    assert_same(found, xtremedistil.load(student, "keras").tag(TEXTS))
    assert sum(len(t.entities) for t in found) > 10
    for tagged in found:
        for entity in tagged.entities:
            assert tagged.text[entity.start : entity.end] == entity.text
            assert entity.start in {start for start, _ in tagged.spans}


def test_long_text_is_read_in_windows_and_nothing_is_lost_at_the_seams(student):
    whole = xtremedistil.load(student)
    text = " ".join(f"Anna {n} Paris," for n in range(400))
    expected = whole.tag(text)
    narrow = Predictor(whole.codec, whole.network, window=256)
    assert len(expected.tags) == 4 * 400 == len(narrow.tag(text).tags)
    assert_same([narrow.tag(text)], [expected], 1e-3)


def test_tag_words_keeps_words(student):
    predictor = xtremedistil.load(student)
    (found,) = predictor.tag_words([["Paris,", "(TX)", ""]])
    assert found.words == ["Paris,", "(TX)", ""]
    assert len(found.tags) == 3
    assert predictor.tag_words([[]])[0].tags == []
    with pytest.raises(DataError, match="list of words"):
        predictor.tag_words(["Paris"])


def test_the_saved_model_answers_as_the_predictor_does(student, served):
    for texts in (TEXTS, TEXTS[:1], (3 * TEXTS)[: TEXTS_AT_ONCE + 1], ["", " "]):
        check_answer(
            served.signatures["tag"](texts=tf.constant(texts)),
            xtremedistil.load(student, "keras").tag(texts),
        )


def check_answer(answer, expected):
    answer = {name: value.numpy() for name, value in answer.items()}
    for row, tagged in enumerate(expected):
        n, m = answer["counts"][row], answer["entity_counts"][row]
        raw = tagged.text.encode("utf-8")
        spans = list(zip(answer["starts"][row, :n], answer["ends"][row, :n], strict=True))
        assert spans == tagged.spans
        assert [tag.decode() for tag in answer["tags"][row, :n]] == tagged.tags
        np.testing.assert_allclose(answer["scores"][row, :n], tagged.scores, atol=2e-5)
        names = ("types", "texts", "starts", "ends", "byte_starts", "byte_ends", "scores")
        columns = [answer[f"entity_{name}"][row, :m] for name in names]
        assert m == len(tagged.entities)
        for entity, kind, text, start, end, first, last, score in zip(
            tagged.entities, *columns, strict=True
        ):
            assert (entity.type, entity.text) == (kind.decode(), text.decode())
            assert (entity.start, entity.end) == (start, end)
            assert raw[first:last].decode() == entity.text
            assert abs(entity.score - score) < 2e-5
        assert (answer["starts"][row, n:] == -1).all()


def test_the_saved_model_with_xla_answers_alike(student, tmp_path):
    report = export(ExportOptions(student, str(tmp_path / "x"), jit_compile=True))
    assert report["max_logit_difference"] < 1e-4
    tag = tf.saved_model.load(str(tmp_path / "x")).signatures["tag"]
    expected = xtremedistil.load(student, "keras").tag(TEXTS[-2:])
    check_answer(tag(texts=tf.constant(TEXTS[-2:])), expected)


def test_tag_words_of_the_saved_model_keeps_words(served):
    answer = served.signatures["tag_words"](texts=tf.constant(["(Paris), TX."]))
    assert answer["words"].numpy().tolist() == [[b"(Paris),", b"TX."]]


def test_the_saved_model_survives_an_empty_batch_and_bad_bytes(served):
    empty = served.signatures["tag"](texts=tf.constant([], tf.string))
    assert {value.shape[0] for value in empty.values()} == {0}
    bad = served.signatures["tag"](texts=tf.constant([b"K\xf6ln \xff\xfe, Paris"]))
    assert bad["counts"].numpy().tolist() == [4]
    assert bad["byte_ends"].numpy()[0, 0] == 4


def test_the_network_of_one_text_equals_that_of_many(served):
    ids = np.random.default_rng(0).integers(1, 500, (5, 20)).astype(np.int32)
    ids[0, 7:] = 0
    predict = served.signatures["predict"]
    many = predict(ids=tf.constant(ids))["logits"].numpy()
    one = predict(ids=tf.constant(ids[:1]))["logits"].numpy()
    np.testing.assert_allclose(one[0, :7], many[0, :7], atol=1e-5)


def test_a_classifier_everywhere(classifier, tmp_path):
    keras = xtremedistil.load(classifier, "keras").classify(TEXTS)
    found = xtremedistil.load(classifier, "onnx").classify(TEXTS)
    assert [c.label for c in found] == [c.label for c in keras]
    assert len({round(c.scores["bad"], 3) for c in found}) > 3
    export(ExportOptions(classifier, str(tmp_path / "s"), "saved_model"))
    answer = tf.saved_model.load(str(tmp_path / "s")).signatures["classify"]
    for texts in (TEXTS, TEXTS[:1]):
        got = answer(texts=tf.constant(texts))
        scores = [list(c.scores.values()) for c in keras[: len(texts)]]
        np.testing.assert_allclose(got["scores"], scores, atol=2e-5)
    with pytest.raises(ConfigError, match="use classify"):
        xtremedistil.load(classifier).tag("x")


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_an_onnx_export_is_checked_and_reads_text(student, tmp_path, quantize):
    folder = str(tmp_path / "onnx")
    report = export(ExportOptions(student, folder, "onnx", quantize))
    assert report["max_logit_difference"] < (1e-4 if quantize == "none" else 2)
    assert report["identical_tags"] > (99.99 if quantize == "none" else 90)
    card = files.read_json(f"{folder}/card.json")
    assert card["check"] == report
    assert card["inputs"]["lengths"]["shape"] == ["batch"]
    expected = xtremedistil.load(student, "onnx", quantize).tag(TEXTS)
    assert_same(xtremedistil.load(folder).tag(TEXTS), expected, 1e-6)


def test_a_saved_models_card_names_its_files_and_load_says_what_reads_it(student, tmp_path):
    folder = str(tmp_path / "saved_model")
    report = export(ExportOptions(student, folder))
    card = files.read_json(f"{folder}/card.json")
    assert (card["export"], card["check"], card["task"]) == ("saved_model", report, "ner")
    assert card["student"]["shape"]["hidden_size"] == 10
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    assert set(card["inputs"]) == set(signature.structured_input_signature[1])
    assert set(card["outputs"]) <= set(signature.structured_outputs)
    assert {"saved_model.pb", "variables/variables.index"} <= set(card["files"])
    for name, described in card["files"].items():
        files.check_file(f"{folder}/{name}", described)
    with pytest.raises(ConfigError, match=r"tf\.saved_model\.load reads it"):
        xtremedistil.load(folder)


@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_a_folder_of_format_1_still_loads(student, tmp_path, name):
    """The cards that earlier versions wrote: one name for each format of exports."""
    if name == "litert":
        pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
    folder = str(tmp_path / name)
    export(ExportOptions(student, folder, name))
    expected = xtremedistil.load(folder).tag(TEXTS)
    card = files.read_json(f"{folder}/card.json")
    files.remove(f"{folder}/card.json")
    kept = ("quantize", "task", "labels", "inputs", "check", "files")
    old = {"format": 1, **{key: card[key] for key in kept}}
    files.write_json(f"{folder}/{'litert' if name == 'litert' else 'card'}.json", old)
    found = xtremedistil.load(folder)
    assert found.window == (32 if name == "litert" else 1024)
    assert_same(found.tag(TEXTS), expected, 0)
    files.write_json(f"{folder}/card.json", {**card, "export": "torch"})
    with pytest.raises(ArtifactError, match="export='torch'"):
        xtremedistil.load(folder)


def test_a_stream_is_in_order_and_the_same_for_any_number_of_workers(student, tmp_path):
    lines = [f"{n} Anna went to Paris, {n}" for n in range(2500)] + ["", "end"]
    (tmp_path / "in").write_bytes(("\n".join(lines) + "\r\n").encode() + b"bad \xff\n")
    predictor = xtremedistil.load(student, threads=1)
    outputs = []
    for workers in (1, 3):
        with open(tmp_path / "in", "rb") as file:
            outputs.append("".join(predict_lines(predictor, read_lines([file]), workers=workers)))
    assert outputs[0] == outputs[1]
    found = [json.loads(line) for line in outputs[0].splitlines()]
    assert [f["text"] for f in found] == [*lines, "bad \ufffd"]
    assert found[-3] == {"text": "", "entities": []}
    conll = "".join(predict_lines(predictor, ["Anna (x)", ""], "conll"))
    words = [line.split("\t")[0] for line in conll.split("\n")]
    assert words == ["Anna", "(", "x", ")", "", "", ""]
    conll = "".join(predict_lines(predictor, ["Anna  (x)."], "conll", pretokenized=True))
    assert [line.split("\t")[0] for line in conll.split("\n")] == ["Anna", "(x).", "", ""]


@pytest.mark.parametrize(
    ("texts", "message"),
    [(3, "int"), (["a", None], "text 2.*NoneType"), (b"bytes", "bytes"), ({"a": 1}, "dict")],
)
def test_a_text_that_is_no_string(student, texts, message):
    with pytest.raises(DataError, match=message):
        xtremedistil.load(student).tag(texts)


def test_no_texts_and_half_characters(student):
    predictor = xtremedistil.load(student)
    assert predictor.tag([]) == []
    assert predictor.tag("a \ud800 b").spans == [(0, 1), (2, 3), (4, 5)]


def test_damaged_files_and_impossible_wishes(student, tmp_path):
    folder = str(tmp_path / "onnx")
    export(ExportOptions(student, folder, "onnx", "int8"))
    graph = files.read_bytes(f"{folder}/student.onnx")
    files.write_bytes(f"{folder}/student.onnx", graph[: len(graph) // 2])
    with pytest.raises(ArtifactError, match=r"student.onnx: should have .* bytes"):
        xtremedistil.load(folder)
    card = files.read_json(f"{folder}/card.json")
    card["files"]["student.onnx"] = files.describe_file(f"{folder}/student.onnx")
    files.write_json(f"{folder}/card.json", card)
    with pytest.raises(ArtifactError, match="onnxruntime cannot read it"):
        xtremedistil.load(folder)
    files.remove(f"{folder}/vocab.txt")
    with pytest.raises(ArtifactError, match=r"vocab.txt: should have .*no such file"):
        xtremedistil.load(folder)
    with pytest.raises(ArtifactError, match="not a student's folder"):
        xtremedistil.load(str(tmp_path))
    with pytest.raises(ConfigError, match="format"):
        ExportOptions(student, folder, "torch")
    with pytest.raises(ConfigError, match="int8"):
        ExportOptions(student, folder, "saved_model", "int8")
    with pytest.raises(ConfigError, match="backend"):
        xtremedistil.load(student, "torch")
    with pytest.raises(ConfigError, match=r"int8 needs one of native, onnx \(pip install"):
        xtremedistil.load(student, "keras", "int8")
    transformer = make(tmp_path / "t", encoder="transformer", embedding_dim=24)
    with pytest.raises(ConfigError, match="encoder=transformer"):
        export(ExportOptions(transformer, str(tmp_path / "o"), "onnx"))
    assert not files.exists(str(tmp_path / "o"))
    assert len(xtremedistil.load(transformer).tag("Anna in Paris").tags) == 3

"""A kind of student, a loss and an export of a test's own go through a whole run: nothing but their
records knows them."""

import dataclasses
import io
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_run import german_and_hindi, small

import xtremedistil
from xtremedistil.config import DistillationConfig, StudentConfig
from xtremedistil.distil import losses
from xtremedistil.experiments.main import execute
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.card import describe_ids, describe_logits
from xtremedistil.serving.exports.export import export
from xtremedistil.serving.exports.options import ExportOptions
from xtremedistil.serving.exports.record import Export
from xtremedistil.serving.exports.registry import EXPORTS
from xtremedistil.students.kind import StudentKind
from xtremedistil.students.registry import KINDS
from xtremedistil.students.shape import StudentShape
from xtremedistil.students.student import build_student, deployed

E, H, WIDTH = 16, 12, 32  # of the small run: embeddings, student, teacher


def build_dense(shape, inputs):
    return keras.layers.Dense(shape.hidden_size, "tanh", name="encoder")(inputs.embedded)


DENSE = StudentKind(
    name="toy",
    size="hidden_size",
    window=64,
    masks_zero=False,
    states_width=lambda shape: shape.hidden_size,
    parameters=lambda shape: (shape.embedding_dim + 1) * shape.hidden_size,
    multiplications=lambda shape, length: length * shape.embedding_dim * shape.hidden_size,
    build=build_dense,
)


def absolute_loss(student, teacher, mask):
    distance = tf.reduce_mean(tf.abs(student - tf.cast(teacher, tf.float32)), axis=-1)
    return tf.reduce_sum(distance * mask) / tf.reduce_sum(mask)


ABSOLUTE = losses.Loss(
    losses.REPRESENTATION,
    absolute_loss,
    "representation",
    "states",
    weight="beta",
    option=("representation_loss", "toy"),
)


def write_npz(student, folder, settings):
    files.make_folder(folder)
    arrays = {name.replace("/", "|"): values for name, values in student.weights().items()}
    content = io.BytesIO()
    np.savez(content, **arrays)
    files.write_bytes(f"{folder}/weights.npz", content.getvalue())
    files.write_json(f"{folder}/shape.json", {**student.shape.to_dict(), "head": student.head})
    return ("weights.npz", "shape.json", *student.codec.save(folder))


def open_npz(folder, threads):
    described = files.read_json(f"{folder}/shape.json")
    head = described.pop("head")
    model = deployed(build_student(StudentShape(**described), 0.0), head)
    arrays = np.load(io.BytesIO(files.read_bytes(f"{folder}/weights.npz")))
    for variable in model.weights:
        variable.assign(arrays[variable.path.replace("/", "|")])
    return lambda ids, lengths: np.asarray(model(ids))


NPZ = Export(
    name="toy",
    title="a file of arrays",
    write=write_npz,
    open=open_npz,
    graph="weights.npz",
    signature=lambda student: {
        "inputs": describe_ids(student.codec, "batch", "length"),
        "outputs": describe_logits(student, "batch", "length"),
    },
    window=48,
)


def allow(patch, cls, option):
    """Adds `toy` to what an option may be."""
    (field,) = (field for field in dataclasses.fields(cls) if field.name == option)
    choices = (*field.metadata["choices"], "toy")
    patch.setattr(field, "metadata", types.MappingProxyType({**field.metadata, "choices": choices}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with all three: its folder, its results, and what its export's check found."""
    out = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "toy", DENSE)
        patch.setitem(EXPORTS, "toy", NPZ)
        patch.setattr(losses, "LOSSES", [*losses.LOSSES, ABSOLUTE])
        allow(patch, StudentConfig, "student")
        allow(patch, DistillationConfig, "representation_loss")
        allow(patch, ExportOptions, "format")
        short = {
            "strategy": "D4.1",
            "teacher_epochs": 2,
            "logit_epochs": (2,),
            "label_epochs": (1,),
        }
        data = german_and_hindi(tmp_path_factory.mktemp("corpus"))
        config = small(data, out, student="toy", representation_loss="toy", **short)
        results = execute(config)
        report = export(ExportOptions(f"{out}/student", f"{out}/toy", "toy"))
        yield str(out), results, report


def test_a_kind_of_student(finished):
    out, results, _ = finished
    vocabulary, classes = (results["student"]["shape"][k] for k in ("vocabulary_size", "classes"))
    top = (H + 1) * WIDTH + (WIDTH + 1) * classes
    assert results["student"]["parameters"] == vocabulary * E + (E + 1) * H + top
    predictor = xtremedistil.load(out)
    assert predictor.window == 64
    text = "Anna lebt in Berlin"
    assert [[word, tag] for word, tag in zip(text.split(), predictor.tag(text).tags)] == [
        list(pair) for pair in answer_of_saved_model(results["saved_model"], text)
    ]
    with pytest.raises(ConfigError, match=r"one bidirectional LSTM.*encoder=toy"):
        export(ExportOptions(f"{out}/student", f"{out}/onnx", "onnx"))


def answer_of_saved_model(folder, text):
    signature = tf.saved_model.load(folder).signatures["tag"]
    answer = signature(texts=tf.constant([text]))
    return [
        (word.decode(), tag.decode())
        for word, tag in zip(answer["words"][0].numpy(), answer["tags"][0].numpy())
    ]


def test_a_loss(finished):
    _, results, _ = finished
    first, second = results["steps"][:2]
    assert first["name"] == "01-representation-all"
    losses_by_epoch = [epoch["validation_loss"] for epoch in first["history"]]
    assert losses_by_epoch[-1] < losses_by_epoch[0]
    # the mean of a squared error has a best constant answer that is reported, this one has none
    assert (first["constant_loss"], second["constant_loss"] is None) == (None, False)


def test_an_export(finished):
    out, results, report = finished
    assert report["texts"] == 1000
    assert (report["identical_tags"], report["max_logit_difference"] < 1e-5) == (100.0, True)
    card = files.read_json(f"{out}/toy/card.json")
    assert (card["export"], card["check"], card["window"]) == ("toy", report, 48)
    assert card["student"]["shape"] == results["student"]["shape"]
    assert {"weights.npz", "shape.json"} < set(card["files"])
    exported, student = xtremedistil.load(f"{out}/toy"), xtremedistil.load(out)
    assert exported.window == 48
    text = "Anna lebt in Berlin " * 20
    assert exported.tag(text).tags == student.tag(text).tags

"""Native exports as folders: what they answer, how they are opened, and what is refused."""

import os
import subprocess
import sys

import numpy as np
import pytest
from native.students import HEAD, random_weights, save_student

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.serving.exports.card import CARD, load_export, write_card
from xtremedistil.serving.exports.native import NATIVE
from xtremedistil.serving.exports.onnx_graph import build
from xtremedistil.serving.exports.onnx_model import OnnxModel
from xtremedistil.serving.exports.record import Settings
from xtremedistil.serving.load import load, needs_keras
from xtremedistil.serving.native.model import REFERENCE, NativeModel, kernels
from xtremedistil.serving.native.pack import pack
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.students.shape import StudentShape

needs_kernel = pytest.mark.skipif(not kernels(), reason="the C extension is not built here")
TEXTS = ["Anna lives in Paris.", "", "Łukasz und Maria, in Köln! " * 9, "東京"]


@needs_kernel
@pytest.mark.parametrize("task", ["ner", "classification"])
def test_a_folder_answers_texts_as_the_student_does(tmp_path, task):
    saved = save_student(str(tmp_path / "student"), task)
    native = write(saved, str(tmp_path / "export"))
    content = build(saved.shape, saved.weights(), HEAD).SerializeToString()
    exact = Predictor(saved.codec, OnnxModel(content, "exact"))
    if task == "ner":
        assert [t.spans for t in native.tag(TEXTS)] == [t.spans for t in exact.tag(TEXTS)]
        found, expected = ([s for t in p.tag(TEXTS) for s in t.scores] for p in (native, exact))
    else:
        found, expected = ([c.scores["good"] for c in p.classify(TEXTS)] for p in (native, exact))
    np.testing.assert_allclose(found, expected, atol=0.03)


@needs_kernel
@pytest.mark.parametrize(
    ("usable", "quantize", "chosen"),
    [
        (["avx2", REFERENCE], "int8", NativeModel),
        ([REFERENCE], "int8", OnnxModel),
        (["avx2", REFERENCE], "none", OnnxModel),
    ],
)
def test_the_fastest_backend_is_taken(tmp_path, monkeypatch, usable, quantize, chosen):
    save_student(str(tmp_path))
    monkeypatch.setattr("xtremedistil.serving.native.model.kernels", lambda: usable)
    monkeypatch.setattr(NativeModel, "__init__", lambda self, *given: None)
    assert isinstance(load(str(tmp_path), quantize=quantize).network, chosen)
    assert not needs_keras("auto", quantize)


def test_a_backend_that_cannot_hold_the_weights_is_refused(tmp_path):
    save_student(str(tmp_path))
    with pytest.raises(ConfigError, match=r"native holds weights with quantize=int8\. Received"):
        load(str(tmp_path), backend="native")
    with pytest.raises(ConfigError, match=r"threads is at least 0.*Received: threads=-1"):
        load(str(tmp_path), threads=-1)


def write(student, folder) -> Predictor:
    settings = Settings("int8")
    names = NATIVE.write(student, folder, settings)
    write_card(NATIVE, student, folder, settings, {}, names)
    return load_export(NATIVE, folder)


@needs_kernel
def test_a_damaged_folder_is_refused(tmp_path):
    write(save_student(str(tmp_path / "student")), str(tmp_path / "export"))
    path = tmp_path / "export" / NATIVE.graph
    content = path.read_bytes()
    for wrong, reason in ((content[:-1], "should have"), (content[:-1] + b"\x01", "altered")):
        path.write_bytes(wrong)
        with pytest.raises(ArtifactError, match=f"{NATIVE.graph}: {reason}"):
            load_export(NATIVE, str(tmp_path / "export"))


@needs_kernel
def test_a_folder_is_read_without_other_runtimes(tmp_path):
    write(save_student(str(tmp_path / "student")), str(tmp_path / "export"))
    code = (
        "import sys\n"
        "from xtremedistil import load\n"
        f"load({str(tmp_path / 'export')!r}).tag('Anna lives in Paris.')\n"
        "heavy = {'tensorflow', 'keras', 'onnxruntime', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def folder_with(tmp_path, **changes) -> str:
    """A native export whose card says other things."""
    folder = str(tmp_path / "export")
    write(save_student(str(tmp_path / "student")), folder)
    path = f"{folder}/{CARD}"
    files.write_json(path, files.read_json(path) | changes)
    return folder


@needs_kernel
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"window": 10**12, "task": "parsing"}, "a task is one of ner, classification"),
        ({"labels": ["O", ["B-LOC"]]}, "labels are names"),
        ({"window": 2}, "from 3 to inf pieces.*window=2"),
        ({"window": []}, r"window=\[\]"),
        ({"labels": ["O", "B-LOC", "I-LOC"]}, r"shape \(1, 1, 3\).*\(1, 1, 9\)"),
        ({"labels": [*"abcdefghi"], "task": "classification"}, r"shape \(1, 9\)"),
    ],
    ids=["task", "label", "window", "no window", "labels", "other task"],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path, changes, reason):
    with pytest.raises(ArtifactError, match=reason):
        load_export(NATIVE, folder_with(tmp_path, **changes))


@needs_kernel
def test_weights_of_another_student_are_refused(tmp_path):
    folder = folder_with(tmp_path)
    shape = StudentShape(50, classes=9, embedding_dim=12, hidden_size=10, teacher_width=16)
    path = os.path.join(folder, NATIVE.graph)
    files.write_bytes(path, pack(shape, random_weights(shape), HEAD))
    described = {NATIVE.graph: files.describe_file(path)}
    content = files.read_json(f"{folder}/{CARD}")
    content["files"] |= described
    files.write_json(f"{folder}/{CARD}", content)
    with pytest.raises(ArtifactError, match=r"does not read the vocabulary's rows.*=50 ids"):
        load_export(NATIVE, folder)


@needs_kernel
@pytest.mark.parametrize(("name", "most"), [(NATIVE.graph, 1 << 31), ("rows.safetensors", 1 << 25)])
def test_what_is_too_large_is_refused_before_it_is_read(tmp_path, name, most, monkeypatch):
    folder = folder_with(tmp_path)
    os.truncate(f"{folder}/{name}", most + 1)
    content = files.read_json(f"{folder}/{CARD}")
    content["files"][name] = {"bytes": most + 1, "sha256": "0" * 64}
    files.write_json(f"{folder}/{CARD}", content)
    monkeypatch.setattr(files, "checksum", lambda path: pytest.fail(f"{path} is read"))
    with pytest.raises(ArtifactError, match=rf"{name}: has at most {most:,}.*{most + 1:,} bytes"):
        load_export(NATIVE, folder)

"""Folders from the hub are untrusted: what they claim takes no memory and leads nowhere outside."""

import json
import os

import numpy as np
import pytest
import safetensors.numpy
from native.students import save_student

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import XtremeDistilError
from xtremedistil.runtime.machine import peak_memory
from xtremedistil.serving.load import load
from xtremedistil.students.folder import StudentFolder
from xtremedistil.teachers.checkpoint import Weights, read_config
from xtremedistil.tokenization.registry import open_tokenizer

HUGE = 10 * 2**30
MEMORY = 300 << 20  # bytes that a refusal may take


def header_of(shape, end):
    """The beginning of a safetensors file with one tensor."""
    text = json.dumps({"x": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).encode()
    return len(text).to_bytes(8, "little") + text


def refused(call):
    """The error of the package that a call ends with, in little memory."""
    before = peak_memory()
    with pytest.raises(XtremeDistilError) as caught:
        call()
    assert peak_memory() - before < MEMORY
    return str(caught.value)


@pytest.fixture
def student(tmp_path):
    save_student(str(tmp_path / "student"))
    return str(tmp_path / "student")


def describe_again(folder):
    """Makes the checksums fit what was altered, as one would who means harm."""
    path = os.path.join(folder, "bundle.json")
    content = files.read_json(path)
    for name in content["files"]:
        content["files"][name] = files.describe_file(os.path.join(folder, name))
    files.write_json(path, content)


@pytest.mark.parametrize(
    "content",
    [
        header_of([HUGE // 4], HUGE),
        (HUGE).to_bytes(8, "little"),
        (2**63).to_bytes(8, "little") + b"{}",
        header_of([2**40, 2**40], 4),
        header_of([-1], 4) + b"1234",
    ],
    ids=["ten gigabytes", "long header", "no header", "shape", "negative"],
)
def test_a_teacher_that_claims_more_than_it_has(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    assert "model.safetensors" in refused(lambda: Weights(str(tmp_path), "bert."))


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", 7, []])
def test_an_index_of_shards_leads_nowhere_outside(tmp_path, name):
    index = {"weight_map": {"x": name, "y": "model-0.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "beside it" in refused(lambda: Weights(str(tmp_path), "bert."))


def test_a_pickle_is_never_opened(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert "never opened" in refused(lambda: Weights(str(tmp_path), "bert."))


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "vocab.txt"])
def test_a_tokenizer_file_of_a_gigabyte(tmp_path, name):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with open(tmp_path / name, "wb") as file:
        file.truncate(1 << 30)
    assert name in refused(lambda: open_tokenizer(str(tmp_path)))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_a_json_file_of_a_gigabyte(tmp_path, name):
    with open(tmp_path / name, "wb") as file:
        file.truncate(1 << 30)
    read = read_config if name == "config.json" else lambda folder: Weights(folder, "bert.")
    assert "at most" in refused(lambda: read(str(tmp_path)))


def test_code_named_in_a_configuration_is_not_run(tmp_path):
    (tmp_path / "evil.py").write_text("raise SystemExit('code of the folder ran')\n")
    named = {"AutoConfig": "evil.Config", "AutoTokenizer": ["evil.T", None]}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "auto_map": named}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": named}))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    assert read_config(str(tmp_path))[0]["auto_map"] == named
    assert len(open_tokenizer(str(tmp_path))) == 6


@pytest.mark.parametrize(
    "merges",
    [
        ["a b", "b a", "ab ba", "ba ab", "abba a"],
        ["a a"] * 10_000,
        ["a", "", " ", "a b c"],
        [["a"], ["a", "b", "c"], 7],
        "a b",
    ],
    ids=["circle", "repeated", "torn", "no pairs", "no list"],
)
def test_merges_that_are_none(tmp_path, merges):
    vocabulary = {piece: i for i, piece in enumerate(["<pad>", "<unk>", "<s>", "</s>", "a", "b"])}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges, "unk_token": "<unk>"}
    step = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    content = {"model": model, "pre_tokenizer": step, "decoder": step, "added_tokens": []}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    assert refused(lambda: open_tokenizer(str(tmp_path)))


@pytest.mark.parametrize("name", ["weights.safetensors", "rows.safetensors"])
def test_a_students_tensors_of_a_gigabyte(student, name):
    with open(os.path.join(student, name), "r+b") as file:
        file.truncate(1 << 30)
    describe_again(student)
    assert name in refused(lambda: StudentFolder.load(student))


def test_a_student_whose_header_tells_of_more_weights_than_its_bytes(student):
    path = os.path.join(student, "bundle.json")
    content = files.read_json(path)
    content["shape"] |= {"embedding_dim": 10**9}
    width = StudentFolder.load(student).shape.vocabulary_size * 10**9
    rest = 4 * 10 * 2 * (10**9 + 10 + 1) + (20 + 1) * 16 + (16 + 1) * content["shape"]["classes"]
    with open(os.path.join(student, "weights.safetensors"), "wb") as file:
        file.write(header_of([width + rest], 4))
    files.write_json(path, content)
    describe_again(student)
    assert "weights in" in refused(lambda: load(student))


@pytest.mark.parametrize("head", ["", "logit_head", "../label_head", 7, None, []])
def test_a_head_that_the_weights_do_not_have(student, head):
    path = os.path.join(student, "bundle.json")
    files.write_json(path, {**files.read_json(path), "head": head})
    assert "bundle.json" in (told := refused(lambda: load(student))) or "weights" in told


@pytest.mark.parametrize("name", [["native"], {}, 7, "../native"])
def test_a_card_that_names_no_format(tmp_path, name):
    files.write_json(str(tmp_path / "card.json"), {"export": name})
    assert "reads exports as" in refused(lambda: load(str(tmp_path)))


def other_names(weights):
    return {name.replace("label_head", "head"): values for name, values in weights.items()}


def other_cells(weights):
    return {name.replace("forward", "side"): values for name, values in weights.items()}


def other_shapes(weights):
    return {name: np.ascontiguousarray(values.T) for name, values in weights.items()}


def whole_numbers(weights):
    return {name: values.view(np.int32) for name, values in weights.items()}


@pytest.mark.parametrize("change", [other_names, other_cells, other_shapes, whole_numbers])
def test_weights_of_another_student_with_as_many(student, change):
    path = os.path.join(student, "weights.safetensors")
    safetensors.numpy.save_file(change(safetensors.numpy.load_file(path)), path)
    describe_again(student)
    assert student in refused(lambda: load(student))


def test_rows_of_a_huge_shape(student):
    text = json.dumps({"rows": {"dtype": "I32", "shape": [2**40], "data_offsets": [0, 2**42]}})
    with open(os.path.join(student, "rows.safetensors"), "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text.encode())
    describe_again(student)
    refused(lambda: StudentFolder.load(student))


def test_what_is_whole_is_still_read(student):
    assert StudentFolder.load(student).weights()
    rows = safetensors.numpy.load_file(os.path.join(student, "rows.safetensors"))["rows"]
    assert rows.dtype == np.int32

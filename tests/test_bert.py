"""The BERT encoder against the reference implementation (torch), whose outputs were recorded
once."""

import json
import os

import numpy as np
import pytest
import safetensors.numpy
import tiny_bert

from xtremedistil.config import TeacherConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime.errors import CheckpointError, ConfigError
from xtremedistil.teachers.checkpoint import Weights
from xtremedistil.teachers.teacher import (
    build_teacher,
    check_layer,
    load_teacher,
    open_checkpoint,
    save_teacher,
)

TAGS = ("O", "B-PER", "I-PER")
IDS = np.array([[2, 6, 7, 8, 14, 3], [2, 10, 11, 3, 0, 0]], np.int32)
# Logits of the ten real pieces, then of block 2 the first four units of the second piece of each
# sentence.
GOLDEN = {
    "gelu": (
        [
            0.992098,
            -2.962917,
            0.140112,
            0.991133,
            -2.958746,
            0.146805,
            0.996013,
            -2.964235,
            0.157592,
            0.993666,
        ]
        + [
            -2.957982,
            0.170046,
            0.993017,
            -2.961424,
            0.152359,
            0.992147,
            -2.959773,
            0.153896,
            0.996718,
            -2.879969,
        ]
        + [
            0.2213,
            0.999328,
            -2.884657,
            0.221248,
            1.011769,
            -2.886917,
            0.245925,
            1.008751,
            -2.891928,
            0.232738,
        ],
        [0.87398, 0.19884, 0.491092, -0.4125, 0.948715, 0.170782, 0.495726, -0.374844],
        76.32117462158203,
    ),
    "gelu_new": (
        [
            0.992093,
            -2.962598,
            0.140335,
            0.99113,
            -2.958439,
            0.147011,
            0.995999,
            -2.963904,
            0.157796,
            0.993661,
        ]
        + [
            -2.957664,
            0.170231,
            0.993009,
            -2.961099,
            0.152572,
            0.99214,
            -2.959448,
            0.154111,
            0.996754,
            -2.879948,
        ]
        + [
            0.221383,
            0.999363,
            -2.884637,
            0.221342,
            1.011763,
            -2.886937,
            0.245899,
            1.008743,
            -2.891876,
            0.232827,
        ],
        [0.873977, 0.198926, 0.491073, -0.412391, 0.948271, 0.17108, 0.495656, -0.374937],
        76.31303405761719,
    ),
    "relu": (
        [
            0.958524,
            -2.997619,
            0.131193,
            0.958342,
            -2.99405,
            0.136064,
            0.964612,
            -3.000032,
            0.148011,
            0.962588,
        ]
        + [
            -2.995656,
            0.158771,
            0.960912,
            -2.998025,
            0.139158,
            0.960784,
            -2.997805,
            0.139665,
            0.951919,
            -2.919083,
        ]
        + [
            0.190124,
            0.956267,
            -2.925541,
            0.190122,
            0.975264,
            -2.935791,
            0.211727,
            0.967565,
            -2.933313,
            0.200562,
        ],
        [0.873866, 0.197064, 0.48075, -0.431894, 0.96963, 0.135456, 0.503405, -0.354634],
        78.51689147949219,
    ),
}


def teacher_of(folder: str, task: str = "ner", layer: int | None = 2):
    checkpoint = open_checkpoint(TeacherConfig(teacher=folder), task, "")
    return checkpoint, load_teacher(checkpoint, checkpoint.labels, layer)


@pytest.mark.parametrize("activation", GOLDEN)
def test_equals_the_reference_padding_included(tmp_path, activation):
    epsilon = 1e-3 if activation == "gelu_new" else 1e-12
    folder = tiny_bert.write(str(tmp_path), activation=activation, epsilon=epsilon, labels=TAGS)
    _, model = teacher_of(folder)
    outputs = {name: np.asarray(values) for name, values in model(IDS).items()}
    logits, states, total = GOLDEN[activation]
    real = IDS != 0
    np.testing.assert_allclose(outputs["logits"][real].ravel(), logits, atol=1e-5)
    np.testing.assert_allclose(outputs["states"][:, 1, :4].ravel(), states, atol=1e-5)
    np.testing.assert_allclose(np.abs(outputs["states"][real]).sum(), total, rtol=1e-6)
    longer = np.pad(IDS, ((0, 0), (0, 4)))
    np.testing.assert_allclose(
        np.asarray(model(longer)["logits"])[:, :6][real], outputs["logits"][real], atol=1e-6
    )


def test_a_classification_head_reads_the_pooler(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=("neg", "pos"), pooler=True)
    checkpoint, model = teacher_of(folder, "classification")
    assert checkpoint.config.pooler
    outputs = model(IDS)
    golden = [-1.11865, -2.721222, -1.180607, -2.745249]
    np.testing.assert_allclose(np.ravel(outputs["logits"]), golden, atol=1e-5)
    assert outputs["states"].shape == (2, 12)


def test_real_weights_equal_the_reference(minilm):
    checkpoint = open_checkpoint(TeacherConfig(teacher=minilm), "ner", "")
    labels = LabelSet.from_data(["O", "B-LOC"], "ner")
    ids = np.array(
        [[101, 7592, 2088, 2003, 1037, 2742, 102], [101, 3000, 102, 0, 0, 0, 0]], np.int32
    )
    golden = {
        4: [
            -0.009119,
            0.008389,
            -0.002744,
            -0.798902,
            0.978163,
            -0.063926,
            -0.151404,
            0.805778,
            -0.451262,
        ]
        + [
            -0.007671,
            0.008094,
            -0.000742,
            0.161669,
            1.794071,
            -0.28688,
            0.750714,
            0.783645,
            -0.016969,
        ],
        6: [
            0.296295,
            -0.038291,
            0.203615,
            -0.362553,
            0.022549,
            0.417836,
            0.251348,
            0.259832,
            -0.27789,
        ]
        + [
            0.395196,
            -0.202691,
            0.50504,
            0.997287,
            0.439207,
            0.114484,
            0.740782,
            0.257506,
            0.008067,
        ],
    }
    for layer, values in golden.items():
        states = np.asarray(load_teacher(checkpoint, labels, layer)(ids)["states"])
        np.testing.assert_allclose(states[:, :3, :3].ravel(), values, atol=1e-5)
    np.testing.assert_allclose(np.abs(states[ids != 0]).sum(), 1383.198974609375, rtol=1e-6)


@pytest.mark.parametrize("prefix", ["bert.", ""])
def test_a_checkpoint_survives_a_round_trip(tmp_path, prefix):
    folder = tiny_bert.write(str(tmp_path / "a"), labels=TAGS, prefix=prefix)
    checkpoint, model = teacher_of(folder)
    os.makedirs(tmp_path / "b")
    files = save_teacher(str(tmp_path / "b"), model, checkpoint, checkpoint.labels)
    assert set(files) == set(os.listdir(tmp_path / "b"))
    before = safetensors.numpy.load_file(os.path.join(folder, "model.safetensors"))
    after = safetensors.numpy.load_file(tmp_path / "b" / "model.safetensors")
    for name, values in after.items():
        np.testing.assert_array_equal(
            values, before[name if name in before else name.removeprefix("bert.")]
        )
    again, restored = teacher_of(str(tmp_path / "b"))
    assert again.labels == checkpoint.labels
    np.testing.assert_array_equal(
        np.asarray(restored(IDS)["logits"]), np.asarray(model(IDS)["logits"])
    )


def test_a_checkpoint_without_a_head_has_no_labels(tmp_path):
    folder = tiny_bert.write(str(tmp_path), prefix="")
    assert open_checkpoint(TeacherConfig(teacher=folder), "ner", "").labels is None


def test_a_head_for_another_task_is_not_used(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    assert open_checkpoint(TeacherConfig(teacher=folder), "classification", "").labels is None


def edit(folder: str, **changes: object) -> None:
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config | changes, file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model_type": "gpt2"},
            r"model_type must be one of .*bert.*Received: model_type='gpt2'",
        ),
        ({"hidden_act": "mish"}, r"hidden_act must be one of gelu, .*Received: 'mish'"),
        ({"position_embedding_type": "relative_key"}, r"position_embedding_type='absolute'"),
        ({"vocab_size": 5}, r"more pieces than the embedding table has rows"),
        (
            {"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}},
            r"must name its tags in id2label",
        ),
    ],
)
def test_what_is_no_usable_bert_is_refused(tmp_path, changes, message):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    edit(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(TeacherConfig(teacher=folder), "ner", "")


def test_rows_of_the_table_that_no_piece_has_are_legal(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    pieces = tiny_bert.PIECES[:-2]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces), "utf-8")
    checkpoint, model = teacher_of(folder)
    assert (len(checkpoint.tokenizer), checkpoint.config.vocabulary_size) == (18, 20)
    states = np.asarray(model(IDS[:, :4])["states"])
    assert np.isfinite(states).all()


def test_a_tensor_of_another_shape_is_refused(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    edit(folder, intermediate_size=21)
    with pytest.raises(
        CheckpointError, match=r"intermediate.dense.weight must have shape \(12, 21\)"
    ):
        teacher_of(folder)


def rewrite(folder: str, edit_header=lambda header: None, keep: int | None = None) -> None:
    """Writes model.safetensors anew, with an edited header or cut to `keep` bytes."""
    path = os.path.join(folder, "model.safetensors")
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header, values = json.loads(file.read(length)), file.read()
    edit_header(header)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write((len(text).to_bytes(8, "little") + text + values)[:keep])


def shift(header: dict) -> None:
    header["classifier.bias"]["data_offsets"] = [-8, 4]


def fewer_rows(header: dict) -> None:
    header["classifier.bias"]["shape"] = [2]


def as_integers(header: dict) -> None:
    header["classifier.bias"]["dtype"] = "I32"


@pytest.mark.parametrize(
    ("edit_header", "keep"),
    [(lambda h: None, -100), (lambda h: None, 60), (lambda h: None, 3), (shift, None)]
    + [(fewer_rows, None), (lambda h: h.update(x=[]), None)],
)
def test_damaged_weights_are_refused_when_the_folder_is_opened(tmp_path, edit_header, keep):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    rewrite(folder, edit_header, keep)
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        open_checkpoint(TeacherConfig(teacher=folder), "ner", "")


def test_weights_of_integers_are_refused(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    rewrite(folder, as_integers)
    with pytest.raises(CheckpointError, match=r"classifier.bias must be one of .*Received: I32"):
        teacher_of(folder)


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_weights_of_half_precision_are_read_as_float32(tmp_path, kind):
    tensors = {"third": np.array([[1 / 3, -2.5]], np.float32), "one": np.ones(3, np.float32)}
    bits = {k: v.astype(np.float16) for k, v in tensors.items()}
    if kind == "BF16":  # a float32 without its lower half
        bits = {k: (v.view(np.uint32) >> 16).astype(np.uint16) for k, v in tensors.items()}
    safetensors.numpy.save_file(bits, tmp_path / "model.safetensors")
    rewrite(str(tmp_path), lambda header: [h.update(dtype=kind) for h in header.values()])
    weights = Weights(str(tmp_path), "bert.")
    by_hand = {"F16": 0.333251953125, "BF16": 0.33203125}
    assert weights.read("bert.third").tolist() == [[by_hand[kind], -2.5]]
    assert weights.read("one").dtype == np.float32


def test_weights_in_several_files_are_those_of_one(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    _, whole = teacher_of(folder)
    tensors = safetensors.numpy.load_file(os.path.join(folder, "model.safetensors"))
    os.remove(os.path.join(folder, "model.safetensors"))
    place = {name: f"model-0000{i % 2 + 1}-of-00002.safetensors" for i, name in enumerate(tensors)}
    for file_name in set(place.values()):
        part = {name: tensors[name] for name in tensors if place[name] == file_name}
        safetensors.numpy.save_file(part, os.path.join(folder, file_name))
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": place}))
    checkpoint, parted = teacher_of(folder)
    assert checkpoint.labels.names == TAGS
    for a, b in zip(whole.get_weights(), parted.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    before = checkpoint.identity["teacher"]
    tensors["classifier.bias"] += 1
    part = {name: tensors[name] for name in tensors if place[name] == place["classifier.bias"]}
    safetensors.numpy.save_file(part, os.path.join(folder, place["classifier.bias"]))
    again = open_checkpoint(TeacherConfig(teacher=folder), "ner", "")
    assert again.identity["teacher"] != before
    index.write_text(json.dumps({"weight_map": {"classifier.bias": "../x.safetensors"}}))
    with pytest.raises(CheckpointError, match="must name files that lie beside it"):
        open_checkpoint(TeacherConfig(teacher=folder), "ner", "")


def test_older_names_of_layer_normalizations_are_read(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    _, expected = teacher_of(folder)
    path = os.path.join(folder, "model.safetensors")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    tensors = safetensors.numpy.load_file(path)
    for new, former in old.items():
        tensors = {name.replace(new, former): values for name, values in tensors.items()}
    safetensors.numpy.save_file(tensors, path)
    for a, b in zip(expected.get_weights(), teacher_of(folder)[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_folder_without_safetensors_is_refused(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    os.rename(os.path.join(folder, "model.safetensors"), os.path.join(folder, "pytorch_model.bin"))
    with pytest.raises(
        CheckpointError,
        match=r"no model.safetensors\. Pickled weights .* never opened.*pytorch_model",
    ):
        open_checkpoint(TeacherConfig(teacher=folder), "ner", "")


def test_a_tokenizer_of_no_kind_that_is_read_is_refused(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump({"model": {"type": "WordLevel", "vocab": {}}}, file)
    with pytest.raises(
        CheckpointError, match=r"no tokenizer of a kind that is read.*Received: model WordLevel"
    ):
        open_checkpoint(TeacherConfig(teacher=folder), "ner", "")


def test_a_hub_name_without_a_network_says_how_to_give_a_folder(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import huggingface_hub

    def offline(*args, **kwargs):
        raise huggingface_hub.errors.OfflineModeIsEnabled("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(
        CheckpointError, match=r"download the model elsewhere.*copy the folder here.*'some/model'"
    ):
        open_checkpoint(TeacherConfig(teacher="some/model"), "ner", "")


def test_layers_are_counted_from_one():
    check_layer(1, 3)
    check_layer(3, 3)
    for layer in (0, 4):
        with pytest.raises(ConfigError, match=f"between 1 and 3, .*teacher_layer={layer}"):
            check_layer(layer, 3)


def test_states_of_a_layer_are_the_output_of_that_block(tmp_path):
    folder = tiny_bert.write(str(tmp_path), labels=TAGS)
    checkpoint = open_checkpoint(TeacherConfig(teacher=folder), "ner", "")
    short = build_teacher(checkpoint.family, checkpoint.config, checkpoint.labels, 3)
    last = short.get_layer("block_3_output_norm")
    assert short.output["states"]._keras_history.operation is last

"""The families of post-norm encoders against the reference implementation (`golden/`)."""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import safetensors.numpy

from xtremedistil.config import TeacherConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.encoder import PROJECTION
from xtremedistil.teachers.registry import FAMILIES
from xtremedistil.teachers.teacher import (
    build_teacher,
    load_teacher,
    open_checkpoint,
    save_teacher,
)

GOLDEN = pathlib.Path(__file__).parent / "golden"
KIN = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra")
FOLDERS = sorted(
    path.parent.name
    for path in GOLDEN.glob("*/golden.safetensors")
    if json.loads((path.parent / "config.json").read_text())["model_type"] in KIN
)
WEIGHTS = "model.safetensors"


def task_of(name):
    return "classification" if name.endswith("-sequence") else "ner"


def copy_of(name, folder):
    """A golden folder, with a made-up vocabulary whose padding is where `config.json` has it."""
    shutil.copytree(GOLDEN / name, folder)
    config = json.loads((folder / "config.json").read_text())
    write_vocabulary(folder, config["vocab_size"], config.get("pad_token_id", 0))
    return folder


def write_vocabulary(folder, size, padding):
    pieces = [f"piece{i}" for i in range(size)]
    pieces[:5] = "[CLS]", "[UNK]", "[SEP]", "[MASK]", "x"
    pieces[4], pieces[padding] = pieces[padding], "[PAD]"
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_tensors(folder, change):
    stored = safetensors.numpy.load_file(folder / WEIGHTS)
    safetensors.numpy.save_file(change(stored), folder / WEIGHTS)


def open_folder(folder, task):
    return open_checkpoint(TeacherConfig(teacher=str(folder)), task, "")


def load(folder, task, layer=1):
    checkpoint = open_folder(folder, task)
    labels = checkpoint.labels or LabelSet(("O", "B-X"), task)
    return checkpoint, load_teacher(checkpoint, labels, layer)


def compare(name, checkpoint, model):
    """Asserts that a teacher built for block 1 gives the golden values of a folder."""
    golden = safetensors.numpy.load_file(GOLDEN / name / "golden.safetensors")
    real, blocks = golden["attention_mask"].astype(bool), checkpoint.config.blocks
    ids = checkpoint.tokenizer.checkpoint_ids[golden["input_ids"]]
    assert ((ids == 0) == ~real).all()
    entrance = {layer.name for layer in model.layers} & {PROJECTION} or {"embeddings_dropout"}
    names = [*entrance, *(f"block_{n}_output_norm" for n in range(1, blocks + 1))]
    outputs = {str(n): model.get_layer(layer).output for n, layer in enumerate(names)}
    found = keras.Model(model.inputs[0], model.output | outputs)(ids)
    for n in range(blocks + 1):
        np.testing.assert_allclose(
            np.asarray(found[str(n)])[real], golden["states"][n][real], rtol=0, atol=1e-5
        )
    kept = real if task_of(name) == "ner" else (slice(None), 0)
    states = np.asarray(found["states"])[real if task_of(name) == "ner" else slice(None)]
    np.testing.assert_allclose(states, golden["states"][1][kept], rtol=0, atol=1e-5)
    if checkpoint.labels:
        kept = real if task_of(name) == "ner" else slice(None)
        logits = np.asarray(found["logits"])[kept]
        np.testing.assert_allclose(logits, golden["logits"][kept], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", FOLDERS)
def test_equals_the_reference_padding_included(tmp_path, name):
    checkpoint, model = load(copy_of(name, tmp_path / "a"), task_of(name))
    assert (checkpoint.labels is None) == (name in ("bert-encoder", "bert-masked-lm"))
    compare(name, checkpoint, model)


@pytest.mark.parametrize("name", [n for n in FOLDERS if not n.startswith("bert")])
def test_is_saved_as_it_was_read(tmp_path, name):
    checkpoint, model = load(copy_of(name, tmp_path / "a"), task_of(name))
    (tmp_path / "b").mkdir()
    save_teacher(str(tmp_path / "b"), model, checkpoint, checkpoint.labels)
    before, after = (safetensors.numpy.load_file(tmp_path / f / WEIGHTS) for f in "ab")
    assert set(before) == set(after)
    for tensor, values in before.items():
        np.testing.assert_array_equal(after[tensor], values)
    before, after = (json.loads((tmp_path / f / "config.json").read_text()) for f in "ab")
    assert after == {field: before[field] for field in after}
    again = open_folder(tmp_path / "b", task_of(name))
    assert (again.config, again.labels) == (checkpoint.config, checkpoint.labels)


@pytest.mark.parametrize("name", ["camembert-token", "distilbert-sequence", "electra-sequence"])
def test_an_encoder_without_a_head(tmp_path, name):
    folder = copy_of(name, tmp_path / "a")
    prefix = FAMILIES[open_folder(folder, task_of(name)).family.name].prefix

    def strip(stored):
        kept = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        return kept | {"embeddings.position_ids": np.arange(40)[None]}

    edit_tensors(folder, strip)
    edit_config(folder, architectures=["SomeModel"])
    checkpoint, model = load(folder, task_of(name))
    assert checkpoint.labels is None
    compare(name, checkpoint, model)


def as_xlm_roberta(folder):
    """Positions two rows further on, and the padding's id 1."""

    def change(stored):
        changed = {k.replace("bert.", "roberta.", 1): v for k, v in stored.items()}
        positions = "roberta.embeddings.position_embeddings.weight"
        changed[positions] = np.pad(changed[positions], ((2, 0), (0, 0)), constant_values=9)
        table = "roberta.embeddings.word_embeddings.weight"
        changed[table] = changed[table][[1, 0, *range(2, len(changed[table]))]]
        return changed

    edit_tensors(folder, change)
    fields = {"model_type": "xlm-roberta", "architectures": ["XLMRobertaForTokenClassification"]}
    edit_config(folder, **fields, max_position_embeddings=42, pad_token_id=1)
    write_vocabulary(folder, 44, 1)


def as_electra(folder):
    """No projection, since the embeddings have the width of the blocks."""
    edit_tensors(
        folder, lambda stored: {k.replace("bert.", "electra.", 1): v for k, v in stored.items()}
    )
    fields = {"model_type": "electra", "architectures": ["ElectraForTokenClassification"]}
    edit_config(folder, **fields, embedding_size=16)


def without_types(folder):
    """The embedding of type 0 is added to the positions instead."""

    def change(stored):
        kind = stored.pop("bert.embeddings.token_type_embeddings.weight")
        stored["bert.embeddings.position_embeddings.weight"] += kind[0]
        return stored

    edit_tensors(folder, change)
    edit_config(folder, type_vocab_size=0)


@pytest.mark.parametrize("change", [as_xlm_roberta, as_electra, without_types])
def test_the_same_encoder_under_other_names_gives_the_same_answers(tmp_path, change):
    folder, name = copy_of("bert-token", tmp_path / "a"), "bert-token"
    expected, by_bert = load(folder, "ner")
    change(folder)
    checkpoint, model = load(folder, "ner")
    assert checkpoint.config.max_positions == expected.config.max_positions == 40
    golden = safetensors.numpy.load_file(GOLDEN / name / "golden.safetensors")
    ids = golden["input_ids"]  # padding is piece 0 in both
    real = ids != 0
    for key, values in by_bert(ids).items():
        one, other = np.asarray(values)[real], np.asarray(model(ids)[key])[real]
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_positions_end_where_the_table_ends(tmp_path):
    checkpoint, model = load(copy_of("roberta-token", tmp_path / "a"), "ner")
    assert checkpoint.config.max_positions == 38
    assert model(np.ones((1, 38), np.int32))["states"].shape == (1, 38, 16)
    (tmp_path / "b").mkdir()
    save_teacher(str(tmp_path / "b"), model, checkpoint, checkpoint.labels)
    assert json.loads((tmp_path / "b/config.json").read_text())["max_position_embeddings"] == 40


@pytest.mark.parametrize(
    ("name", "fields", "rates"),
    [
        ("bert-sequence", {}, {"block_1_attention_norm": 0.1, "head": 0.1}),
        ("bert-sequence", {"classifier_dropout": 0.3}, {"block_1_output_norm": 0.1, "head": 0.3}),
        ("roberta-sequence", {"classifier_dropout": 0.3}, {"head": 0.3, "head_dense": 0.3}),
        ("electra-sequence", {"hidden_dropout_prob": 0.2}, {"head": 0.2, "head_dense": 0.2}),
        ("distilbert-token", {"dropout": 0.3}, {"block_1_output_norm": 0.3, "head": 0.3}),
        ("distilbert-sequence", {"seq_classif_dropout": 0.4}, {"head": 0.4}),
    ],
)
def test_dropout_is_as_configured(tmp_path, name, fields, rates):
    folder = copy_of(name, tmp_path / "a")
    edit_config(folder, **fields)
    checkpoint = open_folder(folder, task_of(name))
    model = build_teacher(checkpoint.family, checkpoint.config, checkpoint.labels)
    assert {layer: model.get_layer(f"{layer}_dropout").rate for layer in rates} == rates
    written = checkpoint.family.write_config(checkpoint.config, task_of(name))
    assert {field: written[field] for field in fields} == fields
    if name.startswith("distilbert"):
        assert model.get_layer("block_1_attention_norm_dropout").rate == 0


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("roberta-token", {"pad_token_id": None}, r"positions start after .*pad_token_id=None"),
        ("roberta-token", {"max_position_embeddings": 2}, r"must be positive.*max_positions=0"),
        ("electra-token", {"embedding_size": 0}, r"must be positive.*embedding_width=0"),
        ("distilbert-token", {"n_heads": 3}, r"heads must divide the width.*width=16.*heads=3"),
        ("distilbert-token", {"activation": "mish"}, r"must be one of gelu, .*Received: 'mish'"),
        ("bert-token", {"hidden_dropout_prob": 1.5}, r"below 1.*Received: .* dropout=1.5"),
        ("roberta-token", {"layer_norm_eps": -1.0}, r"at least 0\. Received: epsilon=-1.0"),
        ("electra-token", {"classifier_dropout": -0.1}, r"below 1.* head_dropout=-0.1"),
        ("distilbert-token", {"seq_classif_dropout": 2}, r"below 1.* text_dropout=2"),
        ("bert-token", {"dtype": []}, r"not a configuration of its model_type, as"),
        ("bert-token", {"hidden_size": "16"}, r"not a configuration of its model_type, as"),
        ("bert-token", {"is_decoder": True}, r"only encoders with is_decoder=False are read"),
        ("electra-token", {"add_cross_attention": True}, r"add_cross_attention=False are read"),
        ("camembert-token", {"position_embedding_type": "relative_key"}, r"='absolute' are read"),
    ],
)
def test_what_cannot_be_built_is_refused(tmp_path, name, changes, message):
    folder = copy_of(name, tmp_path / "a")
    edit_config(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        open_folder(folder, "ner")


def test_a_head_of_which_a_layer_is_missing_is_refused(tmp_path):
    folder = copy_of("roberta-sequence", tmp_path / "a")
    edit_tensors(folder, lambda t: {k: v for k, v in t.items() if k != "classifier.dense.bias"})
    with pytest.raises(CheckpointError, match=r"lack a tensor.*Received: no classifier.dense.bias"):
        load(folder, "classification")


def test_a_tokenizer_of_no_known_kind_is_refused(tmp_path):
    shutil.copytree(GOLDEN / "xlm-roberta-token", tmp_path / "a")
    (tmp_path / "a/tokenizer.json").write_text('{"model": {"type": "WordLevel", "vocab": {}}}')
    with pytest.raises(CheckpointError, match=r"no tokenizer of a kind that is read.*WordLevel"):
        open_folder(tmp_path / "a", "ner")

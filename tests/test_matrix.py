"""Every family of teachers with every tokenizer, and whole runs in which each of both appears."""

import dataclasses
import os
import shutil

import keras
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from golden_encoder import GOLDEN
from native.students import random_weights
from small_run import small

import xtremedistil
from xtremedistil.config import TeacherConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.data.schemes import BILOU, BIOES, IO, IOB2, TYPES
from xtremedistil.distil.targets import teacher_outputs
from xtremedistil.experiments import latency
from xtremedistil.experiments.main import execute
from xtremedistil.runtime import files
from xtremedistil.scoring.predictions import forward_of
from xtremedistil.serving.native.model import can_run
from xtremedistil.students.folder import WEIGHTS, StudentFolder
from xtremedistil.teachers.registry import FAMILIES
from xtremedistil.teachers.teacher import (
    Checkpoint,
    build_teacher,
    load_teacher,
    open_checkpoint,
    save_teacher,
)
from xtremedistil.tokenization.registry import TOKENIZERS, open_tokenizer

SHAPES = {
    "bert": "bert-token",
    "roberta": "roberta-token",
    "distilbert": "distilbert-token",
    "electra": "electra-token",
    "deberta": "deberta-v3-token",
    "modernbert": "modernbert-token",
}
VOCABULARIES = {
    "wordpiece": vocabulary_dir(),
    "unigram": str(GOLDEN / "unigram-xlm-roberta"),
    "bpe": str(GOLDEN / "bytes-roberta"),
}
TYPES_OF_DATA = ("LOC", "ORG", "PER")
SENTENCES = [["Anna", "reist", "nach", "Köln", "."], ["मुंबई", "☃", "2020"], ["x"]]


def write_teacher(folder, family, tokenizer, labels):
    """A teacher of random weights; returns its model."""
    pieces = open_tokenizer(VOCABULARIES[tokenizer])
    shape = open_shape(family, folder / "shape")
    changes = {"vocabulary_size": len(pieces)}
    if hasattr(shape, "padding"):
        changes["padding"] = pieces.checkpoint_specials.padding
    shape = dataclasses.replace(shape, **changes)
    keras.utils.set_random_seed(3)
    model = build_teacher(FAMILIES[family], shape, labels, layer=2)
    checkpoint = Checkpoint(None, FAMILIES[family], shape, pieces, None, {})
    save_teacher(str(folder), model, checkpoint, labels)
    return model


def open_shape(family, scratch):
    """The small shape of a golden encoder, whose pieces play no part."""
    shutil.copytree(GOLDEN / SHAPES[family], scratch)
    (scratch / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    return open_checkpoint(TeacherConfig(teacher=str(scratch)), "ner", "").config


def write_data(folder):
    """Some sentences of every type; returns their folder."""
    folder.mkdir()
    tagged = "Anna\tB-PER\nReist\tI-PER\nnach\tO\nKöln\tB-LOC\n{i}\tO\nमुंबई\tB-ORG\n\n"
    for split, number in (("train", 40), ("dev", 8), ("test", 8)):
        content = "".join(tagged.replace("{i}", f"{split}{i}") for i in range(number))
        (folder / f"{split}.tsv").write_text(content, "utf-8")
    return str(folder)


def test_the_tables_above_hold_every_family_and_tokenizer():
    assert (set(SHAPES), set(VOCABULARIES)) == (set(FAMILIES), set(TOKENIZERS))


@pytest.mark.parametrize("tokenizer", VOCABULARIES)
@pytest.mark.parametrize("family", SHAPES)
def test_a_teacher_opens_and_gives_targets(tmp_path, family, tokenizer):
    labels = LabelSet(("O", "B-LOC", "I-LOC"))
    written = write_teacher(tmp_path, family, tokenizer, labels)
    checkpoint = open_checkpoint(TeacherConfig(teacher=str(tmp_path)), "ner", "")
    assert (checkpoint.family, checkpoint.labels) == (FAMILIES[family], labels)
    assert checkpoint.tokenizer == open_tokenizer(VOCABULARIES[tokenizer])
    pieces = [pieces.ids for pieces in checkpoint.tokenizer.encode(SENTENCES)]
    rows = Ragged.from_lists({"ids": pieces}, {})
    model = load_teacher(checkpoint, labels, layer=2)
    targets = teacher_outputs(forward_of(model, ("logits", "states")), rows, ("logits", "states"))
    for number, ids in enumerate(pieces):
        outputs = written(ids[None], training=False)
        for kind in ("logits", "states"):
            found = targets[kind].take(np.array([number])).pieces[kind]
            np.testing.assert_allclose(found, outputs[kind][0], rtol=2e-3, atol=2e-3)


def padded(texts):
    """Ids `(texts, longest)` and their lengths."""
    lengths = np.array([len(ids) for ids in texts], np.int32)
    ids = np.zeros((len(texts), lengths.max()), np.int32)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    return ids, lengths


# The last says whether a SavedModel is made, which takes half of the time.
RUNS = [
    ("roberta", "unigram", IOB2, False),
    ("distilbert", "wordpiece", IO, False),
    ("electra", "wordpiece", TYPES, True),
    ("deberta", "unigram", BIOES, True),
    ("modernbert", "bpe", BILOU, True),
]


@pytest.mark.parametrize(("family", "tokenizer", "scheme", "export"), RUNS)
def test_a_whole_run_and_its_exports(tmp_path, monkeypatch, family, tokenizer, scheme, export):
    """With a ready-made teacher whose labels are of a scheme that the data is not of."""
    timings = {who: {"batch_1": {"median": 1.0}} for who in ("teacher", "student")}
    monkeypatch.setattr(latency, "model_latency", lambda models, **_: dict(timings))
    tags = [scheme.tag(role, name) for name in TYPES_OF_DATA for role in "BIES"]
    labels = LabelSet(tuple(dict.fromkeys(["O", *tags])))
    assert labels.scheme is scheme
    write_teacher(tmp_path / "teacher", family, tokenizer, labels)
    changes = {"teacher": str(tmp_path / "teacher"), "strategy": "D2", "logit_epochs": (1,)}
    changes |= {"transfer_per_language": 0, "labeled_per_language": 20, "test_per_language": 0}
    changes |= {"embedding_dim": 4, "hidden_size": 6, "export": export}
    data, out = write_data(tmp_path / "data"), str(tmp_path / "out")
    found = execute(small(data, out, **changes))
    assert found["teacher"]["fine_tuned"] is False
    codec = StudentFolder.load(f"{out}/student").codec
    assert codec.labels == labels

    student, onnx = xtremedistil.load(out, "keras"), xtremedistil.load(out, "onnx")
    texts = [" ".join(words) for words in SENTENCES]
    expected = student.tag(texts, pretokenized=True)
    for one, other in zip(expected, onnx.tag(texts, pretokenized=True), strict=True):
        assert (one.tags, one.spans) == (other.tags, other.spans)
        assert [e[:4] for e in one.entities] == [e[:4] for e in other.entities]
    for one in expected:
        assert len(one.entities) == len(scheme.to_spans(one.tags))
    pieces = codec.tokenizer.encode(SENTENCES)
    ids, lengths = padded([codec.rows[one.ids] for one in pieces])
    logits = student.network(ids, lengths)
    if can_run():
        # int8 has steps of a fixed size, for weights as large as those of a trained student
        strong = StudentFolder.load(f"{out}/student")
        strong_weights = safetensors.numpy.save(random_weights(strong.shape, gain=2))
        files.write_bytes(os.path.join(strong.folder, WEIGHTS), strong_weights)
        strong.save_description((WEIGHTS, *strong.codec.save(strong.folder)))
        exact = xtremedistil.load(out, "keras").network(ids, lengths)
        native = xtremedistil.load(out, "native", "int8").network(ids, lengths)
        real = np.arange(ids.shape[1]) < lengths[:, None]
        assert np.abs(native - exact)[real].mean() < 0.05 * exact[real].std()

    if not export:
        return
    served = tf.saved_model.load(found["saved_model"]).signatures
    if tokenizer == "bpe":  # no ops of TensorFlow split text so
        assert (set(served), found["example"]) == ({"predict", "serving_default"}, None)
        found_logits = served["predict"](tf.constant(ids[:1, : lengths[0]]))["logits"]
        np.testing.assert_allclose(found_logits, logits[:1, : lengths[0]], atol=1e-5)
        return
    answer = served["tag_words"](tf.constant(texts))
    for i, one in enumerate(expected):
        n, m = int(answer["counts"][i]), int(answer["entity_counts"][i])
        assert [tag.decode() for tag in answer["tags"][i, :n].numpy()] == one.tags
        types = [kind.decode() for kind in answer["entity_types"][i, :m].numpy()]
        places = answer["entity_starts"][i, :m].numpy(), answer["entity_ends"][i, :m].numpy()
        found_entities = list(zip(types, *(place.tolist() for place in places), strict=True))
        assert found_entities == [(e.type, e.start, e.end) for e in one.entities]

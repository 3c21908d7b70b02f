"""A fine-tuned teacher as a predictor, beside its student."""

import shutil

import numpy as np
import pytest
import tiny_bert

from xtremedistil.config import TeacherConfig
from xtremedistil.data.ragged import Ragged
from xtremedistil.experiments.teacher_predictor import load
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.teacher import load_teacher, open_checkpoint

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return tiny_bert.write(str(tmp_path_factory.mktemp("run") / "teacher"), labels=LABELS)


def test_its_logits_are_those_of_the_model(teacher):
    checkpoint = open_checkpoint(TeacherConfig(teacher=teacher), "ner", "")
    model = load_teacher(checkpoint, checkpoint.labels)
    found = load(teacher, "ner").tag("Anna visits Berlin.")
    (pieces,) = checkpoint.tokenizer.encode([found.words])
    logits = model(pieces.ids[None])["logits"].numpy()[0, pieces.first]
    assert found.words == ["Anna", "visits", "Berlin", "."]
    tags = checkpoint.labels.decode(logits, np.array([0, 4]))
    assert found.tags == [LABELS[tag] for tag in tags]
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found.scores, shares[np.arange(4), tags], atol=1e-5)
    assert np.ptp(found.scores) > 1e-3


def test_a_text_beyond_its_positions_is_read_in_windows(teacher):
    predictor = load(teacher, "ner")
    assert predictor.window == 16
    ids = np.arange(5, 45, dtype=np.int32) % 20
    assert predictor.logits(Ragged.from_lists({"ids": [ids]}, {})).shape == (40, 5)


def test_a_run_stands_for_its_teacher(teacher):
    run = teacher.removesuffix("/teacher")
    assert load(run, "ner").tag("Anna") == load(teacher, "ner").tag("Anna")


def test_a_teacher_of_another_task_or_without_a_head(teacher, tmp_path):
    with pytest.raises(CheckpointError, match="with a head for classification"):
        load(teacher, "classification")
    with pytest.raises(CheckpointError, match="fine-tuned for its task"):
        load(tiny_bert.write(str(tmp_path / "plain")), "ner")
    shutil.copytree(teacher, tmp_path / "cut")
    (tmp_path / "cut" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load(str(tmp_path / "cut"), "ner")

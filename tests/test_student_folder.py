"""A student's folder names its tokenizer's kind; one of before there were kinds is read as ever."""

import os
import shutil

import numpy as np
import pytest

import xtremedistil
from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.students.bundle import Bundle
from xtremedistil.students.folder import StudentFolder

# Written by version 0.1, with random weights, and what that version answered.
FORMAT_1 = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "student_format_1")
ANSWER = [
    ("Anna", "O", 0.31736),
    ("visited", "I-PER", 0.32244),
    ("the", "O", 0.5222),
    ("Berlin", "O", 0.59568),
    (",", "O", 0.38826),
    ("Berlin", "O", 0.52539),
    (".", "O", 0.36762),
]


def test_a_folder_of_format_1_answers_as_it_did():
    assert files.read_json(f"{FORMAT_1}/bundle.json")["format"] == 1
    predictor = xtremedistil.load(FORMAT_1, "keras")
    found = predictor.tag("Anna visited the Berlin, Berlin.")
    assert found.words == [word for word, _, _ in ANSWER]
    # that version took each word's best tag, and left the orphan I-PER as it was
    (pieces,) = predictor.codec.tokenizer.encode([found.words])
    rows = Ragged.from_lists({"ids": [predictor.codec.rows[pieces.ids]]}, {})
    labels = predictor.codec.labels
    shares = np.exp(predictor.logits(rows)[pieces.first][:, labels.entity_ids])
    shares /= shares.sum(axis=1, keepdims=True)
    best = [labels.names[i] for i in labels.entity_ids[shares.argmax(axis=1)]]
    assert best == [tag for _, tag, _ in ANSWER]
    np.testing.assert_allclose(shares.max(axis=1), [score for *_, score in ANSWER], atol=1e-5)
    assert found.tags == ["O", "B-PER", *best[2:]]


def test_saved_again_it_names_its_tokenizer(tmp_path):
    Bundle.load(FORMAT_1).save(str(tmp_path))
    content = files.read_json(f"{tmp_path}/bundle.json")
    assert (content["format"], content["tokenizer"]) == (2, "wordpiece")
    old, new = StudentFolder.load(FORMAT_1), StudentFolder.load(str(tmp_path))
    assert new.codec.tokenizer == old.codec.tokenizer
    np.testing.assert_array_equal(new.codec.rows, old.codec.rows)


def test_files_that_do_not_belong_to_it_are_not_read(tmp_path):
    folder = shutil.copytree(FORMAT_1, tmp_path / "student")
    (folder / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}')
    found, expected = StudentFolder.load(str(folder)), StudentFolder.load(FORMAT_1)
    assert found.codec.tokenizer == expected.codec.tokenizer


def drop_vocabulary(content: dict) -> None:
    del content["files"]["vocab.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c.update(format=3),
            r"format 1 or 2 of a student\'s folder\. Received: format=3",
        ),
        (lambda c: c.update(tokenizer="x"), r"of kind .*wordpiece.*Received: tokenizer='x'"),
        (lambda c: c.update(tokenizer=[]), "not a description of a student's folder"),
        (drop_vocabulary, "vocab.txt is not among its files"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, change, message):
    folder = str(shutil.copytree(FORMAT_1, tmp_path / "student"))
    content = files.read_json(f"{folder}/bundle.json")
    change(content)
    files.write_json(f"{folder}/bundle.json", content)
    with pytest.raises(ArtifactError, match=message):
        StudentFolder.load(folder)

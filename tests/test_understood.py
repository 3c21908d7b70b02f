"""What a run says that it has understood, before any long work."""

import json
import os

import pytest
import tiny_bert
from small_run import small

from xtremedistil.config import DataConfig
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.understood import understand
from xtremedistil.experiments.understood_text import describe
from xtremedistil.runtime.errors import ConfigError, DataError
from xtremedistil.runtime.typed_json import to_json

TRAIN = "Ada B-PER\nLee I-PER\nran O\n\nBo B-PER\nAl B-PER\nin O\nYork B-LOC\n\n"
DEV = "Cy B-PER\nsat O\n\n"
TEST = "Ada B-PER\nLee I-PER\nran O\n\nYork B-LOC\nNice B-LOC\n\n"


def folder_of(top, **splits):
    for name, content in splits.items():
        (top / f"{name}.txt").write_text(content, encoding="utf-8")
    return str(top)


def found_in(data, out, with_transfer=True, **changes):
    changes = {"transfer_per_language": 0, "transfer_validation": 1, **changes}
    run = Run(small(data, out, **changes))
    found = understand(run, with_transfer)
    return found, describe(run, found)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    texts = "Dee ran .\nEd sat .\nYork Nice\n"
    return folder_of(tmp_path / "data", train=TRAIN, dev=DEV, test=TEST, transfer=texts)


def test_files_counts_and_doubles(data, tmp_path):
    found, text = found_in(data, tmp_path / "out")
    assert found.labels == {
        "train": {"LOC": 1, "PER": 3},
        "dev": {"LOC": 0, "PER": 1},
        "test": {"LOC": 2, "PER": 1},
    }
    assert found.test_in_train == 1
    train = found.files["train"]
    assert (train.format, train.layout) == ("conll", "tokens in column 1, tags in column 2 of 2")
    assert "first: Ada[B-PER] Lee[I-PER] ran[O]" in text
    assert "first: Dee ran .\n          words: split at white space" in text
    assert "labeled   2 to train, 1 to validate, 2 to score" in text
    assert "transfer  5 texts, training sentences among them" in text
    assert "warning   1 of 2 test sentences occur in the training data too" in text
    assert "scratch: bert, 2 blocks of width 32, fine-tuned first; no head for the task" in text
    assert "wordpiece tokenizer of 8,000 pieces; case kept, accents kept" in text
    assert json.loads(json.dumps(to_json(found)))["labels"] == found.labels


def test_test_sentences_that_are_all_known_are_said_to_be(data, tmp_path):
    folder_of(tmp_path / "data", test=TRAIN)
    _, text = found_in(data, tmp_path / "out")
    assert "warning   all 2 test sentences occur in the training data too" in text
    folder_of(tmp_path / "data", test="York B-LOC\nNice B-LOC\n\n")
    found, text = found_in(data, tmp_path / "out2")
    assert found.test_in_train == 0
    if found.test_in_transfer:  # unless it is what is held out
        assert "all 1 test sentences occur in the transfer set, without their labels" in text


def test_entities_are_counted_in_every_scheme_alike(tmp_path):
    train = "a PER\nb PER\nc O\nd LOC\ne PER\n\nf LOC\n\ng LOC\n\n"
    data = folder_of(tmp_path, train=train, dev=train, test=train)
    found, text = found_in(data, tmp_path / "out", with_transfer=False)
    assert found.labels["dev"] == {"LOC": 3, "PER": 2}  # also where a sentence begins as one ended
    assert "F1 there is undefined" not in text
    plain = "a O\nb O\n\n"
    folder_of(tmp_path, test=plain)
    assert (
        "warning   no entity in test: F1 there is undefined, not 0"
        in (found_in(data, tmp_path / "out2", with_transfer=False)[1])
    )


@pytest.mark.parametrize(("strategy", "select_by"), [("D4.2", "label-metric"), ("D1", "metric")])
def test_development_f1_that_is_undefined_cannot_choose(tmp_path, data, strategy, select_by):
    folder_of(tmp_path / "data", dev="a O\nb O\n\n")
    options = {"strategy": strategy, "select_by": select_by}
    with pytest.raises(DataError, match=f"no entity.*Received: --select_by={select_by}"):
        found_in(data, tmp_path / "out", **options)
    found_in(data, tmp_path / "loss", **options | {"select_by": "loss"})
    found_in(data, tmp_path / "teacher", with_transfer=False, **options)
    if select_by == "label-metric":  # chooses in no step of the others
        found_in(data, tmp_path / "labels", **options | {"strategy": "D0-S"})


def test_tags_of_words_are_no_classes_of_texts(tmp_path):
    (tmp_path / "data").mkdir()
    tabbed = {name: text.replace(" ", "\t") for name, text in (("train", TRAIN), ("test", TEST))}
    data = folder_of(tmp_path / "data", **tabbed)
    with pytest.raises(DataError, match=r"tags of words: give --task=ner\. Received: B-"):
        found_in(data, tmp_path / "out", task="classification")


def test_development_f1_of_each_student_is_looked_at(tmp_path):
    """D0 has a student for each language, and each chooses by its own."""
    for language, dev in (("de", DEV), ("hi", "a O\nb O\n\n")):
        (tmp_path / "data" / language).mkdir(parents=True)
        folder_of(tmp_path / "data" / language, train=TRAIN, dev=dev, test=TEST, transfer="Ed .\n")
    data, options = str(tmp_path / "data"), {"strategy": "D0", "label_epochs": (1,)}
    with pytest.raises(DataError, match="select_by=metric, no entity of language 'hi'"):
        found_in(data, tmp_path / "out", select_by="metric", **options)
    found_in(data, tmp_path / "loss", **options)


def test_what_training_does_not_see_is_counted(tmp_path):
    texts = "".join(f"{'a ' * n}\tx\n{'b ' * n}\ty\n" for n in (2, 4, 10))
    data = folder_of(tmp_path, train=texts, dev=texts, test=texts)
    options = {"task": "classification", "max_seq_length": 8, "long_texts": "cut"}
    found, text = found_in(data, tmp_path / "out", with_transfer=False, **options)
    lengths = found.lengths["train"]  # a sentence is held out of six, and two markers are added
    assert lengths.longer in (1, 2)
    assert lengths.lost == 4 * lengths.longer
    assert lengths.whole == 16
    assert "beyond --max_seq_length=8 and not learned from; --max_seq_length=16 reads 99%" in text
    assert "lengths " not in found_in(data, tmp_path / "b", **options | {"max_seq_length": 12})[1]


def test_a_teacher_says_how_it_is_used(tmp_path, data):
    tags = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    teacher = tiny_bert.write(str(tmp_path / "bert"), labels=tags, lowercase=False)
    options = {"teacher": teacher, "embedding_dim": 8, "max_seq_length": 16}
    found, text = found_in(data, tmp_path / "out", **options)
    assert found.teacher.ready
    assert "used as it is; head with 5 classes: O, B-LOC, I-LOC, B-PER, I-PER" in text


def test_the_default_length_is_that_of_the_task():
    assert DataConfig().max_seq_length == 32
    assert DataConfig(task="classification").max_seq_length == 128
    assert DataConfig(task="classification", max_seq_length=40).max_seq_length == 40
    with pytest.raises(ConfigError, match="--max_seq_length must be 0 or at least 3"):
        DataConfig(max_seq_length=2)


def test_the_shown_beginning_is_short(tmp_path):
    long = "".join(f"{'w' * 40}{i} O\n" for i in range(20)) + "\n"
    data = folder_of(tmp_path, train=long + TRAIN, dev=DEV, test=TEST)
    _, text = found_in(data, tmp_path / "out", with_transfer=False)
    (shown,) = [line for line in text.split("\n") if "wwww" in line]
    assert shown.count("[O]") == 12
    assert shown.endswith("[O] ...")
    assert os.path.basename(data) in text

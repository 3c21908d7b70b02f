"""Heads whose classes have other names than the data's, or none."""

import json

import numpy as np
import pytest
import tiny_bert
from small_run import german_and_hindi, small

from xtremedistil.config import TeacherConfig
from xtremedistil.data.label_map import LabelMap, NamedClasses
from xtremedistil.data.labels import LabelSet
from xtremedistil.experiments.run import Run
from xtremedistil.runtime.errors import CheckpointError, ConfigError, DataError
from xtremedistil.teachers.teacher import load_teacher, open_checkpoint
from xtremedistil.tokenization.base import PADDING

IDS = np.array([[2, 5, 6, 3], [2, 8, 3, PADDING]], np.int32)


def applied(folder, lines, labels, task="ner"):
    (folder / "map").write_text(lines)
    return LabelMap.read(str(folder / "map")).apply(labels.split(), task)


@pytest.mark.parametrize(
    ("lines", "labels", "names", "groups"),
    [
        ("LABEL_0=O\nLABEL_2=B-LOC\n", "LABEL_0 I-LOC LABEL_2", "O I-LOC B-LOC", [[0], [1], [2]]),
        ("GPE=LOC\nLOC=LOC", "O B-LOC I-GPE B-GPE", "O B-LOC I-LOC", [[0], [1, 3], [2]]),
        ("MISC=\nB-PER=", "O B-PER I-PER I-MISC", "O I-PER", [[0, 1, 3], [2]]),
        ("A=C", "O S-A E-A B-B", "O S-C E-C B-B", [[0], [1], [2], [3]]),
        (" GPE = LOC \n\nLOC=LOC\n", "O GPE LOC", "O LOC", [[0], [1, 2]]),
        ("B-A=B-B", "O B-A I-A", "O B-B I-A", [[0], [1], [2]]),
    ],
)
def test_labels_and_types_get_new_names(tmp_path, lines, labels, names, groups):
    expected = NamedClasses(tuple(names.split()), tuple(map(tuple, groups)))
    assert applied(tmp_path, lines, labels) == expected


@pytest.mark.parametrize(
    ("lines", "labels", "task", "message"),
    [
        ("GPE=LOC", "O B-LOC B-GPE", "ner", r"two labels would be B-LOC.*\(B-LOC=B-LOC.*B-GPE"),
        ("GEO=LOC", "O B-LOC", "ner", r"it has O, B-LOC \(--label_map\)\. Received: 'GEO'"),
        ("B-GEO=B-LOC", "O B-LOC", "ner", r"Received: 'B-GEO'"),
        ("A\n", "O A", "ner", r"map:1: each line is OLD=NEW.*Received: 'A'"),
        ("A=B\n\nA=C\n", "O A", "ner", r"map:3: .*no other line names"),
        ("=B\n", "O A", "ner", r"map:1: "),
        ("bad=", "good bad", "classification", r"dropped to O, which classes of texts do not"),
    ],
)
def test_a_map_that_cannot_be_meant_is_refused(tmp_path, lines, labels, task, message):
    with pytest.raises(ConfigError, match=message):
        applied(tmp_path, lines, labels, task)


def test_several_classes_become_one_whose_probability_is_their_sum(tmp_path):
    labels = ("O", "B-LOC", "B-GPE", "I-GPE", "B-ART")
    folder = tiny_bert.write(str(tmp_path / "teacher"), labels=labels)
    (tmp_path / "map").write_text("GPE=LOC\nLOC=LOC\nART=\n")
    plain = open_checkpoint(TeacherConfig(teacher=folder), "ner", "")
    mapped = open_checkpoint(
        TeacherConfig(teacher=folder, label_map=str(tmp_path / "map")), "ner", ""
    )
    assert mapped.labels.names == ("O", "B-LOC", "I-LOC")
    assert mapped.identity == plain.identity | {
        "label map": {"names": mapped.labels.names, "groups": ((0, 4), (1, 2), (3,))}
    }
    before = load_teacher(plain, plain.labels, 2)(IDS)
    after = load_teacher(mapped, mapped.labels, 2)(IDS)
    expected = np.log(
        np.exp(before["logits"]) @ np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    )
    np.testing.assert_allclose(after["logits"], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(after["states"], before["states"])


def without_names(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(
        json.dumps({k: v for k, v in config.items() if k not in ("id2label", "label2id")} | changes)
    )
    return str(folder)


def texts(folder, classes):
    folder.mkdir()
    for split, number in (("train", 20), ("test", 4)):
        lines = [f"anna visited berlin {i}\t{classes[i % len(classes)]}\n" for i in range(number)]
        (folder / f"{split}.tsv").write_text("".join(lines))
    return str(folder)


def test_a_head_without_names_is_one_and_takes_those_of_the_data(tmp_path, caplog):
    tiny_bert.write(str(tmp_path / "teacher"), labels=("no", "yes"), pooler=True)
    named = open_checkpoint(TeacherConfig(teacher=str(tmp_path / "teacher")), "classification", "")
    changes = {"task": "classification", "max_seq_length": 16, "embedding_dim": 8}
    changes |= {"teacher": without_names(tmp_path / "teacher"), "test_per_language": 0}
    run = Run(small(texts(tmp_path / "data", ["yes", "no"]), tmp_path / "out", **changes))
    assert run.ready_teacher
    labels = run.data.read_labels()
    assert labels.names == ("no", "yes")
    assert "(LABEL_0=no, LABEL_1=yes)" in caplog.text
    np.testing.assert_array_equal(
        run.teacher.load()(IDS)["logits"], load_teacher(named, named.labels)(IDS)["logits"]
    )
    three = texts(tmp_path / "three", ["a", "b", "c"])
    with pytest.raises(
        DataError, match=r"has 2 classes without names.*Received: 3 classes, a, b, c"
    ):
        Run(small(three, tmp_path / "other", **changes)).data.read_labels()


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (["10", "9", "2"], ("2", "9", "10")),
        (["b", "a", "10"], ("10", "a", "b")),
        (["LABEL_0", "LABEL_2"], ("LABEL_0", "LABEL_1", "LABEL_2")),
    ],
)
def test_the_order_of_the_data_s_classes(found, names):
    unnamed = LabelSet(("LABEL_0", "LABEL_1", "LABEL_2"), "classification")
    assert unnamed.named_after(found, "data").names == names


def test_a_head_with_names_keeps_them():
    labels = LabelSet(("a", "b"), "classification")
    assert labels.named_after(["c", "d"], "data") == labels
    assert not labels.fits(LabelSet(("c", "d"), "classification"))


def test_a_head_for_tags_without_names_needs_a_map_or_another_head(tmp_path):
    tiny_bert.write(str(tmp_path), labels=("O", "B-A"))
    folder = without_names(tmp_path)
    with pytest.raises(
        CheckpointError, match=r"--label_map names them.*Received: LABEL_0, LABEL_1"
    ):
        open_checkpoint(TeacherConfig(teacher=folder), "ner", "")
    again = TeacherConfig(teacher=folder, finetune="always")
    assert open_checkpoint(again, "ner", "").labels is None
    (tmp_path / "map").write_text("LABEL_0=O\nLABEL_1=B-A\n")
    mapped = TeacherConfig(teacher=folder, label_map=str(tmp_path / "map"))
    assert open_checkpoint(mapped, "ner", "").labels.names == ("O", "B-A")


@pytest.mark.parametrize("names", [["O"], ["O", "B-A", "I-A"], {"0": "O", "2": "B-A"}])
def test_names_for_another_number_of_classes_are_refused(tmp_path, names):
    tiny_bert.write(str(tmp_path), labels=("O", "B-A"))
    named = names if isinstance(names, dict) else {str(i): name for i, name in enumerate(names)}
    folder = without_names(tmp_path, id2label=named)
    with pytest.raises(CheckpointError, match=r"must name the 2 classes of the head.*Received"):
        open_checkpoint(TeacherConfig(teacher=folder), "ner", "")


def test_a_teacher_that_is_fine_tuned_has_no_labels_to_rename(tmp_path):
    (tmp_path / "map").write_text("A=B\n")
    data = german_and_hindi(tmp_path / "data")
    with pytest.raises(ConfigError, match=r"one that is fine-tuned has those of the data"):
        Run(small(data, tmp_path / "out", label_map=str(tmp_path / "map")))

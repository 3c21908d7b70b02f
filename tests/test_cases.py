"""Small data folders as people have them, each taken through a run's beginning; and for each kind
an input of our own, so that the kind is right and not the folder alone."""

import os

import numpy as np
import pytest
from small_run import small

from xtremedistil.data.lines import read_lines
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.understood import Understood, understand
from xtremedistil.runtime.errors import DataError
from xtremedistil.scoring.metrics import by_language

TEXTS = {"task": "classification"}
OUTER = {"token_column": "2", "tag_column": "3"}
# entities of the sentences that most folders have, by split
PEOPLE = {
    "dev": {"LOC": 6, "ORG": 11, "PER": 9},
    "test": {"LOC": 14, "ORG": 2, "PER": 20},
}


def begin(data, out, **changes) -> Understood:
    changes = {"transfer_per_language": 0, "max_seq_length": 0, **changes}
    run = Run(small(str(data), out, **changes))
    return understand(run, with_transfer=True)


def write(folder, name, content, splits=("train", "dev", "test")):
    os.makedirs(folder, exist_ok=True)
    for split in splits:
        path = folder / f"{split}{name}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return folder


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("03b-germeval-nocomments", OUTER),
        ("09-io-scheme", {}),
        ("10-bioes", {}),
        ("14-blank-lines", {}),
        ("22b-doccano-jsonl", {}),
    ],
)
def test_the_same_entities_in_every_form(shared_cases, tmp_path, name, options):
    found = begin(f"{shared_cases}/{name}", tmp_path, **options)
    assert {split: found.labels[split] for split in PEOPLE} == PEOPLE
    assert sum(found.sentences_per_language["train"].values()) == 72  # 8 of 80 are held out
    assert found.test_in_train == 8


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("03b-germeval-nocomments", r"train.tsv:1: the first column counts.*--token_column=N"),
        ("07-quote-tag", r"train.txt:32: an unknown tag.*token='248'"),
    ],
)
def test_what_is_refused_says_where_and_how_to_go_on(shared_cases, tmp_path, name, error):
    with pytest.raises(DataError, match=error):
        begin(f"{shared_cases}/{name}", tmp_path)


def test_the_line_of_a_wrong_tag_is_that_line(shared_cases):
    lines = dict(read_lines(f"{shared_cases}/07-quote-tag/train.txt"))
    assert lines[32].startswith("248 ")


@pytest.mark.parametrize("name", ["30-sst2-header", "31-csv-quoted", "85-long-texts"])
def test_texts(shared_cases, tmp_path, name):
    found = begin(f"{shared_cases}/{name}", tmp_path, **TEXTS)
    assert len(found.labels["train"]) == 2
    named = "named in line 1" in found.files["train"].layout
    assert named == (name != "85-long-texts")
    assert found.max_seq_length == 128
    if name == "85-long-texts":  # in words of this small vocabulary
        assert found.lengths["train"].percent_lost > 40
    else:
        assert found.lengths["train"].lost == 0


def test_a_type_that_training_lacks_is_missed_and_none_is_undefined(shared_cases, tmp_path):
    found = begin(f"{shared_cases}/16-unseen-in-dev", tmp_path / "a")
    assert (found.labels["train"]["EVENT"], found.labels["dev"]["EVENT"]) == (0, 1)
    found = begin(f"{shared_cases}/17-no-entities", tmp_path / "b")
    assert set(found.labels["test"].values()) == {0}
    guessed = np.array([[0, 1, 0]])  # an entity where none is
    assert by_language(guessed, 2, np.array([0]), [""])["mean"] is None


def test_transfer_text_in_json_lines(shared_cases, tmp_path):
    folder = f"{shared_cases}/71c-transfer-jsonl"
    found = begin(folder, tmp_path, transfer_file=(f"{folder}/t.jsonl",))
    assert found.files["transfer"].words == ["It", "rained", "all", "day", "."]


def test_a_mark_is_no_part_of_a_token(shared_cases):
    (first, *_) = [line for _, line in read_lines(f"{shared_cases}/63-bom-predict/bom.txt")]
    assert first == "Tara Quist moved to Velby ."


SENTENCES = {
    "header and lemmas": ("word\tlemma\tner\nBo\tbo\tB-PER\nsat\tsit\tO\n\nAl\tal\tB-PER\n\n", {}),
    "counted from 0": ("0 Bo B-PER\n1 sat O\n\n0 Al B-PER\n\n", OUTER | {"tag_column": "3"}),
    "CoNLL-U plus": (
        "# sent_id = 1\n1\tBo\tB-PER\n2-3\tdu\t_\n2\tde\tO\n3\tle\tO\n3.1\t_\t_\n\n"
        "1\tAl\tB-PER\n2\tsat\tO\n\n",
        OUTER,
    ),
    "bilou": ("Bo\tU-PER\nsat\tO\n\nAl\tU-PER\n#\tO\n\n", {}),
    "bare letters": ("Bo\tB\nAl\tI\nsat\tO\n\nAl\tB\n\n", {}),
    "white space between": ("\ufeffBo O\n \t\nAl B-PER\nCy I-PER\n\t\n\nDi B-PER\n", {}),
    "no-break space": ("Bo\u00a0Al\tB-PER\nsat\tO\n\nDi\tB-PER\n\n", {}),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_sentences_of_our_own(tmp_path, kind):
    content, options = SENTENCES[kind]
    found = begin(write(tmp_path / "data", ".txt", content), tmp_path / "out", **options)
    assert sum(found.labels["dev"].values()) == 2
    words = found.files["train"].words
    assert words[0] == ("Bo\u00a0Al" if kind == "no-break space" else "Bo")
    if kind == "CoNLL-U plus":
        assert words == ["Bo", "de", "le"]


RECORDS = {
    "excel": ("\ufefftext;label\r\n\"gut; sehr\";pos\r\nschlecht;neg\r\nso so;neg\r\n", ".csv"),
    "spam": ("v1,v2,,\r\nham,\"Go, then\",,\r\nspam,Free entry,,\r\nham,ok,,\r\n", ".csv"),
    "fastText": ("__label__pos good , film\nbad __label__neg\nso so __label__neg\n", ".txt"),
    "long": ("x " * 105 + "\tpos\n" + "y " * 105 + "\tneg\nz\tneg\n", ".tsv"),
}  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS)
def test_texts_of_our_own(tmp_path, kind):
    content, name = RECORDS[kind]
    options = {"token_column": "v2", "tag_column": "v1"} if kind == "spam" else {}
    data = write(tmp_path / "data", name, content)
    found = begin(data, tmp_path / "out", **TEXTS, **options)
    assert sorted(found.labels["dev"].values()) == [1, 2]
    assert found.lengths["train"].lost == 0
    assert found.test_in_train > 0

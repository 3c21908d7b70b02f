"""Files of other tools' making: read rightly, or refused with a way out; never read wrongly in
silence."""

import json

import pytest

from xtremedistil.config import DataConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sources import Reader, find_sources
from xtremedistil.runtime.errors import DataError

TEXTS = "classification"


@pytest.fixture
def read(tmp_path):
    """Reads a training file: words and tags of each example."""

    def _read(content, name="train.txt", **options):
        (tmp_path / name).write_text(content, encoding="utf-8")
        config = DataConfig(data_dir=str(tmp_path), **options)
        found = Reader(config).examples(find_sources(config)["train"])
        return [(example.words, example.tags) for example in found]

    return _read


def lines(*records):
    return "".join(f"{json.dumps(record)}\n" for record in records)


def test_conllu_ranges_and_empty_nodes_are_no_words(read):
    content = "1-2\tdu\tO\n1\tde\tO\n2\tLyon\tB-LOC\n2.1\t_\tO\n\n1\tBo\tB-PER\n\n"
    found = read(content, token_column="2", tag_column="3")
    assert found == [(["de", "Lyon"], ["O", "B-LOC"]), (["Bo"], ["B-PER"])]
    words = "1 10-20 O\n2 3.5 O\n\n1 x B-X\n\n"  # such tokens stay
    found = read(words, token_column="2", tag_column="3")
    assert found == [(["10-20", "3.5"], ["O", "O"]), (["x"], ["B-X"])]


def test_a_line_after_a_range_is_still_named_by_its_sentence(read):
    content = "1\tBo\tB-PER\n\n1-2\tdu\tO\n1\tde\tO\n2\tla\tI-LOC\n\n"
    with pytest.raises(DataError, match=r"train.txt:4: I-LOC after O"):
        read(content, token_column="2", tag_column="3")


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "None"])
def test_empty_cells_of_a_table_begin_no_sentence(read, empty):
    rows = f"Sentence #,Word,POS,Tag\nSentence: 1,In,IN,O\n{empty},York,NNP,B-geo\n"
    rows += f"Sentence: 2,He,PRP,O\n{empty},ran,VB,O\n"
    found = read(rows, "train.csv")
    assert found == [(["In", "York"], ["O", "B-geo"]), (["He", "ran"], ["O", "O"])]


def test_lists_written_as_text(read):
    rows = "Sentence #,Sentence,Tag\nSentence: 1,In York,\"['O', 'B-geo']\"\n"
    rows += "Sentence: 2,He ran,\"['O', 'O']\"\n"
    found = read(rows, "train.csv")
    assert found == [(["In", "York"], ["O", "B-geo"]), (["He", "ran"], ["O", "O"])]
    rows = "tokens,ner_tags\n\"['In', 'York']\",\"[0, 1]\"\n\"['He']\",[0]\n"
    found = read(rows, "train.csv", tag_names=("O", "B-geo"))
    assert found == [(["In", "York"], ["O", "B-geo"]), (["He"], ["O"])]
    with pytest.raises(DataError, match=r"train.csv:2: tags must be strings.*--tag_names"):
        read(rows, "train.csv")


def test_what_an_annotator_rejected_is_not_learned(read):
    span = [{"start": 0, "end": 3, "label": "PER"}]
    good = {"text": "Ada ran", "spans": span, "answer": "accept"}
    assert read(lines(good), "train.jsonl") == [(["Ada", "ran"], ["B-PER", "O"])]
    for answer in ("reject", "ignore"):
        with pytest.raises(DataError, match=r"train.jsonl:2: .*did not accept.*select\(.answer"):
            read(lines(good, good | {"answer": answer}), "train.jsonl")


@pytest.mark.parametrize(
    ("records", "advice"),
    [
        ([{"data": {"text": "a"}, "annotations": []}], "Export JSON-MIN"),
        ([{"classes": ["PER"], "annotations": []}], r"\.annotations\[\] \| {text: \.\[0\]"),
        ([["Ada", {"entities": [[0, 3, "PER"]]}]], r"-c '{text: \.\[0\], entities"),
        ([[["Ada", {"entities": [[0, 3, "PER"]]}]]], r"-c '\.\[\] \| {text: \.\[0\], entities"),
        ([{"text": "a", "label": []}, {"text": "b"}], r"train.jsonl:2: .*select\(.label != null\)"),
        ([{"text": "a", "label": None}], r"train.jsonl:1: .*null.*select\(.label != null\)"),
    ],
)
def test_exports_that_are_refused_say_what_to_do(read, records, advice):
    with pytest.raises(DataError, match=advice):
        read(lines(*records), "train.jsonl")


def test_what_the_advice_makes_is_read(read):
    made = lines({"text": "Ada ran", "entities": [[0, 3, "PER"]]})
    assert read(made, "train.jsonl") == [(["Ada", "ran"], ["B-PER", "O"])]
    label = [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}]
    made = lines({"id": 1, "text": "Ada ran", "label": label, "annotator": 1})
    assert read(made, "train.jsonl") == [(["Ada", "ran"], ["B-PER", "O"])]


def test_tables_of_spreadsheets(read):
    with pytest.raises(DataError, match=r"Remove it: tail -n \+2"):
        read("sep=;\ntext;label\ngut;pos\n", "train.csv", task=TEXTS)
    rows = 'v1,v2,,\nham,"Go, then",,\nspam,Free,,\n'
    found = read(rows, "train.csv", task=TEXTS, token_column="v2", tag_column="v1")
    assert found == [(["Go,", "then"], ["ham"]), (["Free"], ["spam"])]


def test_long_lists_in_errors_are_cut():
    labels = LabelSet(tuple(f"C{i}" for i in range(30)), TEXTS)
    with pytest.raises(DataError, match=r"C19 and 10 more\. If it is one of these") as error:
        labels.encode(["D"], lambda i: "f:1")
    assert "C20" not in str(error.value)


def test_a_header_of_other_names_is_read_as_its_error_advises(read):
    content = "foo bar\nBo B-PER\nran O\n\n"
    with pytest.raises(DataError, match=r"train.txt:1: .*--token_column=NAME --tag_column=NAME"):
        read(content)
    found = read(content, token_column="foo", tag_column="bar")
    assert found == [(["Bo", "ran"], ["B-PER", "O"])]


def test_ontonotes_columns_of_brackets(read):
    start = "bc/cctv_0000 0"
    content = "#begin document (bc/cctv_0000); part 000\n"
    content += f"{start} 0 Bo NNP (PERSON) (ARG0*) (1)\n{start} 1 saw VBD * (V*) -\n"
    content += f"{start} 2 New NNP (GPE* (ARG1* -\n{start} 3 York NNP *) *) -\n\n"
    content += f"{start} 0 Yes UH * -\n\n#end document\n"  # a sentence without a verb
    with pytest.raises(DataError, match="--token_column=N --tag_column=N"):
        read(content)
    found = read(content, token_column="4", tag_column="6")
    expected = ["B-PERSON", "O", "B-GPE", "I-GPE"]
    assert found == [(["Bo", "saw", "New", "York"], expected), (["Yes"], ["O"])]
    with pytest.raises(DataError, match="txt:3: 4 columns, and the first line has 6"):
        read("a b c d * x\na b c d * x\na b c *\n\n", token_column="2", tag_column="5")


def test_a_bracket_that_is_not_closed_is_named_by_its_line(read):
    with pytest.raises(DataError, match=r"txt:2: a bracket that is not closed"):
        read("New (GPE*\nYork *\n\nBo (PERSON)\n\n")

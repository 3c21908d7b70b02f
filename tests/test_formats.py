"""Files as people have them: columns, records, tables, headers, and what is refused."""

import csv
import io
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil.config import DataConfig
from xtremedistil.data.sources import Reader, find_sources
from xtremedistil.runtime.errors import DataError

TEXTS = "classification"


@pytest.fixture
def read(tmp_path):
    """Reads the training file of a folder: line, words and tags of each example."""

    def _read(content, name="train.txt", **options):
        data = content.encode("utf-8") if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return read_folder(tmp_path, **options)

    return _read


@pytest.fixture
def read_transfer(tmp_path):
    """Reads a transfer file: line and words of each text."""

    def _read(content, name="t.txt", **options):
        labels = "a b\t1\nc d\t0\n" if options.get("task") == TEXTS else "a\tB-X\nb\tO\n\n"
        (tmp_path / "train.tsv").write_text(labels)
        (tmp_path / name).write_text(content)
        options["transfer_file"] = (str(tmp_path / name),)
        return [(line, words) for line, words, _ in read_folder(tmp_path, "transfer", **options)]

    return _read


def read_folder(folder, split="train", **options):
    config = DataConfig(data_dir=str(folder), **options)
    examples = Reader(config).examples(find_sources(config)[split])
    return [(e.line, e.words, e.tags) for e in examples]


def lines(*records):
    return "".join(f"{json.dumps(record)}\n" for record in records)


# Columns

ROWS = "1\tAnna\tB-PER\tO\n2\tran\tO\tO\n\n1\tBo\tB-PER\tO\n"
ANNA = [(1, ["Anna", "ran"], ["B-PER", "O"]), (4, ["Bo"], ["B-PER"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROWS, r"txt:1: the first column counts.*--token_column=N.*1: '1', 2: 'Anna'"),
        ("7\tAnna\tO\n8\tran\tO\n9\tx\tO\n", "the first column counts"),
        ("1 O\n2 O\n\n", "the first column counts"),
        ("a\tAnna\tO\na\tran\tO\na\tx\tO\n\n", "is the same on all lines of a sentence"),
        ("B-PER\tAnna\nO\tran\n\n", "the first column holds tags"),
        ("Anna\tB-PER\tO\nran\tO\tO\n\n", "columns 2 and 3 all hold tags.*--tag_column=2"),
        ("Anna PER O\nran O LOC\n\n", "columns 2 and 3 all hold tags"),
        ("New York B-LOC\nis O\n\n", "txt:2: 2 columns, and the first line has 3"),
        ("Anna\tB-PER\n\nx\tO\n'\t'\n", r"txt:4: an unknown tag.*tag=\"'\""),
        ("Anna\tPER\nBo\tO\nx\tLOC\n\nx\t'\n", r"txt:5: no tag of io.*--tag_scheme"),
        ("Anna\tB_PER\nBo\tO\n\n", r"txt: tags such as B_PER: .*Received: B_PER, O"),
        ("id\tWort\tArt\n1\tAnna\tB-PER\n2\tran\tO\n\n", r"txt:1: an unknown tag.*tag='Art'"),
    ],
)
def test_columns_are_not_taken_on_trust(read, content, message):
    with pytest.raises(DataError, match=message):
        read(content)


def test_the_advice_on_columns_works(read):
    assert read(ROWS, token_column="2", tag_column="3") == ANNA
    named = "id\tWort\tArt\n1\tAnna\tB-PER\n2\tran\tO\n\n"
    expected = [(2, ["Anna", "ran"], ["B-PER", "O"])]
    assert read(named, token_column="Wort", tag_column="Art") == expected
    with pytest.raises(DataError, match=r"no column or field 'Form'.*Received: id, Wort, Art"):
        read(named, token_column="Form", tag_column="Art")
    with pytest.raises(DataError, match=r"no column or field '9', which --tag_column asks for"):
        read(ROWS, token_column="2", tag_column="9")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Token\tNER\nAnna\tB-PER\nran\tO\n\n", [(2, ["Anna", "ran"], ["B-PER", "O"])]),
        ("# id\n# text = x\nAnna B-PER\n# O\n\n# y\nx O\n", [
            (3, ["Anna", "#"], ["B-PER", "O"]), (7, ["x"], ["O"])]),
        ("# O\n1 O\n\n#\tO\n\n#tag O\n", [(1, ["#", "1"], ["O", "O"]), (4, ["#"], ["O"]),
                                          (6, ["#tag"], ["O"])]),
        ("New\u00a0York\u3000\tB-LOC\nis\tO\n \t\n\u00a0\nx\tO\n", [
            (1, ["New\u00a0York\u3000", "is"], ["B-LOC", "O"]), (5, ["x"], ["O"])]),
        ("10\u00a0000   B-N  \n is O\n\n", [(1, ["10\u00a0000", "is"], ["B-N", "O"])]),
        ("EU NNP I-NP I-ORG\nran VBZ I-VP O\n\nUN NNP I-NP I-ORG\nUN NNP B-NP B-ORG\n", [
            (1, ["EU", "ran"], ["B-ORG", "O"]), (4, ["UN", "UN"], ["B-ORG", "B-ORG"])]),
        ("Anna B-PER x\nran O y\n\n", [(1, ["Anna", "ran"], ["B-PER", "O"])]),
    ],
)  # fmt: skip
def test_headers_comments_blanks_and_chunks(read, content, expected):
    assert read(content) == expected


def test_a_scheme_is_said_and_may_be_forced(read, caplog):
    caplog.set_level("INFO")
    bioes = "Anna\tB-PER\nLind\tE-PER\nBo\tS-PER\n\n"
    assert read(bioes) == [(1, ["Anna", "Lind", "Bo"], ["B-PER", "I-PER", "B-PER"])]
    assert "train.txt: tags of scheme bioes, read as iob2" in caplog.text
    with pytest.raises(DataError, match=r"txt:2: no tag of bilou.*tag='E-PER' token='Lind'"):
        read(bioes, tag_scheme="bilou")
    orphans = "x\tO\nAnna\tI-PER\nLind\tI-PER\n\n"
    assert read(orphans)[0][2] == ["O", "B-PER", "I-PER"]
    with pytest.raises(DataError, match=r"txt:2: I-PER after O continues no entity"):
        read(orphans, tag_scheme="iob2")


# JSON lines

TEXT = "Anna-Lena ran to U.S. Paris."


@pytest.mark.parametrize(
    "spans",
    [
        {"label": [[5, 9, "PER"], [22, 27, "LOC"]]},
        {"entities": [{"label": "PER", "start_offset": 5, "end_offset": 9}, [22, 27, "LOC"]]},
        {"tokens": [{"text": "Anna"}], "spans": [
            {"start": 22, "end": 27, "label": "LOC"}, {"start": 5, "end": 9, "type": ["PER"]}]},
    ],
)  # fmt: skip
def test_spans_of_characters_become_tags_of_the_words_of_serving(read, caplog, spans):
    (found,) = read(lines({"id": 1, "text": TEXT, **spans}), "train.jsonl")
    words = ["Anna-Lena", "ran", "to", "U.S.", "Paris", "."]
    assert found == (1, words, ["B-PER", "O", "O", "O", "B-LOC", "O"])


def test_spans_that_words_cannot_hold_are_counted_and_named(tmp_path, caplog):
    spans = [[5, 9, "PER"], [22, 27, "LOC"], [17, 27, "PLACE"], [22, 24, "X"]]
    content = lines({"text": "x", "label": []}, {"text": TEXT, "label": spans})
    (tmp_path / "train.jsonl").write_text(content)
    config = DataConfig(data_dir=str(tmp_path))
    reader, sources = Reader(config), find_sources(config)["train"]
    (found,) = [e for e in reader.examples(sources) if len(e.words) > 1]
    assert found.tags == ["B-PER", "O", "O", "B-PLACE", "I-PLACE", "O"]
    assert (found.cut, found.dropped) == (1, 2)
    reader.scan("train", sources)
    assert "1 spans begin or end inside a word" in caplog.text
    assert "2 spans share a word with a longer" in caplog.text
    assert caplog.text.count("train.jsonl:2") == 2


def test_tokens_with_tags_or_their_numbers(read):
    named = lines({"id": "0", "tokens": ["Anna", "ran"], "ner_tags": ["U-PER", "O"]})
    numbers = lines({"tokens": ["Anna", "ran"], "pos_tags": [4, 5], "ner_tags": [1, 0]})
    expected = [(1, ["Anna", "ran"], ["B-PER", "O"])]
    assert read(named, "train.jsonl") == expected
    assert read(numbers, "train.jsonl", tag_names=("O", "B-PER")) == expected
    with pytest.raises(DataError, match=r"jsonl:1: tags must be strings, or .*--tag_names=O,B-"):
        read(numbers, "train.jsonl")
    with pytest.raises(DataError, match=r"jsonl:1: a number of no label: they are O\."):
        read(numbers, "train.jsonl", tag_names=("O",))


def test_classes_in_json_lines(read):
    content = lines({"text": "a b", "label": ["x"]}, {"text": "c", "label": 0}, {"text": "d",
                    "label": True})  # fmt: skip
    expected = [(1, ["a", "b"], ["x"]), (2, ["c"], ["0"]), (3, ["d"], ["true"])]
    assert read(content, "train.jsonl", task=TEXTS) == expected
    other = lines({"satz": "a b", "klasse": "x"})
    with pytest.raises(DataError, match=r"no known columns or fields of text.*--token_column"):
        read(other, "train.jsonl", task=TEXTS)
    options = {"token_column": "satz", "tag_column": "klasse", "task": TEXTS}
    assert read(other, "train.jsonl", **options) == [(1, ["a", "b"], ["x"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"text": "a"}]', r"JSON, but not an object on each line.*jq -c"),
        ('[\n {"text": "a"}\n]\n', r"JSON, but not an object on each line"),
        ('{"text": "a", "label": []}\n{"text": "a"\n', r"jsonl:2: not valid JSON"),
        ('{"text": "a", "label": []}\n[]\n', r"jsonl:2: each line is a JSON object"),
        (lines({"text": "a", "label": []}, {"text": "a"}), r"jsonl:2: no field 'label'.*//= \[\]"),
        (lines({"text": "a", "label": []}, {"text": "b", "label": None}), r"is null.*//= \[\]"),
        (lines({"text": "Ü", "label": [[0, 2, "X"]]}), r"within the text's 1 characters"),
        (lines({"text": "a  b", "label": [[1, 3, "X"]]}), r"a span holds no word"),
        (lines({"text": "a", "label": [[0, 1]]}), r"a span is \[start, end, type\]"),
        (lines({"text": "a", "label": [], "entities": []}), r"several columns or fields of spans"),
        (lines({"tokens": ["a", "b"], "tags": ["O"]}), r"2 tokens but 1 tags\. One class for each"),
        (lines({"text": "a b", "label": "x"}), r"a list\. One class for each.*--task=classificat"),
        (lines({"text": "a b", "label": "[[0, 1, 'X']]"}), r"a list\. Tables of a word a row, and"),
        (lines({"text": 5, "label": []}), r"a text must be a string"),
    ],
)
def test_broken_json_lines_are_named(read, content, message):
    with pytest.raises(DataError, match=message):
        read(content, "train.jsonl")


# Classification: TSV, CSV, fastText


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("sentence\tlabel\na b\t1\n", [(2, ["a", "b"], ["1"])]),
        ("id\ttext\tlabel\n7\ta b\tx\n", [(2, ["a", "b"], ["x"])]),
        ("x\ta b c d\ny\te f g h\nx\ti j k l\n", [(1, ["a", "b", "c", "d"], ["x"])]),
        ("x\ta b c\ny\td e f\n", [(1, ["a", "b", "c"], ["x"])]),  # no label comes again
        ("a b c\tx\nd\ty\n", [(1, ["a", "b", "c"], ["x"])]),
        ("satz\tart\n" + "".join(f"ein Satz {i}\t{i % 2}\n" for i in range(6)), [
            (2, ["ein", "Satz", "0"], ["0"])]),
        ("__label__x a b\nc __label__y\n", [(1, ["a", "b"], ["x"]), (2, ["c"], ["y"])]),
        ('text,label\r\n"a, ""b""\nc",x\r\nd,y\r\n', [(2, ["a,", '"b"', "c"], ["x"]),
                                                     (4, ["d"], ["y"])]),
        ('label;text\nx;"a; b"\ny;c, d\n', [(2, ["a;", "b"], ["x"])]),
        ('"a, b",x\nc,y\n', [(1, ["a,", "b"], ["x"])]),
        ('text\tlabel\n"say ""a"""\tx\nb\ty\n', [(2, ["say", '"a"'], ["x"])]),
        ('"a" b\tx\nb "c"\ty\n', [(1, ['"a"', "b"], ["x"])]),
    ],
)  # fmt: skip
def test_texts_with_classes(read, content, expected):
    assert read(content, task=TEXTS)[: len(expected)] == expected


AG_NEWS = '"3","A, b","c, d"\n"4","X","Y"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (AG_NEWS, r"txt:1: 3 columns, and no header .*--token_column=N --tag_column=N"),
        ("a\t1\tb c\nb\t0\td e\n", r"txt:1: 3 columns"),
        ("title\tcontent\tlabel\na\tb\tx\n", r"several columns or fields of text"),
        ('text,label\n"a, b,x\nc,y\n', r"txt:2: not valid CSV.*never closed"),
        ('text,label\n"a, b",x\nc, d,y\n', r"txt:3: 3 columns, and the first row has 2"),
        ("__label__x __label__y a\n", r"txt:1: each line is `__label__x text`, with one label"),
    ],
)
def test_texts_without_one_class_are_refused(read, content, message):
    with pytest.raises(DataError, match=message):
        read(content, task=TEXTS)


def test_the_advice_on_classes_works(read):
    options = {"token_column": "3", "tag_column": "1", "task": TEXTS}
    assert read(AG_NEWS, **options) == [(1, ["c,", "d"], ["3"]), (2, ["Y"], ["4"])]


def test_tagged_csv(read):
    rows = 'text,tags\n"Anna , ran",B-PER O O\n'
    assert read(rows, "train.csv") == [(2, ["Anna", ",", "ran"], ["B-PER", "O", "O"])]
    words = 'Sentence #,Word,POS,Tag\n1,Anna,NNP,B-per\n,",",X,O\n2,Bo,NNP,B-per\n'
    expected = [(2, ["Anna", ","], ["B-per", "O"]), (4, ["Bo"], ["B-per"])]
    assert read(words, "train.csv") == expected


# Transfer text


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (lines({"id": 1, "text": "a, b", "title": "x"}, {"text": "c"}), {}),
        (lines({"satz": "a, b"}, {"satz": "c"}), {"text_field": "satz"}),
        ('text\n"a, b"\nc\n', {}),
        ('id,text\n1,"a, b"\n2,c\n', {}),
        ('1,"a, b"\n2,c\n3,d\n', {"text_field": "2"}),
        ('nr,satz\n1,"a, b"\n2,c\n', {"text_field": "satz"}),
        ("1\ta, b\n2\tc\n3\td\n", {"text_field": "2"}),
        ("a, b\tx\nc\ty\n", {"task": TEXTS}),
        ("a, b\nc\n", {}),
    ],
)
def test_transfer_text_is_read_by_field(read_transfer, content, options):
    assert [words for _, words in read_transfer(content, **options)][:2] == [["a,", "b"], ["c"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines({"id": 1, "satz": "a"}), r"no known columns or fields of text.*--text_field.*satz"),
        (lines({"title": "x", "summary": "a"}), r"several columns or fields of text"),
        ('1,"a, b"\n2,c\n3,d\n', r"a table of 2 columns.*--text_field=N"),
        ("1\ta b\n2\tc\n3\td\n", r"a table of 2 columns"),
        ('["a b", "c"]\n', r"not an object on each line.*jq -r"),
    ],
)
def test_tables_are_never_read_as_text(read_transfer, content, message):
    with pytest.raises(DataError, match=message):
        read_transfer(content)


@pytest.mark.parametrize(
    "content",
    ['"Yes," he said.\n"No," she said.\n"Oh," it said.\n', "[ a\n{ b\nText, c\n", "1, 2\n3, 4 x\n"],
)
def test_prose_is_text(read_transfer, content):
    assert read_transfer(content) == [
        (i, line.split()) for i, line in enumerate(content.splitlines(), start=1)
    ]


def test_folders_and_patterns_of_transfer_files(tmp_path):
    (tmp_path / "train.tsv").write_text("a\tB-X\n\n")
    (tmp_path / "news").mkdir()
    for name in ("b.txt", "a.txt", ".hidden", "c.log"):
        (tmp_path / "news" / name).write_text(f"{name}\n")

    def words(*given):
        found = read_folder(tmp_path, "transfer", transfer_file=given)
        return [words[0] for _, words, _ in found]

    assert words(f"{tmp_path}/news") == ["a.txt", "b.txt", "c.log"]
    assert words(f"{tmp_path}/news/c.log", f"{tmp_path}/n*/*.txt") == ["c.log", "a.txt", "b.txt"]
    with pytest.raises(DataError, match=r"\*.csv: no file is there \(--transfer_file\)"):
        words(f"{tmp_path}/*.csv")


# Tables


def test_parquet_with_the_names_of_its_numbers(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs the datasets library (extra 'hub')")
    names = datasets.ClassLabel(names=["O", "B-PER"])
    features = datasets.Features(
        {
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(names),
        }
    )
    rows = {"tokens": [["Anna", "ran"], ["Bo"]], "ner_tags": [[1, 0], [1]]}
    made = datasets.Dataset.from_dict(rows, features=features)
    expected = [(1, ["Anna", "ran"], ["B-PER", "O"]), (2, ["Bo"], ["B-PER"])]
    for part in range(2):
        made.to_parquet(str(tmp_path / "hub" / "data" / f"train-0000{part}-of-00002.parquet"))
    assert read_folder(tmp_path / "hub") == expected * 2
    datasets.DatasetDict({"train": made, "validation": made}).save_to_disk(str(tmp_path / "saved"))
    assert read_folder(tmp_path / "saved") == expected
    assert read_folder(tmp_path / "saved", "dev") == expected
    os.remove(tmp_path / "hub" / "data" / "train-00000-of-00002.parquet")
    with pytest.raises(DataError, match=r"parts of the train file are missing: it has 2"):
        read_folder(tmp_path / "hub")
    (tmp_path / "train.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"train.parquet: a damaged Parquet or Arrow file"):
        read_folder(tmp_path)


# The same sentences in every format

WORD = st.text(st.sampled_from("aB1\"',;|#\u00e9\u00a0\u6771{}[]"), min_size=1, max_size=5)
TAGGED = st.lists(
    st.tuples(WORD.filter(str.strip), st.sampled_from(["O", "B-PER", "B-LOC"])),
    min_size=2,
    max_size=5,
)


def conll(sentences):
    return "\n".join("".join(f"{w}\t{t}\n" for w, t in pairs) for pairs in sentences)


def tsv(sentences):
    return "".join("\t".join(" ".join(x) for x in zip(*s, strict=True)) + "\n" for s in sentences)


def json_lines(sentences):
    return lines(*({"tokens": [w for w, _ in s], "tags": [t for _, t in s]} for s in sentences))


def csv_rows(sentences):
    file = io.StringIO()
    rows = [[" ".join(x) for x in zip(*pairs, strict=True)] for pairs in sentences]
    csv.writer(file).writerows([["text", "tags"], *rows])
    return file.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.lists(TAGGED, min_size=2, max_size=4))
def test_sentences_are_the_same_in_every_format(tmp_path_factory, sentences):
    expected = [([w for w, _ in s], [t for _, t in s]) for s in sentences]
    folder = tmp_path_factory.mktemp("formats")
    written = {"tsv": tsv, "conll": conll, "jsonl": json_lines, "csv": csv_rows}
    for name, write in written.items():
        (folder / "train.txt").write_text(write(sentences), encoding="utf-8")
        forced = {} if name in ("jsonl", "csv") else {"data_format": name}
        columns = {"token_column": "1", "tag_column": "2"} if name == "conll" else {}
        found = read_folder(folder, **forced, **columns)
        assert [(words, tags) for _, words, tags in found] == expected, name


# Folders of cases


def case(shared_cases, name, split="train", **options):
    found = read_folder(os.path.join(shared_cases, name), split, **options)
    return [(words, tags) for _, words, tags in found]


def test_the_same_sentences_in_other_schemes_and_formats(shared_cases):
    expected = case(shared_cases, "16-unseen-in-dev")
    assert len(expected) == 80
    for name in ("09-io-scheme", "10-bioes", "14-blank-lines", "22b-doccano-jsonl"):
        assert case(shared_cases, name) == expected, name
    chosen = {"token_column": "2", "tag_column": "3"}
    assert case(shared_cases, "03b-germeval-nocomments", **chosen) == expected
    with pytest.raises(DataError, match="the first column counts"):
        case(shared_cases, "03b-germeval-nocomments")
    with pytest.raises(DataError, match=r"train.txt:32: an unknown tag.*token='248'"):
        case(shared_cases, "07-quote-tag")


def test_texts_of_the_cases(shared_cases):
    for name, classes in (("30-sst2-header", {"0", "1"}), ("31-csv-quoted", {"negative",
                          "positive"})):  # fmt: skip
        found = case(shared_cases, name, task=TEXTS)
        assert len(found) == 80
        assert {label for _, (label,) in found} == classes
    texts = {"transfer_file": (f"{shared_cases}/71c-transfer-jsonl/t.jsonl",)}
    found = case(shared_cases, "71c-transfer-jsonl", "transfer", **texts)
    assert len(found) == 300
    assert found[0] == (["It", "rained", "all", "day", "."], None)

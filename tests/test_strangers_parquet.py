"""Parquet files of other tools' making: read rightly, or refused with a way out."""

import datetime

import pytest

from xtremedistil.config import DataConfig
from xtremedistil.data.sources import Reader, find_sources
from xtremedistil.runtime.errors import DataError

pyarrow = pytest.importorskip("pyarrow")
TEXTS = {"text": ["a good one", "bad"]}
TOKENS = {"tokens": [["In", "York"], ["Bo"]]}
TAGS = [["O", "B-LOC"], ["B-PER"]]


@pytest.fixture
def read(tmp_path):
    """Reads a table as training data: words and tags of each example."""
    from pyarrow import parquet

    def _read(columns, compression="snappy", **options):
        table = pyarrow.table(columns)
        parquet.write_table(table, tmp_path / "train.parquet", compression=compression)
        config = DataConfig(data_dir=str(tmp_path), **options)
        found = Reader(config).examples(find_sources(config)["train"])
        return [(" ".join(example.words), *example.tags) for example in found]

    return _read


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        ({"tokens": TOKENS["tokens"], "ner_tags": TAGS}, {"compression": "zstd"}),
        ({**TOKENS, "ner_tags": [[0, 1], [2]]}, {"tag_names": ("O", "B-LOC", "B-PER")}),
        ({**TOKENS, "pos_tags": [["IN", "NNP"], ["NNP"]], "ner_tags": TAGS}, {}),
        ({**TOKENS, "id": ["0", "1"], "tags": TAGS, "langs": [["en", "en"], ["en"]]}, {}),
        (
            {
                "text": ["In York", "Bo"],
                "entities": [
                    [{"start": 3, "end": 7, "label": "LOC"}],
                    [{"start": 0, "end": 2, "label": "PER"}],
                ],
            },
            {},
        ),
    ],
    ids=["names", "numbers", "parts of speech", "wikiann", "spans"],
)
def test_tags(read, columns, options):
    assert read(columns, **options) == [("In York", "O", "B-LOC"), ("Bo", "B-PER")]


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        ({"label": pyarrow.array(["p", "n"]).dictionary_encode()}, ["p", "n"]),
        ({"label": pyarrow.array(["p", "n"], pyarrow.large_string())}, ["p", "n"]),
        ({"label": [True, False]}, ["true", "false"]),
        ({"label": [1.0, 0.0]}, ["1", "0"]),
        ({"labels": [["p"], ["n"]]}, ["p", "n"]),
        ({"label": ["p", "n"], "__index_level_0__": [5, 9]}, ["p", "n"]),
        ({"date": [datetime.date(2020, 1, 1)] * 2, "label": ["p", "n"]}, ["p", "n"]),
    ],
    ids=["dictionary", "large", "bool", "float", "lists", "index", "date"],
)
def test_classes(read, columns, labels):
    found = read({**TEXTS, **columns}, task="classification")
    assert found == [("a good one", labels[0]), ("bad", labels[1])]


@pytest.mark.parametrize(
    ("columns", "task", "message"),
    [
        ({**TOKENS, "ner_tags": [[0, 1], [2]]}, "ner", "parquet:1: .*--tag_names=O,B-PER"),
        ({**TOKENS, "ner_tags": [["O"], ["B-PER"]]}, "ner", "parquet:1: 2 tokens but 1 tags"),
        ({"tokens": [["a", None], ["b"]], "tags": TAGS}, "ner", "none empty. Received.*None"),
        ({"tokens": [["a"], []], "tags": [["O"], []]}, "ner", "parquet:2: .*without a word"),
        ({**TEXTS, "entities": [[], [{"start": 0, "end": 9, "label": "X"}]]}, "ner", "3 char"),
        ({"text": ["a", " "], "spans": [[], []]}, "ner", "parquet:2: .*without a word"),
        ({**TEXTS, "label": ["p", None]}, "classification", r"parquet:2: .*dropna\(subset="),
        ({**TEXTS, "label": [1.0, float("nan")]}, "classification", "parquet:2: .*label=nan"),
        ({**TEXTS, "label": [["p", "q"], ["p"]]}, "classification", "parquet:1: 2 labels"),
        ({"text": [b"a", b"b"], "label": ["p", "n"]}, "classification", "must be a string"),
        ({"s1": ["a"], "s2": ["b"], "label": ["p"]}, "classification", "--token_column"),
    ],
    ids=["numbers", "short", "null token", "no token", "outside", "no text"]
    + ["null", "nan", "several", "bytes", "pairs"],
)
def test_what_is_refused(read, columns, task, message):
    with pytest.raises(DataError, match=message):
        read(columns, task=task)


@pytest.mark.parametrize(
    "columns",
    [
        {
            "sentence_id": [1, 1, 2],
            "words": ["In", "York", "Bo"],
            "labels": ["O", "B-LOC", "B-PER"],
        },
        {"tokens": ["['In', 'York']", "['Bo']"], "ner_tags": ["['O', 'B-LOC']", "['B-PER']"]},
    ],
    ids=["a word a row", "lists as text"],
)
def test_what_is_read_as_csv_alone(read, columns, tmp_path):
    pandas = pytest.importorskip("pandas")
    names = list(columns)[-2:]
    with pytest.raises(DataError, match="read as CSV"):
        read(columns, token_column=names[0], tag_column=names[1])
    old = tmp_path / "train.parquet"
    pandas.read_parquet(old).to_csv(tmp_path / "train.csv", index=False)
    old.unlink()
    config = DataConfig(data_dir=str(tmp_path))
    found = Reader(config).examples(find_sources(config)["train"])
    assert [e.tags for e in found] == TAGS

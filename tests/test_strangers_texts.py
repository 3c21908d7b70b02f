"""Files of other tools' making, of fastText and of plain text: read rightly, or refused with a way
out."""

import dataclasses

import pytest

from xtremedistil.config import DataConfig
from xtremedistil.data.sources import Reader, find_sources
from xtremedistil.runtime.errors import DataError


@pytest.fixture
def classified(tmp_path):
    """Reads a file of classes: its texts and their labels."""

    def _read(content):
        (tmp_path / "train.txt").write_bytes(content.encode())
        config = DataConfig(data_dir=str(tmp_path), task="classification")
        found = Reader(config).examples(find_sources(config)["train"])
        return [(" ".join(example.words), *example.tags) for example in found]

    return _read


@pytest.fixture
def unlabeled(tmp_path):
    """Reads a file of texts, as the transfer file."""

    def _read(content, **options):
        path = tmp_path / "texts.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        config = DataConfig(transfer_file=str(path), **options)
        found = Reader(config).examples(find_sources(config)["transfer"])
        return [" ".join(example.words) for example in found]

    return _read


FILM = [("a fine film", "pos"), ("bad", "neg")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("__label__pos a fine film\n__label__neg bad\n", FILM),
        ("a fine film __label__pos\nbad __label__neg\n", FILM),
        ("__label__pos\ta fine film\n__label__neg\tbad\n", FILM),
        ("\ufeff__label__pos a fine film\r\n__label__neg bad\r\n", FILM),
        ("\n__label__pos  a fine film\n\n__label__neg bad", FILM),
        ("__label__1 great\n__label__0 bad\n", [("great", "1"), ("bad", "0")]),
        ("__label__café good\n__label__a-b bad\n", [("good", "café"), ("bad", "a-b")]),
        # fastText's own scripts put a comma between them, and it reads it as a word
        (
            "__label__pos , a fine film\n__label__neg , bad\n",
            [(", a fine film", "pos"), (", bad", "neg")],
        ),
        ("__label__pos a </s>\n__label__neg b\n", [("a </s>", "pos"), ("b", "neg")]),
        ("__label____label__ a\n", [("a", "__label__")]),
    ],
    ids=["first", "last", "tab", "windows", "blank", "numbers", "names", "commas", "end", "odd"],
)
def test_fasttext(classified, content, expected):
    assert classified(content) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("__label__pos,a fine film\n__label__neg,a b\n", r"txt:1: a comma in a label.*sed "),
        ("__label__pos __label__new a film\n", "txt:1: .*with one label"),
        ("__label__pos a\n__label__neg  \n", "txt:2: .*with one label"),
        ("__label__pos a\nb c\n", "txt:2: .*with one label"),
    ],
    ids=["comma", "two labels", "no text", "no label"],
)
def test_fasttext_that_is_refused(classified, content, message):
    with pytest.raises(DataError, match=message):
        classified(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("One sentence.\r\n\r\nAnother.", ["One sentence.", "Another."]),
        ("\ufeffOne.\nTwo.\n".encode("utf-16-le"), ["One.", "Two."]),
        ("- bullet\n# heading\n", ["- bullet", "# heading"]),
        ("page\x0cbreak\nNo\u2028end\n", ["page\x0cbreak", "No end"]),
        (" = Title = \n\n One @-@ two .\n", ["= Title =", "One @-@ two ."]),  # WikiText
        ("__label__pos a film\nbad __label__neg\n", ["a film", "bad"]),
        ("Bo\tB-PER\nran\tO\n\nLyon\tB-LOC\n\n", ["Bo ran", "Lyon"]),
        ("id\ttext\n1\tOne.\n2\tTwo.\n", ["One.", "Two."]),
        ('{"id": 1, "text": "One two."}\n', ["One two."]),
        ("[1] A note.\n(2) More.\n", ["[1] A note.", "(2) More."]),
    ],
    ids=[
        "windows",
        "utf-16",
        "markdown",
        "breaks",
        "wikitext",
        "fasttext",
        "conll",
        "tsv",
        "json",
        "brackets",
    ],
)
def test_texts(unlabeled, content, expected):
    assert unlabeled(content) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<doc id="1" url="x" title="T">\nA text.\n</doc>\n', "txt:1: .*WikiExtractor.*grep -vE"),
        ("1\tA text.\n2\tAnother.\n3\tMore.\n", "a table of 2 columns.*--text_field=N"),
        ("café\n".encode("latin-1"), "txt:1: not valid UTF-8.*iconv"),
        ('["a b", "c"]\n', r"jq -r '\.\[\]'"),
        ("a\x00b\n", "txt:1: a NUL"),
    ],
    ids=["extracted", "leipzig", "latin-1", "list", "nul"],
)
def test_texts_that_are_refused(unlabeled, content, message):
    with pytest.raises(DataError, match=message):
        unlabeled(content)


def test_the_column_that_the_advice_names_is_read(unlabeled):
    table = "1\tA text.\n2\tAnother.\n3\tMore.\n"
    assert unlabeled(table, text_field="2") == ["A text.", "Another.", "More."]


def test_files_of_classes_have_the_same_columns_or_say_which(tmp_path):
    first = "".join(f"{'pos' if i % 2 else 'neg'}\ta film {i}\n" for i in range(20))
    (tmp_path / "train.tsv").write_text(first)
    (tmp_path / "test.tsv").write_text("good\tpos\nbad\tneg\n")
    config = DataConfig(data_dir=str(tmp_path), task="classification")
    message = r"test.tsv: looks as if it had texts in column 1 .*train.tsv in columns 2 and 1\."
    with pytest.raises(DataError, match=message):
        find_sources(config)
    told = dataclasses.replace(config, token_column="2", tag_column="1")
    assert len(find_sources(told)["test"]) == 1
    (tmp_path / "test.tsv").write_text("pos\ta fine one\nneg\ta bad one\n")
    found = Reader(config).examples(find_sources(config)["test"])
    assert [example.tags for example in found] == [["pos"], ["neg"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [("great\tpos\nbad\tneg\n", "not recognised as"), ("a b\tpos\nc d\tneg\n", "2 tokens but 1 t")],
)
def test_classes_where_tags_are_asked_for(tmp_path, content, message):
    (tmp_path / "train.tsv").write_text(content)
    config = DataConfig(data_dir=str(tmp_path), data_format="tsv" if "a b" in content else "auto")
    with pytest.raises(DataError, match=rf"{message}.*One class .*--task=classification"):
        list(Reader(config).examples(find_sources(config)["train"]))

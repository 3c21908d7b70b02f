"""Every accepted format, and every broken line with its file, line and rule."""

import gzip
import lzma

import pytest

from xtremedistil.data.formats import Rules, detect_format, read_examples
from xtremedistil.data.lines import read_lines
from xtremedistil.runtime.errors import DataError

CONLL = "Paris\tB-LOC\n(\tI-LOC\n\nEr\tO\nlief\tO\n"


@pytest.fixture
def write(tmp_path):
    def _write(content: str | bytes, name: str = "train.tsv") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return str(path)

    return _write


def read(path, file_format, **rules):
    return [
        (e.words, e.tags, e.language, e.line)
        for e in read_examples(path, file_format, rules=Rules(**rules))
    ]


def test_conll(write):
    expected = [(["Paris", "("], ["B-LOC", "I-LOC"], "", 1), (["Er", "lief"], ["O", "O"], "", 4)]
    assert read(write(CONLL), "conll") == expected


def test_conll_with_four_columns_and_document_starts(write):
    text = "-DOCSTART- -X- O O\n\nEU NNP I-NP B-ORG\n.  . O O\n"
    assert read(write(text), "conll") == [(["EU", "."], ["B-ORG", "O"], "", 3)]


def test_tsv_with_language_prefixes(write):
    text = "In Selle\tet:O et:B-LOC\nto be\tO O\n"
    expected = [(["In", "Selle"], ["O", "B-LOC"], "et", 1), (["to", "be"], ["O", "O"], "", 2)]
    assert read(write(text), "tsv") == expected


def test_classification(write):
    assert read(write("a fine  film \t1\n"), "classification") == [
        (["a", "fine", "film"], ["1"], "", 1)
    ]


def test_plain_text_skips_blank_lines_and_keeps_odd_spaces_apart(write):
    text = "one\u00a0two\u3000three\n\n \n\u200bfour\n"
    expected = [(["one", "two", "three"], None, "", 1), (["\u200bfour"], None, "", 4)]
    assert read(write(text), "text") == expected


def test_only_newlines_end_lines_and_only_tabs_end_columns(write):
    token = "a\x0b\x0c\x1c\x85\u2028b"
    assert read(write(f"{token}\tO\r\n"), "conll") == [([token], ["O"], "", 1)]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_compressed_files_are_read_as_they_are(write, pack):
    path = write(pack(CONLL.encode()), "train.tsv")
    assert detect_format(path, "ner") == "conll"
    assert len(read(path, "conll")) == 2


def test_a_byte_order_mark_is_dropped(write):
    assert read(write("\ufeffParis\tB-LOC\n"), "conll")[0][0] == ["Paris"]


@pytest.mark.parametrize(
    ("text", "task", "unlabeled", "expected"),
    [
        (CONLL, "ner", False, "conll"),
        ("EU NNP B-ORG\nrejects VBZ O\n", "ner", False, "conll"),
        ("a b\tO O\nParis\tB-LOC\n", "ner", False, "tsv"),
        ("a b c\tO O\n", "ner", False, "tsv"),  # broken, but this format is what breaks
        ("a\ten:O\n\nb\ten:O\n", "ner", False, "conll"),
        ("fine\t1\n", "classification", False, "classification"),
        ("one sentence\nand another O\n", "ner", True, "text"),
        (CONLL, "ner", True, "conll"),
        ("a b\tO O\n", "ner", True, "tsv"),
        ("", "ner", True, "text"),
        ("\x0b\na\tO\n\n", "ner", False, "conll"),  # a line of odd spaces alone
    ],
)
def test_formats_are_told_by_content(write, text, task, unlabeled, expected):
    assert detect_format(write(text), task, unlabeled) == expected


def test_unrecognised_and_empty_files(write):
    with pytest.raises(DataError, match=r"train.tsv: not recognised as"):
        detect_format(write("just some prose\nand more\n"), "ner")
    with pytest.raises(DataError, match=r"train.tsv: the file is empty"):
        detect_format(write(""), "ner")


@pytest.mark.parametrize(
    ("file_format", "text", "message"),
    [
        (
            "tsv",
            "a b\tO O\na b c d e f g\tO O O O O O\n",
            r"train.tsv:2: 7 tokens but 6 tags\. .*tags='O O O O O O'",
        ),
        (
            "tsv",
            "a  b\tO O O\n",
            r"train.tsv:1: an empty token .*single spaces.*Received: text='a  b'",
        ),
        ("tsv", "a b O O\n", r"train.tsv:1: 1 columns. Each line is `text<TAB>tags`"),
        ("tsv", "a b\ten:O de:O\n", r"train.tsv:1: tags of one sentence must name one language"),
        ("conll", "a\tO\n\tO\n", r"train.tsv:2: an empty token"),
        ("conll", "a\tO\nb\n", r"train.tsv:2: each line is `token<TAB>tag`"),
        (
            "conll",
            "a\tO\n\nb\tO\nc\tLOC\n",
            r"train.tsv:4: an unknown tag. .*Received: tag='LOC' token='c'",
        ),
        ("conll", "a\tB-\n", r"train.tsv:1: an unknown tag"),
        (
            "conll",
            "a\tO\nb\tI-LOC\n",
            r"train.tsv:2: I-LOC after O continues no entity.*--repair_iob2",
        ),
        ("conll", "a\tB-PER\nb\tI-LOC\n", r"I-LOC after B-PER"),
        ("classification", "\t1\n", r"train.tsv:1: an empty text or label"),
        ("classification", "a\tb\t1\n", r"train.tsv:1: 3 columns"),
        ("text", "w " * 30, r"train.tsv:1: 30 words, and a sentence may have 20 \(--max_words\)"),
    ],
)
def test_broken_lines_name_file_line_rule_and_what_was_received(write, file_format, text, message):
    with pytest.raises(DataError, match=message):
        read(write(text), file_format, max_words=20)


def test_broken_iob2_is_repaired_on_request_and_counted(write):
    path = write("a\tI-LOC\nb\tI-LOC\nc\tI-PER\n")
    (example,) = read_examples(path, "conll", rules=Rules(repair_iob2=True))
    assert example.tags == ["B-LOC", "I-LOC", "B-PER"]
    assert example.repaired == 2


def test_a_sentence_without_an_end_is_refused_before_it_fills_memory(write):
    path = write("a\tO\n" * 30 + "b\tB-\n")  # the broken line is never reached
    with pytest.raises(DataError, match=r"train.tsv:1: 21 words, and a sentence may have 20"):
        read(path, "conll", max_words=20)


def test_invalid_utf8_names_the_byte(write):
    path = write(b"fine\tO\n\nbr\xfc\xfcn\tO\n")
    with pytest.raises(DataError, match=r"train.tsv:3: not valid UTF-8 at byte 3 of the line"):
        read(path, "conll")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_truncated_compression_is_named(write, pack):
    packed = pack(("word\tO\n" * 5000).encode())
    with pytest.raises(DataError, match=r"train.tsv:\d+: the compressed file is damaged"):
        list(read_lines(write(packed[:-20])))


def test_missing_files_and_endless_lines(write, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"nowhere.tsv: no such file"):
        list(read_lines(str(tmp_path / "nowhere.tsv")))
    monkeypatch.setattr("xtremedistil.data.lines.MAX_LINE_BYTES", 100)
    with pytest.raises(DataError, match=r"train.tsv:2: a line may have 10 MB"):
        list(read_lines(write("short\n" + "x" * 101)))


def test_the_published_sample_is_read_except_for_its_empty_token(shared_data):
    path = f"{shared_data}/xd_sample/dev_small.tsv"
    assert detect_format(path, "ner") == "tsv"
    examples = list(read_examples(path, "tsv"))
    assert len(examples) == 10
    assert all(e.language for e in examples)
    with pytest.raises(DataError, match=r"test_small.tsv:\d+: an empty token"):
        list(read_examples(f"{shared_data}/xd_sample/test_small.tsv", "tsv"))

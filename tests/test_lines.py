"""The one line reader: ends of lines, marks, encodings, and what is no text."""

import codecs
import io
import os
import threading

import pytest

from xtremedistil.data import lines
from xtremedistil.data.lines import lines_of, read_lines
from xtremedistil.runtime.errors import DataError
from xtremedistil.serving.python import stream

EXPECTED = ["Ünder", "", "b", "c"]


def read(content, strict=True):
    return [text for _, text in lines_of(io.BytesIO(content), "a.txt", strict)]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 18])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_three_ends_of_lines_and_none(monkeypatch, block, end, last):
    monkeypatch.setattr(lines, "_BLOCK", block)
    content = end.join(EXPECTED) + (end if last else "")
    assert read(content.encode("utf-8")) == EXPECTED
    numbers = [number for number, _ in lines_of(io.BytesIO(content.encode()), "a.txt")]
    assert numbers == [1, 2, 3, 4]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("block", [1, 5, 1 << 18])
def test_files_with_a_mark(monkeypatch, encoding, block):
    monkeypatch.setattr(lines, "_BLOCK", block)
    assert read("\r\n".join(EXPECTED).encode(encoding)) == EXPECTED


def test_big_endian_files_with_a_mark():
    for mark, name in ((codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_BE, "utf-32-be")):
        assert read(mark + "\n".join(EXPECTED).encode(name)) == EXPECTED


def test_marks_of_joined_files_are_dropped_and_others_kept():
    part = "\ufeffone\ntwo \ufeff\n"
    assert read((part + part + "\ufeff" + part).encode()) == ["one", "two \ufeff"] * 3


def test_odd_characters_end_no_line():
    text = "a\x0b\x0c\x1c\x85\u2028b"
    assert read(text.encode()) == [text]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"fine\nbr\xfcn\n", r"a.txt:2: not valid UTF-8 at byte 3 .*iconv.*br\\xfcn"),
        ("a\nb\n".encode("utf-16-le"), r"a.txt:1: a NUL \(character 2 .*UTF-16 without a mark"),
        (b"fine\n\0\n", r"a.txt:2: a NUL \(character 1 "),
        ("fine\nb".encode("utf-16") + b"\0", r"a.txt:2: not valid UTF-16"),
    ],
)
def test_what_is_no_text_is_named_by_its_place(content, message):
    with pytest.raises(DataError, match=message):
        read(content)


def test_prediction_reads_the_same_lines_and_goes_on_where_bytes_are_invalid(caplog):
    content = b"\xef\xbb\xbfTara moved .\r\nbr\xfcn\rOda\0\n\xff\n"
    expected = ["Tara moved .", "br\ufffdn", "Oda\0", "\ufffd"]
    assert list(stream.read_lines([io.BytesIO(content)])) == expected
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "input:2: not valid UTF-8 at byte 3 of the line" in warning


def test_a_pipe_is_read_as_it_comes():
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb") as target:
        writer = threading.Thread(target=lambda: (target.write(b"one\r\ntwo"), target.close()))
        writer.start()
        assert [text for _, text in lines_of(source, "pipe")] == ["one", "two"]
        writer.join()


def test_many_line_ends_take_no_time(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\r" * 2_000_000 + b"x")
    assert sum(1 for _ in read_lines(str(path))) == 2_000_001


def test_cases(shared_cases):
    with open(f"{shared_cases}/63-bom-predict/bom.txt", "rb") as file:
        assert list(stream.read_lines([file])) == ["Tara Quist moved to Velby .", "Oda moved ."]


def test_a_byte_order_mark_may_be_a_token(tmp_path):
    path = tmp_path / "mark.tsv"
    path.write_bytes("\ufeffa\tO\n\ufeff\tO\n\ufeff\n".encode())
    assert [line for _, line in read_lines(str(path))] == ["a\tO", "\ufeff\tO", ""]

"""Lines of text files: one reader for training, scoring and prediction.

A line ends at `\\n`, `\\r\\n` or `\\r`, as an editor counts them; the last one needs no end. Byte
order marks are dropped at the start of every line, where joined files have them, and UTF-16 or
UTF-32 with a mark is read. No other character ends a line, because real tokens hold them.
"""

import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from absl import logging

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError

MAX_LINE_BYTES = 10_000_000
_BLOCK = 1 << 18
_MARK = codecs.BOM_UTF8
_BLANKS = (b" ", b"\t")  # a mark before one is a token of its own: published data has such
# UTF-32 first: its little-endian mark begins as that of UTF-16 does.
_WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error)


def line_error(path: str, number: int, rule: str, /, **received: object) -> DataError:
    """An error that names file, line, rule and what was received, long values cut."""
    values = " ".join(f"{name}={_clip(value)}" for name, value in received.items())
    return DataError(f"{path}:{number}: {rule} Received: {values}")


def _clip(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:180]}... ({len(text)} characters)"


def check_is_file(path: str) -> None:
    """Raises a DataError where there is no such file."""
    if not files.exists(path) or files.is_folder(path):
        raise DataError(
            f"{path}: no such file. Check the path (it is relative to the current folder)."
        )


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a text file, numbered from 1, without their ends; gzip and xz are recognised by
    content.

    Raises:
        DataError: no such file, damaged compression, what is not valid in its encoding, a NUL, or a
            line of over 10 MB.
    """
    check_is_file(path)
    with files.open_read(path) as file:
        yield from lines_of(file, path)


def lines_of(file: BinaryIO, path: str, strict: bool = True) -> Iterator[tuple[int, str]]:
    """The lines of an open file, numbered from 1, without their ends.

    Args:
        file: it may be a pipe; gzip and xz are recognised by content.
        path: names it in errors.
        strict: whether invalid bytes and NULs are errors. Else invalid bytes are read as U+FFFD,
            and the first of them is warned of.

    Raises:
        DataError: as `read_lines`.
    """
    warned = False
    for number, line in enumerate(_byte_lines(file, path), start=1):
        while line.startswith(_MARK) and line[len(_MARK) :][:1] not in _BLANKS:
            line = line.removeprefix(_MARK)
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            rule = f"not valid UTF-8 at byte {error.start + 1} of the line."
            if strict:
                raise line_error(
                    path,
                    number,
                    f"{rule} Convert the file, from Latin-1 for instance: "
                    "iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW.",
                    bytes=line[max(0, error.start - 20) : error.end + 20],
                ) from error
            if not warned:
                logging.warning("%s:%d: %s Such bytes are read as U+FFFD.", path, number, rule)
            warned = True
            text = line.decode("utf-8", "replace")
        if strict and "\0" in text:
            place = text.index("\0")
            raise line_error(
                path,
                number,
                f"a NUL (character {place + 1} of the line): the file is no text, or UTF-16 "
                "without a mark (then: iconv -f UTF-16LE -t UTF-8 OLD > NEW).",
                text=text[max(0, place - 20) : place + 20],
            )
        yield number, text


def _byte_lines(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Lines in UTF-8, without their ends."""
    rest, number = b"", 1
    for block in _blocks(file, path):
        block = rest + block
        # an end may go on in the next block; three kinds of ends become one
        whole = block.rstrip(b"\r") if block.endswith(b"\r") else block
        waiting = block[len(whole) :]
        if b"\r" in whole:
            for end in (b"\r\r\n", b"\r\n", b"\r"):
                whole = whole.replace(end, b"\n")
        *lines, rest = whole.split(b"\n")
        for line in lines:
            _check_length(line, path, number)
            yield line
            number += 1
        rest += waiting
        _check_length(rest, path, number)
    if rest:
        yield from rest.replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")


def _check_length(line: bytes, path: str, number: int) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise line_error(path, number, "a line may have 10 MB at the most.", line=line[:80])


def _blocks(file: BinaryIO, path: str) -> Iterator[bytes]:
    """The content in UTF-8, or in what the file has instead without a mark."""
    raw, lines = _decompressed(file), 0
    read = getattr(raw, "read1", raw.read)  # a pipe gives what it has
    decoder = None
    start = True
    while True:
        try:
            block = read(_BLOCK)
            while start and block and len(block) < 4 and (more := read(_BLOCK)):
                block += more
        except _DAMAGED as error:
            raise line_error(
                path, lines + 1, "the compressed file is damaged.", error=str(error)
            ) from error
        if start:
            wide = next((name for mark, name in _WIDE_MARKS if block.startswith(mark)), None)
            decoder = codecs.getincrementaldecoder(wide)() if wide else None
            start = False
        if decoder:
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                rule = f"not valid {wide.upper()}, which its mark says it is, after this line."
                raise line_error(path, lines + 1, rule, error=str(error)) from error
            yield text.encode("utf-8")
            lines += text.count("\n")
        elif block:
            yield block
            lines += block.count(b"\n")
        if not block:
            return


def _decompressed(file: BinaryIO) -> BinaryIO:
    if file.seekable():
        magic = file.read(6)
        file.seek(0)
    else:
        magic = file.peek(6)[:6]
    if magic[:2] == b"\x1f\x8b":
        return gzip.open(file, "rb")
    return lzma.open(file, "rb") if magic == b"\xfd7zXZ\x00" else file

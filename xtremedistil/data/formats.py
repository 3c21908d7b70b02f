"""Every accepted file format, read into one kind of example, line by line.

Formats: CoNLL style (`token<TAB>tag`, blank lines between sentences), the published
    implementation's TSV
(`text<TAB>tags`, tags may carry `lang:` prefixes), classification TSV (`text<TAB>label`) and plain
text. gzip and xz files are read as they are. Lines end at `\\n` only (one `\\r` before it is
dropped) and columns at TAB only, because real tokens hold every other odd character. A broken line
is an error that names file, line, rule and what was received; nothing is skipped silently.
"""

import gzip
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.tokenization.words import split_words

TAG = re.compile(r"O|[BI]-[^\s-]\S*")
LANGUAGE_PREFIX = re.compile(r"([a-z]{2,3}(?:-[A-Za-z]+)*):(?=O$|[BI]-)")
MAX_LINE_BYTES = 10_000_000
_PROBED_LINES = 200


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence or text.

    Attributes:
        words: its words.
        tags: a tag per word (NER), one class (classification), or None for unlabeled text.
        language: a code, or "" where the data does not say.
        path: the file it came from.
        line: the number of its (first) line there, from 1.
        repaired: orphan I- tags that were turned into B- tags.
    """

    words: list[str]
    tags: list[str] | None
    language: str
    path: str
    line: int
    repaired: int = 0

    @property
    def where(self) -> str:
        """File and line, as errors name them."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Rules:
    """How strictly lines are read: fields of the data config that concern single lines."""

    repair_iob2: bool = False
    max_words: int = 5000


def _fail(path: str, number: int, rule: str, /, **received: object) -> DataError:
    values = " ".join(f"{name}={_clip(value)}" for name, value in received.items())
    return DataError(f"{path}:{number}: {rule} Received: {values}")


def _clip(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:180]}... ({len(text)} characters)"


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a text file, numbered from 1, without their ends; gzip and xz are recognised by
    content.

    Raises:
        DataError: no such file, damaged compression, invalid UTF-8, or a line of over 10 MB.
    """
    if not files.exists(path) or files.is_folder(path):
        raise DataError(
            f"{path}: no such file. Check the path (it is relative to the current folder)."
        )
    with files.open_read(path) as raw:
        magic = raw.read(6)
        raw.seek(0)
        opener = (
            gzip.open
            if magic[:2] == b"\x1f\x8b"
            else lzma.open
            if magic == b"\xfd7zXZ\x00"
            else None
        )
        file = opener(raw, "rb") if opener else raw
        number = 0
        while True:
            number += 1
            try:
                line = file.readline(MAX_LINE_BYTES + 1)
            except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
                raise _fail(
                    path, number, "the compressed file is damaged.", error=str(error)
                ) from error
            if not line:
                return
            if len(line) > MAX_LINE_BYTES:
                raise _fail(path, number, "a line may have 10 MB at the most.", line=line[:80])
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                place = f"byte {error.start + 1} of the line"
                rule = f"not valid UTF-8 at {place}. Convert the file to UTF-8."
                raise _fail(
                    path, number, rule, bytes=line[max(0, error.start - 20) : error.end + 20]
                ) from error
            yield number, text.removesuffix("\n").removesuffix("\r")


def detect_format(path: str, task: str, unlabeled: bool = False) -> str:
    """Tells a file's format by its first lines.

    Args:
        path: the file.
        task: `ner` or `classification`.
        unlabeled: whether the file may be plain text (a transfer file).

    Returns:
        `conll`, `tsv`, `classification` or `text`.

    Raises:
        DataError: it is empty, or is none of them.
    """
    blank = several = False
    tagged = lines = 0
    for number, line in read_lines(path):
        if number > _PROBED_LINES:
            break
        if not line.strip(" "):
            blank = blank or bool(lines)
            continue
        lines += 1
        columns = line.split("\t")
        fields = columns if len(columns) > 1 else line.split() or [line]  # it may be odd spaces
        tags = fields[-1].split(" ")
        if len(fields) > 1 and all(_is_tag(tag) for tag in tags):
            tagged += 1
        several = several or (len(columns) > 1 and len(tags) > 1)
    if unlabeled and (tagged < lines or not lines or task == "classification"):
        return "text"
    if not lines:
        raise DataError(f"{path}: the file is empty.")
    if task == "classification":
        return "classification"
    if several and not blank:
        return "tsv"
    if blank or tagged == lines:
        return "conll"
    raise DataError(
        f"{path}: not recognised as `token<TAB>tag` lines with blank lines between sentences, nor "
        "as `text<TAB>tags` lines. Name the format with --data_format to see which line breaks it."
    )


def _is_tag(tag: str) -> bool:
    return TAG.fullmatch(LANGUAGE_PREFIX.sub("", tag)) is not None


def read_examples(
    path: str, file_format: str, language: str = "", rules: Rules = Rules()
) -> Iterator[Example]:
    """Streams the examples of a file.

    Args:
        path: the file.
        file_format: `conll`, `tsv`, `classification` or `text`.
        language: the language of its sentences, unless a sentence's own tags name it.
        rules: how strictly to read.

    Yields:
        Examples in the order of the file.

    Raises:
        DataError: a line breaks a rule of the format.
    """
    if file_format == "conll":
        examples = _conll(path, language, rules.max_words)
    else:
        reader = {"tsv": _tsv, "classification": _classification, "text": _text}[file_format]
        examples = reader(path, language)
    for example in examples:
        if len(example.words) > rules.max_words:
            raise _fail(
                path,
                example.line,
                f"{len(example.words):,} words, and a sentence may have {rules.max_words:,} "
                "(--max_words): split documents into sentences, one a line.",
                words=" ".join(example.words[:12]) + " ...",
            )
        if file_format in ("conll", "tsv"):
            example = _checked_tags(example, rules.repair_iob2)
        yield example


def _conll(path: str, language: str, max_words: int) -> Iterator[Example]:
    """Sentences; one without an end is given as soon as it is too long, while memory holds it."""
    words, tags, first = [], [], 0
    for number, line in read_lines(path):
        if not line.strip(" ") or line.startswith("-DOCSTART-"):
            if words:
                yield Example(words, tags, language, path, first)
                words, tags = [], []
            continue
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) < 2:
            raise _fail(
                path, number, "each line is `token<TAB>tag`, or blank between sentences.", line=line
            )
        if not columns[0].strip():
            raise _fail(path, number, "an empty token. Each line is `token<TAB>tag`.", line=line)
        if not words:
            first = number
        words.append(columns[0])
        tags.append(columns[-1])
        if len(words) > max_words:
            break
    if words:
        yield Example(words, tags, language, path, first)


def _two_columns(path: str, meaning: str) -> Iterator[tuple[int, str, str]]:
    for number, line in read_lines(path):
        if not line:
            continue
        columns = line.split("\t")
        if len(columns) != 2:
            rule = f"{len(columns)} columns. Each line is `{meaning}`."
            raise _fail(path, number, rule, line=line)
        yield number, *columns


def _tsv(path: str, language: str) -> Iterator[Example]:
    for number, text, tag_text in _two_columns(path, "text<TAB>tags"):
        words, tags = text.split(" "), tag_text.split(" ")
        rule = "Each line is `text<TAB>tags`, both separated by single spaces."
        if not all(word.strip() for word in words):
            raise _fail(path, number, f"an empty token (two spaces in a row?). {rule}", text=text)
        if len(words) != len(tags):
            rule = f"{len(words)} tokens but {len(tags)} tags. {rule}"
            raise _fail(path, number, rule, text=text, tags=tag_text)
        prefixes = {match[1] if (match := LANGUAGE_PREFIX.match(tag)) else "" for tag in tags}
        if len(prefixes) > 1:
            raise _fail(path, number, "tags of one sentence must name one language.", tags=tag_text)
        found = prefixes.pop()
        if found:
            tags = [tag[len(found) + 1 :] for tag in tags]
        yield Example(words, tags, found or language, path, number)


def _classification(path: str, language: str) -> Iterator[Example]:
    for number, text, label in _two_columns(path, "text<TAB>label"):
        words = split_words(text)
        if not words or not label.strip():
            raise _fail(
                path,
                number,
                "an empty text or label. Each line is `text<TAB>label`.",
                text=text,
                label=label,
            )
        yield Example(words, [label.strip()], language, path, number)


def _text(path: str, language: str) -> Iterator[Example]:
    for number, line in read_lines(path):
        if words := split_words(line):
            yield Example(words, None, language, path, number)


def _checked_tags(example: Example, repair: bool) -> Example:
    """The example, if its tags are IOB2, or its repaired form."""
    tags, repaired = list(example.tags), 0
    for i, tag in enumerate(tags):
        if not TAG.fullmatch(tag):
            rule = "an unknown tag. Tags are IOB2: O, B-TYPE or I-TYPE."
            raise _fail(example.path, example.line, rule, tag=tag, token=example.words[i])
        previous = tags[i - 1] if i else "O"
        if tag[0] == "I" and (previous == "O" or previous[2:] != tag[2:]):
            if not repair:
                raise _fail(
                    example.path,
                    example.line,
                    f"{tag} after {previous} continues no entity (IOB2 starts one with B-). "
                    "--repair_iob2 turns such tags into B-.",
                    tags=" ".join(tags),
                )
            tags[i] = f"B-{tag[2:]}"
            repaired += 1
    return Example(example.words, tags, example.language, example.path, example.line, repaired)

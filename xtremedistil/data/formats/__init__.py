"""Every accepted file format, read into one kind of example, line by line.

Each file of this folder is one format; `registry` lists them. gzip and xz files are read as they
are. A broken line is an error that names file, line, rule and what was received; nothing is skipped
silently.
"""

import dataclasses
from collections.abc import Iterator

from xtremedistil.data import tag_schemes
from xtremedistil.data.formats.example import (
    AS_WRITTEN,
    ASK_FOR_CLASSES,
    Example,
    Rules,
    check_words,
    in_iob2,
)
from xtremedistil.data.formats.head import Head, first_of
from xtremedistil.data.formats.registry import FORMATS
from xtremedistil.data.formats.tables import is_table
from xtremedistil.data.lines import check_is_file, read_lines
from xtremedistil.data.tag_schemes import SchemeError
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError, listed

__all__ = [
    "Example",
    "Rules",
    "detect_format",
    "layout_of",
    "read_examples",
    "recognise_scheme",
]
AUTO = "auto"
TEXT_SUFFIX = " text"  # of the names of formats whose texts alone are read


def detect_format(path: str, task: str, unlabeled: bool = False, rules: Rules = AS_WRITTEN) -> str:
    """Tells a file's format by its beginning.

    Args:
        path: the file.
        task: `ner` or `classification`.
        unlabeled: whether the file may be plain text (a transfer file).
        rules: what the user says of columns and fields.

    Returns:
        The name of a format, as `read_examples` wants it.

    Raises:
        DataError: it is empty, or is none of them.
    """
    check_is_file(path)
    with files.open_read(path) as file:
        magic = file.read(8)
    lines = ()
    if not is_table(magic):
        lines = tuple(line for _, line in first_of(read_lines(path)))
    head = Head(path, magic, lines, unlabeled, _for_task(rules, task))
    if not unlabeled and not head.filled and not is_table(magic):
        raise DataError(f"{path}: the file is empty.")
    for made in FORMATS.values():
        if (made.in_unlabeled if unlabeled else task in made.tasks) and made.recognise(head):
            return made.name + (TEXT_SUFFIX if unlabeled and made.read_text else "")
    raise DataError(
        f"{path}: not recognised as `token<TAB>tag` lines with blank lines between sentences, nor "
        "as `text<TAB>tags` lines, JSON lines or CSV. Name the format with --data_format to see "
        f"which line breaks it. {ASK_FOR_CLASSES} Received: {head.first[:80]!r}"
    )


def _for_task(rules: Rules, task: str) -> Rules:
    return dataclasses.replace(rules, task=task)


def read_examples(
    path: str, file_format: str, language: str = "", rules: Rules = AS_WRITTEN
) -> Iterator[Example]:
    """Streams the examples of a file.

    Args:
        path: the file.
        file_format: of `detect_format`.
        language: the language of its sentences, unless a sentence's own tags name it.
        rules: how to read.

    Yields:
        Examples in the order of the file, tags in IOB2.

    Raises:
        DataError: a line breaks a rule of the format.
    """
    made = FORMATS[file_format.removesuffix(TEXT_SUFFIX)]
    read = made.read_text if file_format.endswith(TEXT_SUFFIX) else made.read
    tagged = read is made.read and rules.task in made.tasks and rules.task == "ner"
    scheme = rules.tag_scheme
    if tagged and scheme == AUTO:
        scheme = recognise_scheme(path, file_format, rules)
    for example in read(path, language, rules):
        check_words(example, rules.max_words)
        yield in_iob2(example, scheme, rules.repair_iob2) if tagged else example


def holds_text(file_format: str) -> bool:
    """Whether a format of `detect_format` is that of texts whose words nobody has parted."""
    return file_format == "text" or file_format.endswith(TEXT_SUFFIX)


def layout_of(path: str, file_format: str, rules: Rules) -> str:
    """Which columns or fields of a file are read, in words; "" where its format leaves no choice.

    Args:
        path, file_format, rules: as of `read_examples`.

    Raises:
        DataError: the file leaves open which they are.
    """
    made = FORMATS[file_format.removesuffix(TEXT_SUFFIX)]
    if made.layout is None or file_format.endswith(TEXT_SUFFIX):
        return ""
    return made.layout(path, rules)


def recognise_scheme(path: str, file_format: str, rules: Rules) -> str:
    """The tag scheme of a tagged file, told by all of its tags.

    Args:
        path, file_format, rules: as of `read_examples`.

    Raises:
        DataError: the file cannot be read, or its tags are of no scheme.
    """
    if file_format.endswith(TEXT_SUFFIX) or "ner" not in FORMATS[file_format].tasks:
        return tag_schemes.IOB2
    examples = FORMATS[file_format].read(path, "", rules)
    seen = tag_schemes.see(example.tags for example in examples)
    try:
        scheme = tag_schemes.recognise(seen)
    except SchemeError as error:
        shown = listed(sorted(seen.tags))
        raise DataError(f"{path}: {error.rule} Received: {shown}") from error
    # orphans are counted where they are repaired, and the tags are the same
    return tag_schemes.IOB2 if scheme == tag_schemes.IOB1 and rules.repair_iob2 else scheme

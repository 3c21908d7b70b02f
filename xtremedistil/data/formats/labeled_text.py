"""Classification TSV: `text<TAB>label` or `label<TAB>text`, with or without a header."""

from collections.abc import Iterable, Iterator

from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head, first_of
from xtremedistil.data.formats.table_layout import find_classified
from xtremedistil.data.lines import line_error, read_lines
from xtremedistil.runtime.errors import DataError
from xtremedistil.tokenization.words import split_words

NAME = "classification"


def recognise(head: Head) -> bool:
    """Whether texts with labels are wanted, or every line has them."""
    if head.rules.task != "classification":
        return False
    return not head.unlabeled or (
        len(head.filled) > 1 and all(line.count("\t") == 1 for line in head.filled)
    )


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Texts with their classes."""
    if not (rows := _head_rows(path)):
        return
    first, row = rows[0]
    text, label, header = _find(path, rows, rules)
    width = max(2, len(row))
    for number, line in read_lines(path):
        if not line.strip() or (header and number == first):
            continue
        columns = line.split("\t")
        if len(columns) != width:
            rule = f"{len(columns)} columns. Each line is `text<TAB>label`"
            rule += "." if width == 2 else f", in {width} columns as the first one is."
            raise line_error(path, number, rule, line=line)
        words, name = split_words(columns[text]), columns[label].strip()
        if not words or not name:
            rule = "an empty text or label. Each line is `text<TAB>label`."
            raise line_error(path, number, rule, text=columns[text], label=columns[label])
        yield Example(words, [name], language, path, number)


def layout(path: str, rules: Rules) -> str:
    """Which columns are read."""
    rows = _head_rows(path)
    text, label, header = _find(path, rows, rules)
    named = f", named in line {rows[0][0]}" if header else ""
    return f"texts in column {text + 1}, labels in column {label + 1}{named}"


def check_alike(paths: Iterable[str], rules: Rules) -> None:
    """Makes sure that files of one data set have text and label in the same columns, where no
    header says which is which: a short file may look otherwise than the others.

    Raises:
        DataError: they do not.
    """
    found = [(path, _find(path, rows, rules)) for path in paths if (rows := _head_rows(path))]
    if all(header for _, (_, _, header) in found):
        return
    for path, (text, label, _) in found[1:]:
        first, (other, other_label, _) = found[0]
        if (text, label) != (other, other_label):
            raise DataError(
                f"{path}: looks as if it had texts in column {text + 1} and labels in column "
                f"{label + 1}, and {first} in columns {other + 1} and {other_label + 1}. Say which "
                "they are, by number from 1: --token_column=N --tag_column=N."
            )


def _head_rows(path: str) -> list[tuple[int, list[str]]]:
    """The first lines in columns, with their numbers."""
    head = first_of(read_lines(path))
    return [(number, line.split("\t")) for number, line in head if line.strip()]


def _find(path: str, rows: list[tuple[int, list[str]]], rules: Rules) -> tuple[int, int, bool]:
    """Of `find_classified`; where there is one column alone, its reader says what is wrong."""
    if len(rows[0][1]) < 2:
        return 0, 1, False
    return find_classified(path, [row for _, row in rows], rules)

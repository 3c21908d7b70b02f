"""CSV: comma, semicolon, bar or tab between columns, quotes around text that holds them."""

import ast
import contextlib
import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xtremedistil.data.formats import names, records
from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head, first_of
from xtremedistil.data.formats.table_layout import are_labels, find_classified
from xtremedistil.data.lines import line_error, read_lines
from xtremedistil.runtime.errors import DataError

_DELIMITERS = "\t;|,"
_QUOTED = re.compile(r'(?:^|[,;|\t])"(?:[^"]|"")*"(?=[,;|\t]|$)')
_SENTENCES = frozenset({"sentence #", "sentence_id", "sent_id", "sentence_number", "sentence_no"})
_SEPARATOR = re.compile(r"sep=.")
_EMPTY = frozenset({"", "nan", "na", "none", "null"})  # what a table writes for an empty cell
_KNOWN = names.TEXT_NAMES | names.TOKEN_NAMES
_LABELS = names.LABEL_NAMES | names.TAG_NAMES
Row = list[str]


def recognise(head: Head) -> bool:
    """Whether a file has a header with known names, or quoted columns in every line.

    Raises:
        DataError: its first line is not for readers but for a spreadsheet.
    """
    if head.unlabeled:
        return _is_unlabeled(head)
    if "\t" in head.first and not _has_doubled_quotes(head):
        return False
    if _SEPARATOR.fullmatch(head.first):
        raise DataError(
            f"{head.path}: the first line is one for spreadsheets, which names the separator. "
            f"Remove it: tail -n +2 OLD.csv > NEW.csv. Received: {head.first!r}"
        )
    rows = _rows_of(head)
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    if _has_names(rows[0], _KNOWN) and _has_names(rows[0], _LABELS):
        return True
    asked = (head.rules.token_column, head.rules.tag_column)
    named = any(name in rows[0] for name in asked if names.is_name(name))
    if head.rules.task != "classification" or "\t" in head.first:
        return named
    if named or any("\t" in line for line in head.filled) or len(set(map(len, rows))) > 1:
        return named
    quoted = any(map(_QUOTED.search, head.filled))
    return quoted or any(map(are_labels, zip(*rows, strict=True)))


def _is_unlabeled(head: Head) -> bool:
    """Whether a file that may be text is a table.

    Raises:
        DataError: it is, and nothing says which column is the text.
    """
    rows = _rows_of(head)
    if len(rows) < 2 or head.is_tagged:
        return False
    first, asked = rows[0], head.rules.text_field
    named = _has_names(first, names.TEXT_NAMES) and all(len(cell.split()) < 3 for cell in first)
    plain = all(cell == cell.strip() for cell in first)
    if len(first) == 1:
        return named and head.filled[1].startswith('"')
    regular = len({len(row) for row in rows}) == 1
    if (
        (named and (regular or plain))
        or (names.is_name(asked) and asked in first)
        or (regular and asked.isdecimal())
    ):
        return True
    quoted = sum(_QUOTED.search(line) is not None for line in head.filled) * 2 > len(head.filled)
    numbered = all(row[0].isdecimal() for row in rows[1:])
    if regular and len(first) > 1 and (quoted or numbered) and len(rows) > 2:
        raise DataError(
            f"{head.path}: a table of {len(first)} columns, not one text a line. Say which is the "
            "text, by number from 1 or by name: --text_field=N. "
            f"Received: {head.first[:80]!r}"
        )
    return False


def _has_names(row: Sequence[str], known: frozenset[str]) -> bool:
    return any(names.is_named(cell, known) for cell in row)


def _has_doubled_quotes(head: Head) -> bool:
    return any(
        len(cell) > 1 and cell[0] == cell[-1] == '"' and '""' in cell[1:-1]
        for line in head.filled
        for cell in line.split("\t")
    )


def _delimiter(lines: Sequence[str]) -> str:
    """The one that all first lines have as often, outside of quotes; else the first line's."""
    bare = ["".join(line.split('"')[::2]) for line in lines if line.strip()]
    even = [d for d in _DELIMITERS if bare[0].count(d) and len({b.count(d) for b in bare}) == 1]
    return even[0] if even else max(_DELIMITERS, key=bare[0].count)


def _rows_of(head: Head) -> list[Row]:
    """The first rows but for the last one, which may be cut off."""
    if not head.first:
        return []
    delimiter = _delimiter(head.filled)
    try:
        rows = list(csv.reader((f"{line}\n" for line in head.filled), delimiter=delimiter))
    except csv.Error:
        return []
    return rows[:-1] if len(rows) > 2 and head.is_cut else rows


def _rows(path: str) -> Iterator[tuple[int, Row]]:
    """Rows with the numbers of their first lines."""
    latest, opening = 0, ""

    def lines() -> Iterator[str]:
        nonlocal latest, opening
        for number, line in read_lines(path):
            latest, opening = number, opening or line
            yield f"{line}\n"

    first = [line for _, line in first_of(read_lines(path))]
    if not any(line.strip() for line in first):
        return
    reader = csv.reader(lines(), delimiter=_delimiter(first), strict=True)
    start = 1
    while True:
        opening = ""
        try:
            row = next(reader, None)
        except csv.Error as error:
            rule = f"not valid CSV ({error}): a quote that is not doubled, or is never closed?"
            raise line_error(path, start, rule, line=opening) from error
        if row is None:
            return
        yield start, row
        start = latest + 1


def _head_rows(path: str) -> list[Row]:
    return [row for _, row in first_of(_rows(path)) if any(cell.strip() for cell in row)]


def _records(path: str, header: Row | None) -> Iterator[tuple[int, records.Record]]:
    """Rows as records, below a header, or with numbers from 1 for names."""
    width = len(header) if header else 0
    skip = header is not None
    for number, row in _rows(path):
        if not any(cell.strip() for cell in row):
            continue
        if skip:
            skip = False
            continue
        width = width or len(row)
        if len(row) != width:
            rule = f"{len(row)} columns, and the first row has {width}."
            raise line_error(path, number, rule, row=row)
        yield number, dict(zip(header or map(str, range(1, width + 1)), row, strict=True))


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Labeled texts."""
    rows = _head_rows(path)
    if not rows:
        return
    if rules.task == "classification":
        text, label, header = _classified(path, rows, rules)
        named = _renamed(rules, text, label)
        yield from records.labeled(_records(path, header), path, language, named)
        return
    token, tag, header = _tagged(path, rows, rules)
    sentence = next((name for name in header if names.is_named(name, _SENTENCES)), None)
    by_word = sentence or names.is_named(token, frozenset({"word", "token"}))
    first = rows[1][header.index(tag)] if len(rows) > 1 and len(rows[1]) == len(header) else ""
    each = _of_words if by_word and _listed(first) is None else _of_rows
    yield from each(path, language, rules, header, (token, tag, sentence))


def layout(path: str, rules: Rules) -> str:
    """Which columns are read."""
    rows = _head_rows(path)
    find = _classified if rules.task == "classification" else _tagged
    text, label, header = find(path, rows, rules)
    return f"columns {text!r} and {label!r}" + (", named in line 1" if header else "")


def _classified(path: str, rows: list[Row], rules: Rules) -> tuple[str, str, Row | None]:
    """The columns of text and label, and the header, if there is one."""
    if len(rows[0]) < 2:
        raise line_error(path, 1, "one column. A row is text and label.", row=rows[0])
    text, label, has_header = find_classified(path, rows, rules)
    header = _unique(path, rows[0]) if has_header else None
    shown = header or names.numbered(rows[0])
    return shown[text], shown[label], header


def _tagged(path: str, rows: list[Row], rules: Rules) -> tuple[str, str, Row]:
    """The columns of tokens and tags, and the header."""
    header = _unique(path, rows[0])
    known = (rules.token_column, _KNOWN, "token_column", "tokens")
    token = header[names.place_of(f"{path}:1", header, *known)]
    known = (rules.tag_column, names.TAG_NAMES, "tag_column", "tags")
    return token, header[names.place_of(f"{path}:1", header, *known)], header


def _unique(path: str, header: Row) -> Row:
    """The names of columns; those without one have their numbers from 1."""
    header = [name or str(number) for number, name in enumerate(header, start=1)]
    if len(set(header)) != len(header):
        raise line_error(path, 1, "columns of one name.", header=header)
    return header


def _renamed(rules: Rules, text: str, label: str) -> Rules:
    return Rules(task=rules.task, token_column=text, tag_column=label, max_words=rules.max_words)


def _of_rows(
    path: str, language: str, rules: Rules, header: Row, fields: tuple[str, str, str | None]
) -> Iterator[Example]:
    """A sentence a row: words and tags with spaces between them."""
    text, tags, _ = fields
    named = replace(_renamed(rules, "tokens", "tags"), tag_names=rules.tag_names)

    def split() -> Iterator[tuple[int, records.Record]]:
        for number, row in _records(path, header):
            yield number, {"tokens": _items(row[text]), "tags": _items(row[tags])}

    return records.labeled(split(), path, language, named)


def _items(cell: str) -> list[str | int]:
    """What a cell holds: a list as Python writes it, or items with spaces between them."""
    found = _listed(cell)
    return cell.split(" ") if found is None else found


def _listed(cell: str) -> list[str | int] | None:
    """The list that a cell spells, if it does."""
    if cell.startswith("[") and cell.endswith("]"):
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            found = ast.literal_eval(cell)
            if found and all(isinstance(item, (str, int)) for item in found):
                return found
    return None


def _of_words(
    path: str, language: str, rules: Rules, header: Row, fields: tuple[str, str, str | None]
) -> Iterator[Example]:
    """A word a row: a number or a name of the sentence in its first row or in all of its rows, or
    empty rows between sentences."""
    token, tag, sentence = fields
    columns = [header.index(token), header.index(tag)]
    mark = header.index(sentence) if sentence else None
    words, tags, first, current = [], [], 0, ""
    for number, row in itertools.islice(_rows(path), 1, None):
        empty = not any(cell.strip() for cell in row)
        if not empty and len(row) != len(header):
            rule = f"{len(row)} columns, and the first row has {len(header)}."
            raise line_error(path, number, rule, row=row)
        now = "" if empty or mark is None else row[mark].strip()
        now = "" if now.casefold() in _EMPTY else now
        if words and (empty or (now and now != current) or len(words) > rules.max_words):
            yield Example(words, tags, language, path, first)
            words, tags = [], []
        current = now or current
        if empty:
            continue
        word, name = (row[i].strip() for i in columns)
        if not word:
            raise line_error(path, number, "an empty token.", row=row)
        if not words:
            first = number
        words.append(word)
        tags.append(name)
    if words:
        yield Example(words, tags, language, path, first)


def read_text(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Texts alone."""
    rows = _head_rows(path)
    if not rows:
        return
    asked = rules.text_field
    has_header = not asked.isdecimal() or _has_names(rows[0], names.TEXT_NAMES)
    header = _unique(path, rows[0]) if has_header else None
    shown = header or names.numbered(rows[0])
    field = records.text_field_of(f"{path}:1", shown, asked)
    named = Rules(task=rules.task, max_words=rules.max_words, text_field=field)
    yield from records.unlabeled(_records(path, header), path, language, named)

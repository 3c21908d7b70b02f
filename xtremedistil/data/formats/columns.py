"""CoNLL style: a token and its tag on each line, blank lines between sentences.

Columns are separated by tabs, else by spaces; tokens may hold every other blank. The token is the
first column and its tag the last one only where nothing speaks against it: a first column that
counts or repeats itself, and a second column of tags, are refused, because either reading would be
a guess. A line that begins with `#` before a sentence is a comment unless it has the columns of a
token.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xtremedistil.data.formats import names
from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head, columns_of, first_of
from xtremedistil.data.lines import line_error, read_lines
from xtremedistil.data.tag_schemes import is_bracket, is_prefixed
from xtremedistil.runtime.errors import DataError, listed

_DOCUMENT = "-DOCSTART-"
_COUNTER = re.compile(r"\d+(?:[-.]\d+)?")
_TYPE = re.compile(r"[^\W\d_][\w-]*")
_MOST_TYPES = 50  # of a column of types without letters
# Syntactic chunks (CoNLL-2000 and 2003): tags too, but of no entities.
_CHUNKS = {"ADJP", "ADVP", "CONJP", "INTJ", "LST", "NP", "PP", "PRT", "SBAR", "UCP", "VP"}


@dataclass(frozen=True)
class _Layout:
    """Where token and tag are, of how many columns, and the line of a header (0: none).

    Attributes:
        counted: whether the first column counts the words of each sentence, as in CoNLL-U, where
            `1-2` and `3.1` number no word of its own.
        uneven: whether sentences may differ in their number of columns, as in CoNLL-2012, which
            has one for each verb: only where both columns are said by number.
    """

    token: int
    tag: int
    width: int
    header: int
    counted: bool = False
    uneven: bool = False


def recognise(head: Head) -> bool:
    """Whether a file holds a token and a tag a line."""
    if head.unlabeled:
        return head.is_tagged
    return head.has_blank or head.is_tagged


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Sentences; one without an end is given as soon as it is too long, while memory holds it."""
    layout = _find_layout(path, rules)
    words, tags, first, each = [], [], 0, True
    width = layout.width
    for number, line in read_lines(path):
        if not line.strip() or line.startswith(_DOCUMENT):
            if words:
                yield Example(words, tags, language, path, first, line_per_word=each)
                words, tags, each = [], [], True
            continue
        if number == layout.header or (not words and _is_comment(line, layout)):
            continue
        columns = columns_of(line)
        if len(columns) < 2:
            raise line_error(
                path, number, "each line is `token<TAB>tag`, or blank between sentences.", line=line
            )
        if not words and layout.uneven and len(columns) > max(layout.token, layout.tag):
            width = len(columns)
        if len(columns) != width:
            rule = f"{len(columns)} columns, and the first line has {width}."
            raise line_error(path, number, rule, line=line)
        if not columns[layout.token].strip():
            rule = "an empty token. Each line is `token<TAB>tag`."
            raise line_error(path, number, rule, line=line)
        if layout.counted and not columns[0].isdecimal():
            each = False  # the words that it stands for have lines of their own, or it has no text
            continue
        if not words:
            first = number
        words.append(columns[layout.token])
        tags.append(columns[layout.tag])
        if len(words) > rules.max_words:
            break
    if words:
        yield Example(words, tags, language, path, first, line_per_word=each)


def layout(path: str, rules: Rules) -> str:
    """Which columns are read."""
    found = _find_layout(path, rules)
    token, tag = found.token % found.width + 1, found.tag % found.width + 1
    header = f", named in line {found.header}" if found.header else ""
    return f"tokens in column {token}, tags in column {tag} of {found.width}{header}"


def _is_comment(line: str, layout: _Layout) -> bool:
    if not line.startswith("#"):
        return False
    columns = columns_of(line)
    if len(columns) != layout.width:
        return True
    return "\t" not in line and not is_prefixed(columns[layout.tag])


def _find_layout(path: str, rules: Rules) -> _Layout:
    """The layout of a file, by its first lines and by what the user says."""
    rows, numbers, starts = [], [], []  # starts: of sentences, among the rows
    begins = True
    for number, line in first_of(read_lines(path)):
        if not line.strip() or line.startswith(_DOCUMENT):
            begins = True
        elif not (begins and line.startswith("#")):
            if begins:
                starts.append(len(rows))
            begins = False
            rows.append(columns_of(line))
            numbers.append(number)
    if not rows:
        return _Layout(0, -1, 2, 0)
    header = numbers[0] if _is_header(rows[0], rules) else 0
    width = len(rows[0])
    if header:
        where = f"{path}:{header}"
        asked = (rules.token_column, names.TOKEN_NAMES, "token_column", "tokens")
        token = names.place_of(where, rows[0], *asked)
        asked = (rules.tag_column, names.TAG_NAMES, "tag_column", "tags")
        return _Layout(token, names.place_of(where, rows[0], *asked), width, header)
    regular = [row for row in rows if len(row) == width]
    sentences = [rows[a:b] for a, b in itertools.pairwise([*starts, len(rows)])]
    token = tag = None
    for flag, asked in (("token_column", rules.token_column), ("tag_column", rules.tag_column)):
        if asked:
            where, places = f"{path}:{numbers[0]}", names.numbered(rows[0])
            place = names.place_of(where, places, asked, frozenset(), flag, "")
            token, tag = (place, tag) if flag == "token_column" else (token, place)
    if token is None:
        token = 0
        _check_first(path, numbers[0], regular, sentences)
    if tag is None:
        tag = _tag_column(path, numbers[0], regular, token)
    numbered = [row[0] for row in regular]
    counted = bool(token) and all(map(_COUNTER.fullmatch, numbered)) and numbered[0] in ("1", "1-2")
    uneven = bool(rules.token_column and rules.tag_column)
    return _Layout(token, tag, width, 0, counted, uneven)


def _is_header(row: Sequence[str], rules: Rules) -> bool:
    asked = {rules.token_column, rules.tag_column}
    if any(map(names.is_name, asked)):
        return True
    known = (names.TOKEN_NAMES, names.TAG_NAMES)
    return len(row) > 1 and all(any(names.is_named(c, some) for c in row) for some in known)


def _check_first(
    path: str, number: int, rows: list[list[str]], sentences: list[list[list[str]]]
) -> None:
    """Raises a DataError where the first column can hardly be the tokens."""
    width = len(rows[0])
    first = [row[0] for row in rows]
    found = None
    if all(map(_COUNTER.fullmatch, first)) and (width > 2 or _counts(sentences)):
        found = "counts"
    elif width > 2 and _repeats([s for s in sentences if len(s) > 2]):
        found = "is the same on all lines of a sentence"
    if not found and "O" in first and len(set(first)) > 1 and all(map(is_prefixed, first)):
        found = "holds tags"
    if found:
        raise DataError(
            f"{path}:{number}: the first column {found}, so it is not the tokens. Say which are, "
            "by number from 1 or by the name in a header: --token_column=N --tag_column=N. "
            f"Received: {_shown(rows[0])}"
        )


def _repeats(sentences: list[list[list[str]]]) -> bool:
    return bool(sentences) and all(len({row[0] for row in s}) == 1 for s in sentences)


def _counts(sentences: list[list[list[str]]]) -> bool:
    pairs = [
        (a[0], b[0]) for sentence in sentences for a, b in itertools.pairwise(sentence) if a and b
    ]
    return bool(pairs) and all(
        a.isdecimal() and b.isdecimal() and int(b) == int(a) + 1 for a, b in pairs
    )


def _tag_column(path: str, number: int, rows: list[list[str]], token: int) -> int:
    """The one column of tags; the last one where none is seen to be."""
    columns = [[row[i] for row in rows] for i in range(len(rows[0]))]
    found = [i for i, column in enumerate(columns) if i != token and _are_tags(column)]
    if len(found) > 1:
        found = [i for i in found if not _are_chunks(columns[i])]
    if len(found) > 1:
        numbers = " and ".join(str(i + 1) for i in found)
        raise DataError(
            f"{path}:{number}: columns {numbers} all hold tags, and one is read. Say which: "
            f"--token_column={token + 1} --tag_column={found[0] + 1}. Received: {_shown(rows[0])}"
        )
    return found[0] if found else len(columns) - 1


def _are_tags(column: list[str]) -> bool:
    if all(map(is_prefixed, column)) or all(map(is_bracket, column)):
        return True
    few = len(set(column)) <= _MOST_TYPES
    return few and "O" in column and all(map(_TYPE.fullmatch, column))


def _are_chunks(column: list[str]) -> bool:
    types = {tag[2:] for tag in column if "-" in tag}
    return bool(types) and types <= _CHUNKS


def _shown(row: list[str]) -> str:
    return listed([f"{i}: {cell[:30]!r}" for i, cell in enumerate(row, start=1)])

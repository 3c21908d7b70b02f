"""Where text and label are in rows without names, and whether a first row names them."""

from collections.abc import Sequence

from xtremedistil.data.formats import names
from xtremedistil.data.formats.example import Rules
from xtremedistil.runtime.errors import DataError, listed

_LABEL_WORDS = 3  # more are a text
_MANY = 5  # rows, from which a label that never comes again looks like a header


def find_classified(
    path: str, rows: Sequence[Sequence[str]], rules: Rules
) -> tuple[int, int, bool]:
    """The columns of text and label of a file for classification.

    Args:
        path: of the file, for errors.
        rows: its first ones.
        rules: what the user says.

    Returns:
        Both, from 0, and whether the first row is a header.

    Raises:
        DataError: they are not known.
    """
    first, where = rows[0], f"{path}:1"
    asked = (rules.token_column, rules.tag_column)
    by_name = any(map(names.is_name, asked))
    known = (names.TEXT_NAMES, names.LABEL_NAMES)
    is_named = [any(names.is_named(cell, some) for cell in first) for some in known]
    if by_name or all(is_named):
        text = names.place_of(where, first, asked[0], known[0], "token_column", "text")
        return text, names.place_of(where, first, asked[1], known[1], "tag_column", "labels"), True
    if all(asked):
        places = names.numbered(first)
        text = names.place_of(where, places, asked[0], known[0], "token_column", "text")
        label = names.place_of(where, places, asked[1], known[1], "tag_column", "labels")
    elif len(first) == 2:
        text, label = _of_two(rows, asked)
    else:
        raise DataError(
            f"{where}: {len(first)} columns, and no header whose names are known. Say which are "
            "text and label, by number from 1 or by name: --token_column=N --tag_column=N. "
            f"Received: {listed(list(first))}"
        )
    return text, label, _looks_like_header(rows, text, label)


def _of_two(rows: Sequence[Sequence[str]], asked: tuple[str, str]) -> tuple[int, int]:
    """As the user says; else the column that alone looks like labels holds them, or of two that
    both do, or do not, the one of single words beside longer texts; else the second one."""
    if asked[0] in ("1", "2"):
        return (0, 1) if asked[0] == "1" else (1, 0)
    if asked[1] in ("1", "2"):
        return (0, 1) if asked[1] == "2" else (1, 0)
    columns = [[row[i] for row in rows if len(row) == 2] for i in range(2)]
    labels = [are_labels(column) for column in columns]
    if labels[0] == labels[1]:
        labels = [_longest(column) == 1 for column in columns]
    return (1, 0) if labels == [True, False] else (0, 1)


def are_labels(column: Sequence[str]) -> bool:
    """Whether a column holds few short values that come again."""
    short = all(len(cell.split()) <= _LABEL_WORDS for cell in column)
    return short and len(set(column)) <= max(2, len(column) // 2)


def _longest(column: Sequence[str]) -> int:
    """The words of the longest cell."""
    return max((len(cell.split()) for cell in column), default=0)


def _looks_like_header(rows: Sequence[Sequence[str]], text: int, label: int) -> bool:
    """Whether the first row is of one word and a label that never comes again."""
    rest = [row[label] for row in rows[1:] if len(row) == len(rows[0])]
    if len(rest) < _MANY or len(rows[0][text].split()) != 1:
        return False
    return rows[0][label] not in rest and len(set(rest)) <= len(rest) // 2

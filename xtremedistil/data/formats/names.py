"""Which column or field holds what: known names, and what the user says."""

from collections.abc import Sequence

from xtremedistil.runtime.errors import DataError, listed

TOKEN_NAMES = frozenset({"token", "tokens", "word", "words", "form"})
TEXT_NAMES = frozenset(
    {"text", "sentence", "content", "review", "body", "document", "tweet", "comment", "message"}
    | {"utterance", "query", "question", "title", "headline", "description", "summary", "context"}
    | {"passage", "premise", "hypothesis", "sentence1", "sentence2"}
)
TAG_NAMES = frozenset(
    {"tag", "tags", "ner", "ner_tag", "ner_tags", "ner-tag", "ne", "ne_tag", "ne_tags", "label"}
    | {"labels", "bio", "iob", "entity"}
)
SPAN_NAMES = frozenset({"label", "labels", "entities", "spans", "annotations", "ner"})
LABEL_NAMES = frozenset(
    {"label", "labels", "class", "category", "sentiment", "target", "intent", "topic", "polarity"}
)


def is_named(column: str, names: frozenset[str]) -> bool:
    """Whether a header's cell is one of some known names."""
    return column.strip().strip('"').casefold() in names


def numbered(row: Sequence[str]) -> list[str]:
    """Names for columns that have none: their numbers from 1."""
    return [str(number) for number in range(1, len(row) + 1)]


def is_name(asked: str) -> bool:
    """Whether the user gives a column's name and not its number."""
    return bool(asked) and not asked.isdecimal()


def place_of(
    where: str, columns: Sequence[str], asked: str, known: frozenset[str], flag: str, meaning: str
) -> int:
    """The place of a column or field.

    Args:
        where: file, and line where there is one, for the error.
        columns: their names.
        asked: number from 1, or name; empty to go by known names.
        known: those.
        flag: that names another.
        meaning: of the column, for the error.

    Raises:
        DataError: there is none, or there are several.
    """
    if asked:
        if asked in columns:
            return columns.index(asked)
        if asked.isdecimal() and 1 <= int(asked) <= len(columns):
            return int(asked) - 1
        found = []
    else:
        found = [i for i, name in enumerate(columns) if is_named(name, known)]
        if len(found) == 1:
            return found[0]
    rule = (
        f"no column or field {asked!r}, which --{flag} asks for."
        if asked
        else f"{'several' if found else 'no known'} columns or fields of {meaning}. Name one with "
        f"--{flag}."
    )
    raise DataError(f"{where}: {rule} Received: {listed(list(columns))}")

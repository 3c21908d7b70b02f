"""JSON lines: one object a line, labeled or not."""

import json
from collections.abc import Iterator
from typing import Any

from xtremedistil.data.formats import records
from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head
from xtremedistil.data.lines import line_error, read_lines
from xtremedistil.runtime.errors import DataError


def recognise(head: Head) -> bool:
    """Whether a file begins with a JSON object on a line of its own.

    Raises:
        DataError: it begins as JSON of another form.
    """
    first = head.first.strip()
    whole = _parse(first) if first.startswith("[") else None
    each = isinstance(whole, list) and whole and _is_spacy(whole[0])
    if each or _is_spacy(whole):
        raise DataError(
            f"{head.path}: JSON, but not an object on each line. Write texts and their spans so: "
            f"jq -c '{'.[] | ' if each else ''}{{text: .[0], entities: .[1].entities}}' OLD > "
            "NEW.jsonl. "
            f"Received: {head.first[:80]!r}"
        )
    texts = isinstance(whole, list) and whole and isinstance(whole[0], (str, dict, list))
    second = head.filled[1].strip() if len(head.filled) > 1 else ""
    opened = first in ("[", "{") and second.startswith(("{", '"', "["))
    if texts or opened or first.startswith("[{"):
        raise DataError(
            f"{head.path}: JSON, but not an object on each line. Write objects so: "
            "jq -c '.[]' OLD.json > NEW.jsonl (`.` for `.[]` where it is no list), and a list of "
            f"texts so: jq -r '.[]' OLD.json > NEW.txt. Received: {head.first[:80]!r}"
        )
    return first.startswith('{"') or (first.startswith("{") and isinstance(_parse(first), dict))


def _is_spacy(whole: Any) -> bool:
    """Whether a line is a text and its annotations, as spaCy was trained with."""
    if not isinstance(whole, list) or len(whole) != 2 or not isinstance(whole[0], str):
        return False
    return isinstance(whole[1], dict) and "entities" in whole[1]


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _objects(path: str) -> Iterator[tuple[int, records.Record]]:
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise line_error(path, number, f"not valid JSON ({error}).", line=line) from error
        if not isinstance(record, dict):
            raise line_error(path, number, "each line is a JSON object.", line=line)
        yield number, record


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Labeled texts."""
    return records.labeled(_objects(path), path, language, rules)


def read_text(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Texts alone."""
    return records.unlabeled(_objects(path), path, language, rules)


def layout(path: str, rules: Rules) -> str:
    """Which fields are read."""
    return records.layout(_objects(path), path, rules)

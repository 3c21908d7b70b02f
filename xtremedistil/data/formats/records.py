"""Records with named fields, of JSON lines, CSV and tables, to examples.

A labeled record has a text and its label; or, for NER, a text and spans of characters in it, or a
list of tokens and one of their tags. Which field is which, a file's first record tells: by known
names, or by those that the user gives. Words of a text with spans are those of raw text in serving
(`tokenization.raw_words`). A word belongs to a span with which it shares a character.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from xtremedistil.data.formats import names
from xtremedistil.data.formats.example import ASK_FOR_CLASSES, Example, Rules
from xtremedistil.data.lines import line_error
from xtremedistil.data.tag_schemes import is_prefixed
from xtremedistil.runtime.errors import DataError, listed
from xtremedistil.tokenization.raw_words import find_words
from xtremedistil.tokenization.words import split_words

Record = Mapping[str, Any]
_STARTS, _ENDS = ("start", "start_offset", "begin"), ("end", "end_offset", "stop")
_ACCEPTED = "accept"  # of Prodigy's field `answer`
_WITHOUT = (
    "Leave out records without it: of JSON lines so: jq -c 'select(.{0} != null)' OLD > NEW, of a "
    "table with pandas' dropna(subset=['{0}'])."
)
_WITHOUT_SPANS = (
    "Of a text without entities it is an empty list: jq -c '.{0} //= []' OLD > NEW; leave out "
    "records that nobody looked at: jq -c 'select(.{0} != null)' OLD > NEW."
)
_AS_CSV = (
    "Tables of a word a row, and lists written as text, are read as CSV: with pandas "
    "read_parquet(OLD).to_csv(NEW, index=False)."
)
# Fields of exports whose labels lie deeper, and how to bring them to the top.
_NESTED = (
    (
        {"data", "annotations"},
        "Label Studio's full export. Export JSON-MIN in its place, then: "
        "jq -c '.[] | .label //= []' OLD.json > NEW.jsonl.",
    ),
    (
        {"classes", "annotations"},
        "annotations for spaCy in one object. Write them so: jq -c "
        "'.annotations[] | {text: .[0], entities: .[1].entities}' OLD.json > NEW.jsonl.",
    ),
)
_TYPES = ("label", "type", "tag", "entity", "entity_type", "labels")


def labeled(
    numbered: Iterable[tuple[int, Record]],
    path: str,
    language: str,
    rules: Rules,
    known: Mapping[str, tuple[str, ...]] | None = None,
) -> Iterator[Example]:
    """The examples of labeled records.

    Args:
        numbered: records with their numbers in the file.
        path: of the file.
        language: of its texts.
        rules: for the task, and the fields.
        known: names of tags or labels that are numbers, by field, where the file has them.

    Raises:
        DataError: a record is not as it must be.
    """
    read, fields = None, ()
    for number, record in numbered:
        if read is None:
            read, fields = _reader(f"{path}:{number}", record, rules)
            own = (known or {}).get(fields[1], ())
            rules = rules if rules.tag_names else replace(rules, tag_names=own)
        given = _values(record, fields, path, number, read is _spanned)
        if isinstance(record.get("answer"), str) and record["answer"] != _ACCEPTED:
            raise line_error(
                path,
                number,
                "a record that its annotator did not accept: its labels are not true. Keep the "
                "others alone: jq -c 'select(.answer == \"accept\")' OLD > NEW.",
                answer=record["answer"],
            )
        example = read(*given, path, number, language, rules)
        if not example.words:
            rule = "a record without a word: leave it out."
            raise line_error(
                path, number, rule, **dict(zip(("text", "labels"), given, strict=True))
            )
        yield example


def unlabeled(
    numbered: Iterable[tuple[int, Record]], path: str, language: str, rules: Rules
) -> Iterator[Example]:
    """The texts of records, labeled or not; arguments and errors as of `labeled`."""
    field = None
    for number, record in numbered:
        if field is None:
            field = text_field_of(f"{path}:{number}", record, rules.text_field)
        (value,) = _values(record, (field,), path, number)
        if isinstance(value, Sequence) and not isinstance(value, str):
            words = _tokens(value, path, number)
        else:
            words = split_words(_text(value, path, number))
        if words:
            yield Example(words, None, language, path, number)


def layout(numbered: Iterable[tuple[int, Record]], path: str, rules: Rules) -> str:
    """Which fields of labeled records are read, in words."""
    for number, record in numbered:
        _, fields = _reader(f"{path}:{number}", record, rules)
        return f"fields {fields[0]!r} and {fields[1]!r}"
    return ""


def text_field_of(where: str, fields: Iterable[str], asked: str) -> str:
    """The field of unlabeled text."""
    columns = list(fields)
    # a title beside it is no sentence
    choices = (frozenset({"text"}), names.TEXT_NAMES, frozenset({"tokens", "words"}))
    known = next(
        (c for c in choices if any(names.is_named(name, c) for name in columns)), choices[0]
    )
    return columns[names.place_of(where, columns, asked, known, "text_field", "text")]


def _reader(where: str, record: Record, rules: Rules) -> tuple[Any, tuple[str, str]]:
    """What reads records of this kind, and the two fields that it reads."""
    columns = list(record)
    for nested, rule in _NESTED:
        if nested <= record.keys():
            raise DataError(f"{where}: {rule} Received: {listed(columns)}")

    def field(asked: str, known: frozenset[str], flag: str, meaning: str) -> str:
        return columns[names.place_of(where, columns, asked, known, flag, meaning)]

    if rules.task == "classification":
        text = field(rules.token_column, names.TEXT_NAMES, "token_column", "text")
        return _classified, (
            text,
            field(rules.tag_column, names.LABEL_NAMES, "tag_column", "label"),
        )
    # a token that is null is an error of its own
    listing = {name for name in columns if _is_list_of(record[name], (str, type(None)))}
    asked = rules.token_column
    token = (
        asked in listing if asked else any(names.is_named(n, names.TOKEN_NAMES) for n in listing)
    )
    if token:
        tokens = field(asked, names.TOKEN_NAMES, "token_column", "tokens")
        tags = field(rules.tag_column, names.TAG_NAMES, "tag_column", "tags")
        return _tagged, (tokens, tags)
    text = field(asked, names.TEXT_NAMES, "token_column", "text")
    spans = field(rules.tag_column, names.SPAN_NAMES, "tag_column", "spans")
    return _spanned, (text, spans)


def _is_list_of(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _values(
    record: Record, fields: Sequence[str], path: str, number: int, spanned: bool = False
) -> list[Any]:
    """What a record has in these fields, the second of which may hold spans of characters."""
    lacking = next((name for name in fields if record.get(name) is None), None)
    if lacking is not None:
        way_out = _WITHOUT_SPANS if spanned and lacking != fields[0] else _WITHOUT
        is_null = f"the field {lacking!r} is null"
        absent = f"no field {lacking!r}, which the first record has"
        rule = f"{is_null if lacking in record else absent}. {way_out.format(lacking)}"
        raise line_error(path, number, rule, fields=listed(list(record)))
    return [record[name] for name in fields]


def _text(value: Any, path: str, number: int) -> str:
    if not isinstance(value, str):
        raise line_error(path, number, "a text must be a string.", text=value)
    return value


def _tokens(value: Any, path: str, number: int) -> list[str]:
    if not _is_list_of(value, str) or not all(token.strip() for token in value):
        raise line_error(
            path, number, "tokens must be a list of strings, none empty.", tokens=value
        )
    return value


def _named(value: Any, path: str, number: int, rules: Rules) -> str:
    """A tag or a label by its name."""
    if isinstance(value, int) and not isinstance(value, bool) and rules.tag_names:
        if 0 <= value < len(rules.tag_names):
            return rules.tag_names[value]
        rule = f"a number of no label: they are {listed(rules.tag_names)}."
        raise line_error(path, number, rule, label=value)
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    raise line_error(path, number, "a label must be a string or a whole number.", label=value)


def _classified(
    text: Any, label: Any, path: str, number: int, language: str, rules: Rules
) -> Example:
    words = split_words(_text(text, path, number))
    if isinstance(label, list):
        if len(label) != 1:
            rule = f"{len(label)} labels, and a text must have one."
            raise line_error(path, number, rule, label=label)
        (label,) = label
    name = _named(label, path, number, rules)
    if not words or not name:
        raise line_error(path, number, "an empty text or label.", text=text, label=label)
    return Example(words, [name], language, path, number)


def _tagged(tokens: Any, tags: Any, path: str, number: int, language: str, rules: Rules) -> Example:
    words = _tokens(tokens, path, number)
    if not isinstance(tags, list) or len(tags) != len(words):
        many = f"{len(tags)} tags" if isinstance(tags, list) else "no list of tags"
        hint = "" if isinstance(tags, list) and len(tags) > 1 else f" {ASK_FOR_CLASSES}"
        rule = f"{len(words)} tokens but {many}.{hint}"
        raise line_error(path, number, rule, tokens=words, tags=tags)
    if not rules.tag_names and not _is_list_of(tags, str):
        rule = "tags must be strings, or numbers with their names: --tag_names=O,B-PER,I-PER,..."
        raise line_error(path, number, rule, tags=tags)
    named = [_named(tag, path, number, rules) for tag in tags]
    return Example(words, named, language, path, number)


def _spanned(text: Any, spans: Any, path: str, number: int, language: str, rules: Rules) -> Example:
    text = _text(text, path, number)
    if not isinstance(spans, list):
        as_text = isinstance(spans, str) and spans.lstrip().startswith(("[", "{"))
        of_word = isinstance(spans, str) and is_prefixed(spans)
        hint = _AS_CSV if as_text or of_word else ASK_FOR_CLASSES
        raise line_error(path, number, f"spans must be a list. {hint}", spans=spans)
    places = find_words(text)
    tags = ["O"] * len(places)
    found = [_span(span, text, path, number) for span in spans]
    cut = dropped = 0
    # longer ones first, so that of nested spans the outer one stays
    for start, end, name in sorted(found, key=lambda span: (span[0] - span[1], span[0])):
        inside = [i for i, (a, b) in enumerate(places) if a < end and start < b]
        if not inside:
            raise line_error(path, number, "a span holds no word.", text=text, span=(start, end))
        if any(tags[i] != "O" for i in inside):
            dropped += 1
            continue
        cut += places[inside[0]][0] < start or places[inside[-1]][1] > end
        for i in inside:
            tags[i] = f"{'B' if i == inside[0] else 'I'}-{name}"
    words = [text[a:b] for a, b in places]
    return Example(words, tags, language, path, number, cut=cut, dropped=dropped)


def _span(span: Any, text: str, path: str, number: int) -> tuple[int, int, str]:
    """Start, end and type of a span."""
    if isinstance(span, Mapping):
        given = [
            next((span[k] for k in keys if k in span), None) for keys in (_STARTS, _ENDS, _TYPES)
        ]
    else:
        given = list(span) if isinstance(span, (list, tuple)) else []
    if len(given) == 3 and isinstance(given[2], list) and len(given[2]) == 1:
        (given[2],) = given[2]
    whole = len(given) == 3 and all(type(place) is int for place in given[:2])
    if not whole or not isinstance(given[2], str) or not given[2].strip():
        rule = "a span is [start, end, type], or an object of start, end and label."
        raise line_error(path, number, rule, span=span)
    start, end, name = given
    if not 0 <= start < end <= len(text):
        rule = f"a span must lie within the text's {len(text):,} characters (not bytes)."
        raise line_error(path, number, rule, span=span)
    return start, end, "_".join(name.split())  # tags hold no spaces

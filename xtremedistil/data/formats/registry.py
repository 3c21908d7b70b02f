"""The formats, in the order that they are looked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from xtremedistil.data.formats import (
    columns,
    csv_files,
    fasttext,
    json_lines,
    labeled_text,
    plain,
    tables,
    tagged,
)
from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head

Reader = Callable[[str, str, Rules], Iterator[Example]]


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: as `--data_format` has it.
        tasks: whose labels it holds.
        recognise: whether a file is of it, by its beginning.
        read: streams the examples of a path, a language and rules.
        read_text: the same for unlabeled files; None where `read` reads them too, or none are.
        in_unlabeled: whether unlabeled files may be of it.
        layout: which columns or fields of a labeled file are read, in words; None where the format
            leaves no choice.
    """

    name: str
    tasks: tuple[str, ...]
    recognise: Callable[[Head], bool]
    read: Reader
    read_text: Reader | None = None
    in_unlabeled: bool = True
    layout: Callable[[str, Rules], str] | None = None


_BOTH = ("ner", "classification")
FORMATS = {
    made.name: made
    for made in (
        Format(
            "parquet",
            _BOTH,
            tables.recognise,
            tables.read,
            tables.read_text,
            layout=tables.layout,
        ),
        Format(
            "jsonl",
            _BOTH,
            json_lines.recognise,
            json_lines.read,
            json_lines.read_text,
            layout=json_lines.layout,
        ),
        Format("fasttext", ("classification",), fasttext.recognise, fasttext.read),
        Format(
            "csv",
            _BOTH,
            csv_files.recognise,
            csv_files.read,
            csv_files.read_text,
            layout=csv_files.layout,
        ),
        Format("tsv", ("ner",), tagged.recognise, tagged.read),
        Format("conll", ("ner",), columns.recognise, columns.read, layout=columns.layout),
        Format(
            labeled_text.NAME,
            ("classification",),
            labeled_text.recognise,
            labeled_text.read,
            layout=labeled_text.layout,
        ),
        Format("text", (), plain.recognise, plain.read),
    )
}

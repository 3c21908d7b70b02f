"""Classification TSV: `text<TAB>label` or `label<TAB>text`, with or without a header."""

import itertools
from collections.abc import Iterator

from absl import logging

from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import PROBED_LINES, Head
from xtremedistil.data.formats.table_layout import find_classified
from xtremedistil.data.lines import line_error, read_lines
from xtremedistil.tokenization.words import split_words


def recognise(head: Head) -> bool:
    """Whether texts with labels are wanted, or every line has them."""
    if head.rules.task != "classification":
        return False
    return not head.unlabeled or (
        len(head.filled) > 1 and all(line.count("\t") == 1 for line in head.filled)
    )


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Texts with their classes."""
    layout = None
    width = 2
    for number, line in read_lines(path):
        if not line.strip():
            continue
        columns = line.split("\t")
        if layout is None:
            head = [
                text.split("\t") for _, text in itertools.islice(read_lines(path), PROBED_LINES)
            ]
            rows = [row for row in head if any(cell.strip() for cell in row)]
            known = all((rules.token_column, rules.tag_column))
            width = len(columns) if known or len(columns) > 2 else 2
            text, label, header = layout = (
                find_classified(path, rows, rules) if len(rows[0]) > 1 else (0, 1, False)
            )
            if header:
                logging.info("%s:%d: the names of columns: %s", path, number, line[:80])
                width = len(columns)
                continue
        if len(columns) != width:
            rule = f"{len(columns)} columns. Each line is `text<TAB>label`"
            rule += "." if width == 2 else f", in {width} columns as the first one is."
            raise line_error(path, number, rule, line=line)
        words, name = split_words(columns[text]), columns[label].strip()
        if not words or not name:
            raise line_error(
                path,
                number,
                "an empty text or label. Each line is `text<TAB>label`.",
                text=columns[text],
                label=columns[label],
            )
        yield Example(words, [name], language, path, number)

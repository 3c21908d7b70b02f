"""Classification TSV: `text<TAB>label` or `label<TAB>text`, with or without a header."""

from collections.abc import Iterator

from absl import logging

from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head, first_of
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
    head = first_of(read_lines(path))
    rows = [(number, line.split("\t")) for number, line in head if line.strip()]
    if not rows:
        return
    first, row = rows[0]
    text, label, header = 0, 1, False
    if len(row) > 1:
        text, label, header = find_classified(path, [own for _, own in rows], rules)
    if header:
        logging.info("%s:%d: the names of columns: %s", path, first, " | ".join(row)[:80])
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

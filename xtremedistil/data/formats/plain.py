"""Unlabeled text, one sentence a line."""

from collections.abc import Iterator

from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head
from xtremedistil.data.lines import read_lines
from xtremedistil.tokenization.words import split_words


def recognise(head: Head) -> bool:
    """Whether plain text may be there."""
    return head.unlabeled


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Sentences; blank lines are none."""
    for number, line in read_lines(path):
        if words := split_words(line):
            yield Example(words, None, language, path, number)

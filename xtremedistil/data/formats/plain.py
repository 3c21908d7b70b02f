"""Unlabeled text, one sentence a line."""

import re
from collections.abc import Iterator

from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head
from xtremedistil.data.lines import line_error, read_lines
from xtremedistil.tokenization.words import split_words

_MARKUP = re.compile(r"<doc id=|</doc>\s*$")


def recognise(head: Head) -> bool:
    """Whether plain text may be there."""
    return head.unlabeled


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Sentences; blank lines are none."""
    for number, line in read_lines(path):
        if _MARKUP.match(line):
            rule = (
                "a line of WikiExtractor's markup, which is no sentence. Leave such lines out: "
                "grep -vE '^</?doc[ >]' OLD > NEW."
            )
            raise line_error(path, number, rule, line=line)
        if words := split_words(line):
            yield Example(words, None, language, path, number)

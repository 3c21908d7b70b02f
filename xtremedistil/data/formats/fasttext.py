"""fastText's lines for classification: `__label__x text`."""

from collections.abc import Iterator

from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head
from xtremedistil.data.lines import line_error, read_lines
from xtremedistil.tokenization.words import split_words

_LABEL = "__label__"


def recognise(head: Head) -> bool:
    """Whether the first line has a label."""
    return any(word.startswith(_LABEL) for word in split_words(head.first))


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Texts with their labels, wherever in the line they stand."""
    for number, line in read_lines(path):
        words = split_words(line)
        if not words:
            continue
        labels = [word.removeprefix(_LABEL) for word in words if word.startswith(_LABEL)]
        words = [word for word in words if not word.startswith(_LABEL)]
        if len(labels) != 1 or not labels[0] or not words:
            rule = f"each line is `{_LABEL}x text`, with one label."
            raise line_error(path, number, rule, line=line)
        if "," in labels[0].strip(","):  # `__label__x,text` loses its first word in silence
            rule = (
                "a comma in a label, which only white space ends. Where the text begins after it: "
                f"sed 's/^\\({_LABEL}[^ ,]*\\),/\\1 /' OLD > NEW; where it is of the name, write "
                "another character."
            )
            raise line_error(path, number, rule, line=line)
        yield Example(words, labels, language, path, number)

"""What every format is read into, and the rules that all of them share."""

import re
from dataclasses import dataclass, replace

from xtremedistil.data import tag_schemes
from xtremedistil.data.lines import line_error
from xtremedistil.data.tag_schemes import SchemeError
from xtremedistil.runtime.errors import DataError

TAG = re.compile(r"O|[BI]-[^\s-]\S*")


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence or text.

    Attributes:
        words: its words.
        tags: a tag per word (NER), one class (classification), or None for unlabeled text.
        language: a code, or "" where the data does not say.
        path: the file it came from.
        line: the number of its (first) line there, or of its row in a table, from 1.
        repaired: orphan I- tags that were turned into B- tags.
        cut: spans of characters that begin or end inside a word, which then belongs to them whole.
        dropped: spans that share a word with a longer or an earlier one.
        line_per_word: whether each word has a line of its own, from `line` on.
    """

    words: list[str]
    tags: list[str] | None
    language: str
    path: str
    line: int
    repaired: int = 0
    cut: int = 0
    dropped: int = 0
    line_per_word: bool = False

    @property
    def where(self) -> str:
        """File and line, as errors name them."""
        return f"{self.path}:{self.line}"

    def line_of(self, word: int) -> int:
        """The line of a word."""
        return self.line + word if self.line_per_word else self.line


@dataclass(frozen=True)
class Rules:
    """How lines are read: fields of the data config that concern single files.

    Attributes:
        repair_iob2: whether an orphan I- tag becomes a B- tag.
        max_words: of a sentence.
        task: `ner` or `classification`.
        tag_scheme: of `tag_schemes.SCHEMES`, or `auto`.
        token_column, tag_column: number from 1, or name, of the columns or fields of words or text,
            and of tags or label; empty where the file says.
        text_field: the same for unlabeled text.
        tag_names: of tags or labels that are numbers, in the order of the numbers.
    """

    repair_iob2: bool = False
    max_words: int = 5000
    task: str = "ner"
    tag_scheme: str = tag_schemes.IOB2
    token_column: str = ""
    tag_column: str = ""
    text_field: str = ""
    tag_names: tuple[str, ...] = ()


ASK_FOR_CLASSES = "One class for each text? Then --task=classification."
_MEND = "Mend the tag, or name the scheme where it is another: --tag_scheme."
AS_WRITTEN = Rules()  # nothing is said of the file


def check_words(example: Example, max_words: int) -> None:
    """Raises a DataError for more words than a sentence may have."""
    if len(example.words) > max_words:
        apart = "an empty line after each" if example.line_per_word else "one a line"
        raise line_error(
            example.path,
            example.line,
            f"{len(example.words):,} words, and a sentence may have {max_words:,} (--max_words): "
            f"split documents into sentences, {apart}.",
            words=" ".join(example.words[:12]) + " ...",
        )


def in_iob2(example: Example, scheme: str, repair: bool) -> Example:
    """The example with its tags in IOB2.

    Args:
        example: of a tagged file.
        scheme: of its tags.
        repair: whether an orphan I- tag becomes a B- tag.

    Raises:
        DataError: a tag is none of the scheme, or continues no entity.
    """
    try:
        tags = tag_schemes.to_iob2(example.tags, scheme)
    except SchemeError as error:
        raise _broken(example, error.word, f"{error.rule} {_MEND}") from error
    repaired = 0
    for i, tag in enumerate(tags):
        if not TAG.fullmatch(tag):
            rule = (
                "an unknown tag. Tags are IOB2 (O, B-TYPE or I-TYPE), or all of another scheme "
                "(--tag_scheme). A header line is known by its names: --token_column=NAME "
                "--tag_column=NAME."
            )
            raise _broken(example, i, rule)
        previous = tags[i - 1] if i else "O"
        if tag[0] == "I" and (previous == "O" or previous[2:] != tag[2:]):
            if not repair:
                raise line_error(
                    example.path,
                    example.line_of(i),
                    f"{tag} after {previous} continues no entity (IOB2 starts one with B-). "
                    "--repair_iob2 turns such tags into B-.",
                    tags=" ".join(tags),
                )
            tags[i] = f"B-{tag[2:]}"
            repaired += 1
    return replace(example, tags=tags, repaired=repaired)


def _broken(example: Example, word: int, rule: str) -> DataError:
    received = {"tag": example.tags[word], "token": example.words[word]}
    return line_error(example.path, example.line_of(word), rule, **received)

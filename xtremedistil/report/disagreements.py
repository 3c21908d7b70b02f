"""The sentences on which teacher and student disagree most, read and shown by language."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from xtremedistil.report.collected import Result, read_object
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError

DISAGREEMENTS = "disagreements.json"
_WHO = ("true", "teacher", "student")
Sentence = Mapping[str, Sequence[str]]  # words, and what each of `_WHO` says


def read_disagreements(result: Result) -> dict[str, list[Sentence]]:
    """The sentences on which a run's teacher and student disagree most, by language.

    Args:
        result: the run; one without the file has none.

    Returns:
        By language, sentences with `words`, and a tag per word (or one class for the whole text) as
        `true`, `teacher` and `student`.

    Raises:
        ArtifactError: the file is not what a run writes.
    """
    path = os.path.join(result.folder, DISAGREEMENTS)
    if not files.exists(path):
        return {}
    by_language = read_object(path)
    for language, sentences in by_language.items():
        for sentence in sentences if isinstance(sentences, list) else [sentences]:
            if not _is_whole(sentence):
                raise ArtifactError(
                    f"{path} ({language}): each sentence has words, and a tag per word or one "
                    f"class as true, teacher and student. Received: {sentence!r}"
                )
    return by_language


def _is_whole(sentence: Any) -> bool:
    if not isinstance(sentence, dict):
        return False
    parts = [sentence.get(name) for name in ("words", *_WHO)]
    if not all(isinstance(part, list) and all(isinstance(x, str) for x in part) for part in parts):
        return False
    words, *said = map(len, parts)
    return set(said) in ({words}, {1})


def to_html(by_language: Mapping[str, Sequence[Sentence]]) -> str:
    """A part of a page that folds by language; every text is escaped.

    Args:
        by_language: of `read_disagreements`.
    """
    return "\n".join(
        f"<details><summary>{escape(language or 'no language')} ({len(sentences)})</summary>\n"
        f"<ol>\n{''.join(_item(language, s) for s in sentences)}</ol></details>"
        for language, sentences in by_language.items()
    )


def _item(language: str, sentence: Sentence) -> str:
    words, said = sentence["words"], [sentence[name] for name in _WHO]
    if len(said[0]) != len(words):  # one class for the whole text
        marked, rows = [escape(word) for word in words], [("(text)", *(s[0] for s in said))]
    else:
        rows = [row for row in zip(words, *said) if row[2] != row[3]]
        marked = [
            escape(word) if teacher == student else f"<mark>{escape(word)}</mark>"
            for word, _, teacher, student in zip(words, *said)
        ]
    cells = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>\n" for row in rows
    )
    heads = "".join(f"<th>{name}</th>" for name in ("word", *_WHO))
    return (
        f'<li><p dir="auto" lang="{escape(language)}">{" ".join(marked)}</p>\n'
        f"<table><tr>{heads}</tr>\n{cells}</table></li>\n"
    )

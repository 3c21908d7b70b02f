"""The sentences on which teacher and student disagree most, as a page shows them."""

import os
from dataclasses import dataclass

from xtremedistil.report.result import Result
from xtremedistil.report.schema import DISAGREEMENTS, Sentence
from xtremedistil.report.table import MISSING
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.runtime.typed_json import read


@dataclass(frozen=True)
class ShownSentence:
    """A sentence on a page.

    Attributes:
        words: each with whether the two disagree on it.
        rows: a word, and what is true of it, and the teacher and the student say; of a text that
            has one class, one row.
    """

    words: list[tuple[str, bool]]
    rows: list[tuple[str, str, str, str]]


def read_disagreements(result: Result) -> dict[str, list[ShownSentence]]:
    """The sentences on which a run's teacher and student disagree most, by language.

    Args:
        result: the run; one without the file has none.

    Raises:
        ArtifactError: the file is not what a run writes.
    """
    path = os.path.join(result.folder, DISAGREEMENTS)
    if not files.exists(path):
        return {}
    by_language = read(dict[str, list[Sentence]], path)
    return {
        language: [_shown(sentence, f"{path}: {language}") for sentence in sentences]
        for language, sentences in by_language.items()
    }


def _shown(sentence: Sentence, where: str) -> ShownSentence:
    words, true = sentence.words, sentence.true or [MISSING] * len(sentence.teacher)
    said = (true, sentence.teacher, sentence.student)
    lengths = {len(tags) for tags in said}
    if lengths not in ({len(words)}, {1}):
        raise ArtifactError(
            f"{where}: a sentence has a tag per word, or one class, as true, teacher and student. "
            f"Received: {sentence}"
        )
    if lengths != {len(words)}:
        return ShownSentence([(word, False) for word in words], list(zip(["(text)"], *said)))
    rows = list(zip(words, *said))
    differing = [teacher != student for _, _, teacher, student in rows]
    shown = [row for row, differs in zip(rows, differing) if differs]
    return ShownSentence(list(zip(words, differing)), shown)

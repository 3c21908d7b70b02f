"""The test sentences on which teacher and student disagree most."""

from collections.abc import Sequence

import numpy as np

from xtremedistil.data.formats import Example
from xtremedistil.data.labeled import split_examples
from xtremedistil.data.ragged import Ragged
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.scores import Scored
from xtremedistil.report.schema import Sentence
from xtremedistil.scoring.predictions import word_tags

_SHOWN = 20  # sentences of a language


def test_examples(run: Run, split: str) -> list[Example]:
    """The words of a run's test sentences, which are those of a split: its files are read for
    them."""
    return split_examples(
        run.read_data, run.sources, run.data.prepare_labeled(), run.parts.labeled.folder, split
    )


def find_disagreements(
    run: Run,
    examples: Sequence[Example],
    test: Ragged,
    teacher: Scored | None,
    student: Scored,
) -> dict[str, list[Sentence]]:
    """The test sentences on which teacher and student disagree most, by language.

    For the eyes of whoever owns the data: it stays in the run's folder.

    Args:
        run: that both are of.
        examples: of `test_examples`.
        test: the same test sentences, encoded.
        teacher, student: what they make of it. None for the teacher where `test` is held-out text
            without labels, which has the teacher's answers in their place: nothing is then true.
    """
    true, taught, learned = _said(run, test, teacher, student)
    differing = np.array([sum(a != b for a, b in zip(*pair)) for pair in zip(taught, learned)])
    shown: dict[str, list[Sentence]] = {}
    for number, name in enumerate(run.data.prepare_labeled()["languages"]):
        rows = np.flatnonzero((test.sentences["language"] == number) & (differing > 0))
        chosen = rows[np.argsort(-differing[rows], kind="stable")][:_SHOWN]
        shown[name] = [
            Sentence(
                words=list(examples[row].words),
                true=true[row] if teacher else [],
                teacher=taught[row],
                student=learned[row],
            )
            for row in chosen
        ]
    return {name: found for name, found in shown.items() if found}


def _said(run: Run, test: Ragged, teacher: Scored | None, student: Scored) -> list[list[list[str]]]:
    """The labels, and what both say: a tag per word, or one class per text."""
    labels = run.data.read_labels()
    rows = test.pieces if labels.task == "ner" else test.sentences
    taught = teacher.classes if teacher else rows["labels"]
    said = (rows["labels"], taught, student.classes)
    if labels.task == "ner":
        return [word_tags(classes, test, labels) for classes in said]
    return [[[labels.names[i]] for i in classes] for classes in said]

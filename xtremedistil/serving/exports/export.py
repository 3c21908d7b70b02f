"""Exports of a student, each compared with the student before it is handed over."""

import itertools
import os
from typing import Any

from xtremedistil.data.formats import AUTO, Example, Rules, detect_format, read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir
from xtremedistil.runtime import files
from xtremedistil.serving.exports.card import write_card
from xtremedistil.serving.exports.check import compare
from xtremedistil.serving.exports.options import ExportOptions
from xtremedistil.serving.exports.registry import EXPORTS
from xtremedistil.serving.python.keras_network import KerasNetwork
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.students.folder import StudentFolder, student_in

_CHECKED_TEXTS = 1000


def export(options: ExportOptions) -> dict[str, Any]:
    """Writes an export and compares it with its student.

    Returns:
        What `check.compare` found.

    Raises:
        ArtifactError: the student's folder is damaged.
        ConfigError: the student has no such export, or a library is not installed.
        DataError: the labeled file is damaged.
    """
    made = EXPORTS[options.format]
    made.check_installed()
    folder = student_in(options.model)
    student = StudentFolder.load(folder)
    made.check_student(student.shape)
    examples = _examples(options, student.shape.task)
    part = files.beside(options.output_dir, "new")
    files.remove(part)
    try:
        names = made.write(student, part, options.settings)
        window = student.shape.kind.window
        whole = Predictor(student.codec, KerasNetwork(folder), window)
        exported = Predictor(student.codec, made.open(part, 0), made.window or window)
        # the labels of the embedded corpus are not the student's
        found = compare(whole, exported, examples, labeled=bool(options.data))
        write_card(made, student, part, options.settings, found, names)
        files.remove(options.output_dir)
        files.rename(part, options.output_dir)
    finally:
        files.remove(part)
    return found


def _examples(options: ExportOptions, task: str) -> list[Example]:
    if options.data:
        rules = Rules(task=task, tag_scheme=AUTO)
        kind = detect_format(options.data, task, rules=rules)
        examples = read_examples(options.data, kind, rules=rules)
        return list(itertools.islice(examples, _CHECKED_TEXTS))
    each = -(-_CHECKED_TEXTS // len(LANGUAGES))
    paths = (os.path.join(corpus_dir(), language, "test.tsv.xz") for language in LANGUAGES)
    parts = (itertools.islice(read_examples(path, "conll"), each) for path in paths)
    return list(itertools.islice(itertools.chain.from_iterable(parts), _CHECKED_TEXTS))

"""A fine-tuned teacher and raw text to a student, in one call."""

import dataclasses
import difflib
import os
from collections.abc import Iterable
from typing import Any

from xtremedistil.config import Config, options
from xtremedistil.experiments.main import execute
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError, DataError
from xtremedistil.serving.load import load
from xtremedistil.serving.python.predictor import Predictor

_TEXTS = "texts.txt"
_OWN = ("teacher", "transfer_file", "output_dir")  # options that have an argument of their own


def distil(
    teacher: str, texts: str | os.PathLike[str] | Iterable[str], output_dir: str, **given: Any
) -> Predictor:
    """Distils a teacher that has a head for the task from unlabeled text.

    Args:
        teacher: a model folder or a hub name.
        texts: a file, one text a line; or the texts, which are written to `output_dir` once.
        output_dir: of the run; a run that was stopped goes on from there.
        **given: further options of a run, by the names of their flags.

    Returns:
        The student, ready for text.

    Raises:
        ConfigError: an unknown option, or a value that is not legal.
        XtremeDistilError: whatever else is wrong, of the kind that fits.
    """
    known = options()
    for name in given:
        if name not in known or name in _OWN:
            near = difflib.get_close_matches(name, set(known) - set(_OWN), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"no such option: options are the flags of run_distil.py.{hint} Received: {name}="
            )
    if given.get("stage", "all") != "all":
        raise ConfigError(f"a student is there after stage=all. Received: stage={given['stage']!r}")
    if given.get("plan"):
        raise ConfigError("a plan makes no student: run_distil.py has --plan. Received: plan=True")
    output_dir = os.fspath(output_dir)
    if isinstance(texts, (str, os.PathLike)):
        path = os.fspath(texts)
    else:
        path = os.path.join(output_dir, _TEXTS)
        _write_texts(texts, path)
    values: dict[str, dict[str, Any]] = {}
    own = dict(zip(_OWN, (os.fspath(teacher), (path,), output_dir), strict=True))
    for name, value in {**given, **own}.items():
        values.setdefault(known[name][0], {})[name] = value
    sections = {field.name: field.type for field in dataclasses.fields(Config)}
    execute(Config(**{name: sections[name](**own) for name, own in values.items()}))
    return load(output_dir)


def _write_texts(texts: Iterable[str], path: str) -> None:
    """Writes texts one a line; a text's own ends of lines become spaces.

    Raises:
        DataError: one of them is no text.
    """
    files.make_folder(os.path.dirname(path))
    with files.writing(path) as file:
        for number, text in enumerate(texts, 1):
            if not isinstance(text, str):
                raise DataError(f"texts must be strings. Received: text {number} is {text!r:.80}")
            file.write((" ".join(text.splitlines()) + "\n").encode("utf-8", "replace"))

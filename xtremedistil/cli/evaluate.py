"""The command that scores: a student, an export or a teacher, alone or beside another."""

import dataclasses
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtremedistil.cli.output import Results
from xtremedistil.cli.predictors import PredictorOptions, open_predictor
from xtremedistil.cli.programs import quiet_tensorflow
from xtremedistil.config import DataConfig
from xtremedistil.config.option import field_of, option
from xtremedistil.runtime.errors import ConfigError

if TYPE_CHECKING:
    from xtremedistil.serving.python.predictor import Predictor


@dataclass(frozen=True)
class EvaluateOptions(PredictorOptions):
    """Flags of `evaluate`."""

    model: str = option("", "Folder of a student, an export, a run, or a fine-tuned teacher.")
    against: str = option("", "A second one, for the difference of both with its 95% interval.")
    data_dir: str = option("", "Folder of labeled data, as a run's; one split of it is enough.")
    split: str = option("test", "Which of its splits.", choices=("train", "dev", "test"))
    task: str = field_of(DataConfig, "task")
    data_format: str = field_of(DataConfig, "data_format")
    token_column: str = field_of(DataConfig, "token_column")
    tag_column: str = field_of(DataConfig, "tag_column")
    tag_scheme: str = field_of(DataConfig, "tag_scheme")
    tag_names: tuple[str, ...] = field_of(DataConfig, "tag_names")
    repair_iob2: bool = field_of(DataConfig, "repair_iob2")
    max_words: int = field_of(DataConfig, "max_words")


def evaluate(given: EvaluateOptions) -> Results:
    """Scores a model on labeled data, or two side by side."""
    from xtremedistil.scoring.comparison import difference_interval
    from xtremedistil.scoring.examples import evaluate as score
    from xtremedistil.scoring.examples import read_split

    folders = [given.model, *([given.against] if given.against else [])]
    predictors = [_open(given, folder) for folder in folders]
    tasks = [predictor.task for predictor in predictors]
    if len(set(tasks)) > 1:
        raise ConfigError(f"both models must have one task. Received: {' and '.join(tasks)}")
    if given.task not in (tasks[0], EvaluateOptions.task):
        raise ConfigError(
            f"the model's task is {tasks[0]}. Received: task={given.task} model={given.model!r}"
        )
    names = {field.name for field in dataclasses.fields(DataConfig)}
    asked = {name: value for name, value in vars(given).items() if name in names}
    examples = read_split(DataConfig(**asked | {"task": tasks[0]}), given.split)
    found = [score(predictor, examples) for predictor in predictors]
    name = "f1" if tasks[0] == "ner" else "accuracy"
    lines = _table([one.scores[name] for one in found])
    lines += [
        f"{name} {_shown(one.scores[name])}, {len(examples):,} sentences"
        + (f": {folder}" if given.against else "")
        for folder, one in zip(folders, found, strict=True)
    ]
    if not given.against:
        return Results("\n".join(lines), found[0].scores)
    interval = difference_interval(*(one.counts for one in found), found[0].language)
    lines.append(_difference(name, interval))
    content = {
        "models": {
            folder: one.scores for folder, one in zip(("model", "against"), found, strict=True)
        },
        "difference": interval,
    }
    return Results("\n".join(lines), content)


def _open(given: EvaluateOptions, folder: str) -> "Predictor":
    from xtremedistil.serving.load import holds_student
    from xtremedistil.teachers.checkpoint import is_model_folder

    teachers = folder, os.path.join(folder, "teacher")
    if not folder or holds_student(folder) or not any(map(is_model_folder, teachers)):
        return open_predictor(dataclasses.replace(given, model=folder))
    quiet_tensorflow()
    from xtremedistil.experiments.teacher_predictor import load

    return load(folder, given.task)


def _table(scores: list[dict[str, Any]]) -> list[str]:
    """A line for each language, with a column for each model."""
    return [
        f"{language or 'all':8} "
        + " ".join(f"{_number(s['per_language'][language]):>6}" for s in scores)
        for language in scores[0]["per_language"]
    ]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _shown(scores: dict[str, Any]) -> str:
    from xtremedistil.report.schema import shown_score

    return shown_score(scores["mean"], scores["std"])


def _difference(name: str, interval: dict[str, float] | None) -> str:
    if interval is None:
        return "difference undefined: nothing is there to be found"
    text = "difference {percent:+.2f} {name} (95% interval {low:+.2f} to {high:+.2f})"
    more = "" if interval["low"] > 0 or interval["high"] < 0 else ": not told apart by this data"
    return text.format(name=name, **interval) + more

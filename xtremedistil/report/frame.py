"""All runs as one frame: a row for each, and what tables and figures are made of as columns.

A flag's column has its name on the command line (`--dropout`). A score in one language is
`student/de`, one after a step of D4.2 `2/BiLSTM`, and its standard deviation across languages
`2/BiLSTM std`. Whatever a run does not have is None.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from xtremedistil.report.libraries import pd
from xtremedistil.report.published import published_table
from xtremedistil.report.result import SEEDS, Result, shown
from xtremedistil.report.schema import (
    LABELED,
    METRICS,
    STUDENT,
    TEACHER,
    TEST,
    Hardware,
    Latency,
    RunResults,
    Score,
    Step,
    TeacherResults,
)

BATCHES = ("batch_32", "batch_1")
# What tables and figures ask for, and a run, such as one that is not done, may lack.
_ASKED = (
    *("id", "done", "timed", "size", "size_flags", "--student", "--teacher_per_language"),
    *("seeds", "metric", "dataset", "test_set", "teacher_name", "teacher_made", "hardware"),
    *("student", "student std", "teacher", "teacher std", "strict", "unseen", "unknown_pieces"),
    *("agreement", "words alike"),
    *("retained", "retained low", "retained high", "minutes", "train", "test", "transfer"),
    *("parameters", "teacher_parameters", "compression", "classes"),
    *(f"{who}_{batch}" for who in (STUDENT, TEACHER, "speedup") for batch in BATCHES),
    *("--task", "--strategy", "--data_dir", "--teacher", "--labeled_per_language", "--dropout"),
    *("--transfer_per_language", "--batch_size", "--teacher_layer", "--embeddings"),
    *("--embedding_dim", "--hidden_size", "--depth"),
)
_NEWEST = {"head": ("Linear", "Softmax"), "encoder": ("BiLSTM",), "embeddings": ("Word Emb",)}


def frame_of(results: Iterable[Result]) -> pd.DataFrame:
    """The frame of some runs.

    Args:
        results: planned and done, each with an id of its own.

    Returns:
        A row for each, by its id; scores in percent, parameters in millions, latency in
        milliseconds.
    """
    results = list(results)
    rows = [_row(result) for result in results]
    frame = pd.DataFrame(rows, index=[result.id for result in results], dtype=object)
    frame = frame.reindex(columns=[*frame, *(name for name in _ASKED if name not in frame)])
    frame = frame.astype(object)
    return frame.where(frame.notna(), None).astype({"done": bool, "timed": bool}).copy()


def _row(result: Result) -> dict[str, Any]:
    row = {
        "id": result.id,
        "dataset": _dataset(result.flags),
        "done": result.done,
        "timed": result.timed is not None,
        "size": tuple(result.size.values()) or None,
        "size_flags": tuple(result.size) or None,
        **{f"--{name}": _hashable(value) for name, value in result.flags.items()},
    }
    if result.done:
        row |= _measured(result.values)
    if isinstance(result.values, RunResults):
        row |= _distilled(result.values)
    if result.timed:
        row |= _costs(result.timed.parameters, result.timed.compression, result.timed.latency)
    return row


def _dataset(flags: Mapping[str, Any]) -> str:
    """The name of what a run read: of its folder, or of its files of text."""
    paths = [flags.get("data_dir")] if flags.get("data_dir") else flags.get("transfer_file") or ()
    names = [os.path.basename(path.rstrip("/")) for path in paths if path]
    return ", ".join(names) or "embedded sample corpus"


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _measured(values: TeacherResults) -> dict[str, Any]:
    """What every run that is done has."""
    score, made, data = values.teacher.score, values.fingerprints, values.data
    sizes = {split: sum(own.values()) for split, own in data.sentences_per_language.items()}
    train = data.sentences_per_language.get("train", {})
    parameters = values.teacher.parameters
    return {
        "seeds": tuple(values.seeds.get(name) for name in SEEDS),
        "metric": METRICS[values.task],
        "test_set": made.get(TEST) or f"that of labeled data {made.get(LABELED)}",
        "teacher_name": shown(values.teacher.name) or "unnamed",
        "teacher_made": made.get(TEACHER) or str(values.seeds),
        "teacher_parameters": parameters / 1e6 if parameters else None,
        "hardware": _machine(values.hardware),
        **_score("teacher", score),
        "train": sizes.get("train"),
        "test": sizes.get("test"),
        "transfer": data.transfer.sentences if data.transfer else None,
        **{f"train/{name}": value for name, value in train.items()},
    }


def _score(who: str, score: Score | None) -> dict[str, Any]:
    """A score's columns; none where there is no score."""
    if score is None:
        return {}
    named = {f"{who}/{name}": value for name, value in score.per_language.items()}
    return {who: score.mean, f"{who} std": score.std, **named}


def _machine(there: Hardware) -> str:
    cores = "?" if there.cores is None else there.cores
    gpus = ", ".join(there.gpus) or "no GPU"
    return f"{there.cpu or 'CPU not recorded'}, {cores} cores, {gpus}"


def _distilled(values: RunResults) -> dict[str, Any]:
    """What a run with a student has."""
    student, agreement, unseen = values.student, values.agreement, values.unseen.student
    low, high = values.retained_interval or (None, None)
    words = agreement.word_accuracy if agreement else None
    return {
        **_score("student", student.score),
        **_score("agreement", agreement.score if agreement else None),
        "words alike": words.mean if words else None,
        "strict": student.f1_strict.mean if student.f1_strict else None,
        "unseen": unseen.mean if unseen else None,
        "unknown_pieces": values.unknown_piece_rate,
        "retained": values.retained,
        "retained low": low,
        "retained high": high,
        "minutes": values.seconds / 60,
        "classes": student.shape.get("classes"),
        **_costs(student.parameters, values.compression, values.latency),
        **_steps(values.steps),
    }


def _costs(parameters: int, compression: float, latency: Latency) -> dict[str, float]:
    costs = {"parameters": parameters / 1e6, "compression": compression}
    for batch in latency.student.keys() & latency.teacher.keys():
        student, teacher = latency.student[batch].median, latency.teacher[batch].median
        costs |= {
            f"student_{batch}": student,
            f"teacher_{batch}": teacher,
            f"speedup_{batch}": teacher / student,
        }
    return costs


def _steps(steps: Iterable[Step]) -> Mapping[str, float]:
    """The scores after the steps that Table 4 lists; the first of a name counts."""
    found: dict[str, float] = {}
    for stage, layer in published_table(4)[["stage", "layer"]].itertuples(index=False):
        for step in steps:
            layers = _NEWEST.get(step.newest, (step.newest.capitalize(),))
            if step.stage == stage and layer in layers and step.score:
                found[f"{stage}/{layer}"] = step.score.mean
                found[f"{stage}/{layer} std"] = step.score.std
                break
    return found


def languages(runs: pd.DataFrame, who: str) -> list[str]:
    """The languages in which the `teacher` or the `student` of some runs was scored."""
    named = runs.filter(regex=f"^{who}/").dropna(axis="columns", how="all")
    return [name.split("/", 1)[1] for name in named]


def of_task(runs: pd.DataFrame, task: str, teacher_per_language: bool = False) -> pd.DataFrame:
    """The runs of a task, planned and done; a planned one whose task is not known is among them.

    Args:
        runs: of `frame_of`.
        task: `ner` or `classification`.
        teacher_per_language: those of one teacher per language, which have no student, instead of
            those that distil.
    """
    fitting = runs["--task"].isin([task]) | runs["--task"].isna()
    return runs[fitting & (runs["--teacher_per_language"] == teacher_per_language)]

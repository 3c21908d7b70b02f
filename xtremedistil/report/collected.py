"""What a report reads: the results of one run, or of a sweep as far as it has got.

A run that is planned and not done stands beside the others with no values, so that a table can show
its place as missing. Nothing here computes a score, and nothing needs TensorFlow.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError

RESULTS, SWEEP, LATENCY = "results.json", "sweep.json", "latency.json"
_SECTIONS = ("data", "teacher", "student", "distillation")
_RUN_FLAGS = ("jit_compile", "mixed_precision")  # of the section `run`, those that touch numbers
_SEEDS = ("seed", "teacher_seed", "data_seed")
_DEFAULTS = {"student": "bilstm", "embeddings": "svd", "teacher_per_language": False}
_METRICS = {"ner": "f1", "classification": "accuracy"}
_SCORE = {"mean", "std", "per_language"}


@dataclass(frozen=True)
class Result:
    """One run: what it was asked, and what came out.

    Attributes:
        id: its name in the sweep, or its folder's.
        flags: its flags by name; of a run that is not done, those that are known.
        values: the content of its `results.json`; None while it is not done.
        axes: what its sweep varies.
        folder: where it lives.
        timed: its `parameters`, `compression` and `latency` as measured for its sweep's
            `latency.json`; None without one.
    """

    id: str
    flags: Mapping[str, Any]
    values: Mapping[str, Any] | None = None
    axes: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    timed: Mapping[str, Any] | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.values is not None

    @property
    def metric(self) -> str:
        """`f1` or `accuracy`."""
        return _METRICS[self.values["task"]]

    def score(self, who: str) -> Mapping[str, Any]:
        """Mean, std and per_language of the `teacher` or the `student`, in percent."""
        return self.values[who][self.metric]

    def latency(self, who: str, batch: str) -> float | None:
        """Median milliseconds of the `teacher` or the `student` for a batch such as `batch_32`."""
        source = self.timed or self.values or {}
        return source.get("latency", {}).get(who, {}).get(batch, {}).get("median")

    @property
    def parameters(self) -> int | None:
        """Weights of the deployed student."""
        if self.timed:
            return self.timed.get("parameters")
        return ((self.values or {}).get("student") or {}).get("parameters")

    @property
    def compression(self) -> float | None:
        """The teacher's weights over the student's."""
        return (self.timed or self.values or {}).get("compression")

    @property
    def dataset(self) -> str:
        """The name of its data: of the data folder, or of the embedded corpus."""
        folder = (self.flags.get("data_dir") or "").rstrip("/")
        return os.path.basename(folder) or "embedded sample corpus"

    @property
    def teacher(self) -> str:
        """The name of its teacher, without the path to it."""
        return shown(str(self.values["teacher"].get("name", ""))) or "unnamed"

    @property
    def transfer_size(self) -> int | None:
        """Sentences of its transfer set."""
        return self.values.get("data", {}).get("transfer", {}).get("sentences")

    def sentences(self, split: str) -> int:
        """Sentences of a split, in all languages."""
        return sum(self.sentences_per_language(split).values())

    def sentences_per_language(self, split: str) -> Mapping[str, int]:
        """Sentences of a split by language."""
        return self.values.get("data", {}).get("sentences_per_language", {}).get(split, {})

    @property
    def test_set(self) -> str:
        """What stands for the test set: results with different ones do not compare."""
        prints = self.values.get("fingerprints", {})
        return prints.get("test") or f"that of labeled data {prints.get('labeled data')}"

    @property
    def seeds(self) -> tuple[Any, ...]:
        """The seeds of the student, the teacher and the data."""
        seeds = self.values.get("seeds", {}) if self.done else self.axes
        return tuple(seeds.get(name) for name in _SEEDS)

    @property
    def setting(self) -> dict[str, Any]:
        """All flags that decide the numbers, seeds left out: runs with equal ones are averaged."""
        return {name: value for name, value in self.flags.items() if name not in _SEEDS}


@dataclass(frozen=True)
class Collected:
    """All results of a folder.

    Attributes:
        name: the sweep's name, or the run's folder's.
        results: the runs, planned and done, in the sweep's order.
        sweep: whether it is a sweep.
        chosen: by strategy, the weights of joint losses that the sweep chose on the development
            set.
    """

    name: str
    results: tuple[Result, ...]
    sweep: bool = False
    chosen: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @cached_property
    def done(self) -> tuple[Result, ...]:
        """The runs that have ended."""
        return tuple(result for result in self.results if result.done)

    @property
    def progress(self) -> str:
        """How far a sweep has got, such as `7 of 16 runs done`."""
        return f"{len(self.done)} of {len(self.results)} runs done"

    def of_task(self, task: str, teacher_per_language: bool = False) -> list[Result]:
        """The runs of a task, planned and done; a planned one whose task is not known is among
        them.

        Args:
            task: `ner` or `classification`.
            teacher_per_language: those of one teacher per language, which have no student, instead
                of those that distil.
        """
        return [
            result
            for result in self.results
            if result.flags.get("task", task) == task
            and result.flags["teacher_per_language"] == teacher_per_language
        ]


def check_one_test_set(what: str, results: Sequence[Result]) -> None:
    """Makes sure that results may stand in one table.

    Args:
        what: the table, for the error.
        results: those that would enter it.

    Raises:
        ArtifactError: their test sets differ.
    """
    sets: dict[str, list[str]] = {}
    for result in results:
        if result.done:
            sets.setdefault(result.test_set, []).append(result.id)
    if len(sets) > 1:
        received = "; ".join(f"test set {name}: {', '.join(ids)}" for name, ids in sets.items())
        raise ArtifactError(f"{what} holds runs scored on one test set. Received: {received}")


def shown(value: Any) -> str:
    """A flag's value for readers: of a path, its last name alone."""
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    text = str(value)
    if isinstance(value, str) and ("://" in text or text.startswith(("/", ".", "~"))):
        return os.path.basename(text.rstrip("/")) or text
    return text


def load(folder: str) -> Collected:
    """Reads a run's folder, or a sweep's.

    Args:
        folder: holds `results.json` or `sweep.json`.

    Raises:
        ArtifactError: it holds neither, or they are not what a run or a sweep writes.
    """
    name = shown(folder if "://" in folder else os.path.abspath(folder))
    if files.exists(path := os.path.join(folder, SWEEP)):
        sweep = read_object(path)
        if not isinstance(sweep.get("runs"), list):
            raise ArtifactError(f"{path} has a list of runs. Received: {sorted(sweep)}")
        timed = _read_latency(os.path.join(folder, LATENCY))
        results = tuple(
            dataclasses.replace(result, timed=timed.get(result.id))
            for result in _read_runs(path, sweep["runs"])
        )
        return Collected(str(sweep.get("name", name)), results, True, sweep.get("chosen", {}))
    if files.exists(os.path.join(folder, RESULTS)):
        return Collected(name, (_finished(name, folder, {}),))
    raise ArtifactError(
        f"{folder}: a report needs the folder of a run ({RESULTS}) or of a sweep ({SWEEP}). "
        f"Received: {', '.join(files.list_folder(folder)[:8]) or 'nothing there'}"
    )


def _finished(id: str, folder: str, axes: Mapping[str, Any]) -> Result:
    path = os.path.join(folder, RESULTS)
    values = read_object(path)
    config = values.get("config", {})
    flags = {name: value for part in _SECTIONS for name, value in config.get(part, {}).items()}
    flags |= {name: config["run"][name] for name in _RUN_FLAGS if name in config.get("run", {})}
    flags = {**_DEFAULTS, **flags, "task": values.get("task")}
    metric = _METRICS.get(str(values.get("task")))
    for who in ("teacher",) if flags["teacher_per_language"] else ("teacher", "student"):
        score = (values.get(who) or {}).get(metric)
        if not isinstance(score, dict) or not set(score) >= _SCORE:
            raise ArtifactError(
                f"{path}: a finished run has a task, and the {who}'s score with its mean, std and "
                f"per_language. Received: task={values.get('task')!r} {metric}={score!r}"
            )
    return Result(id, flags, values, axes, folder)


def _read_runs(path: str, runs: Sequence[Any]) -> tuple[Result, ...]:
    results: dict[str, Result] = {}
    for run in runs:
        whole = isinstance(run, dict) and all(isinstance(run.get(n), str) for n in ("id", "folder"))
        if not whole or not isinstance(run.get("axes", {}), dict) or run["id"] in results:
            raise ArtifactError(
                f"{path}: each run has an id of its own, a folder, and axes by flag. Received: "
                f"{run!r}"
            )
        id, axes = run["id"], run.get("axes", {})
        folder = os.path.join(os.path.dirname(path), run["folder"])
        done = files.exists(os.path.join(folder, RESULTS))
        results[id] = _finished(id, folder, axes) if done else Result(id, {}, None, axes, folder)
    common = _common([result.flags for result in results.values() if result.done])
    return tuple(
        result
        if result.done
        else Result(result.id, {**common, **result.axes}, None, result.axes, result.folder)
        for result in results.values()
    )


def _read_latency(path: str) -> Mapping[str, Any]:
    """By run, what `timing.time_sweep` wrote; empty where it did not."""
    if not files.exists(path):
        return {}
    runs = read_object(path).get("runs")
    if not isinstance(runs, dict) or not all(isinstance(run, dict) for run in runs.values()):
        raise ArtifactError(f"{path}: `runs` is an object by run. Received: runs={runs!r}")
    return runs


def _common(flags: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The flags that all of some runs have with the same value: what a planned run will have."""
    first = flags[0] if flags else {}
    same = {n: value for n, value in first.items() if all(f.get(n) == value for f in flags)}
    return {**_DEFAULTS, **same}


def read_object(path: str) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        ArtifactError: the file holds anything else.
    """
    value = files.read_json(path)
    if not isinstance(value, dict):
        raise ArtifactError(f"{path} holds a JSON object. Received: {type(value).__name__}")
    return value

"""What a report reads: the results of one run, or of a sweep as far as it has got.

A run that is planned and not done stands beside the others with no values, so that a table can show
its place as missing. Nothing here computes a score, and nothing needs TensorFlow.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xtremedistil import artifacts
from xtremedistil.errors import ArtifactError

RESULTS, SWEEP = "results.json", "sweep.json"
BENCHMARK, DISAGREEMENTS = "benchmark.json", "disagreements.json"
_SECTIONS = ("data", "teacher", "student", "distillation")
_SEEDS = ("teacher_seed", "data_seed")
_DEFAULTS = {"student": "bilstm", "embeddings": "svd", "teacher_per_language": False}
_METRICS = {"ner": "f1", "classification": "accuracy"}
_TAGGINGS = ("true", "teacher", "student")


@dataclass(frozen=True)
class Result:
    """One run: what it was asked, and what came out.

    Attributes:
        id: its name in the sweep, or its folder's.
        flags: its flags by name, seeds and all; of a run that is not done, those that are known.
        values: the content of its `results.json`; None while it is not done.
        axes: what its sweep varies.
        folder: where it lives.
    """

    id: str
    flags: Mapping[str, Any]
    values: Mapping[str, Any] | None = None
    axes: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""

    @classmethod
    def of(
        cls,
        id: str,
        values: Mapping[str, Any],
        axes: Mapping[str, Any] | None = None,
        folder: str = "",
    ) -> "Result":
        """The result of a finished run.

        Args:
            id: its name.
            values: the content of its `results.json`.
            axes: what its sweep varies.
            folder: where it lives.

        Raises:
            ArtifactError: the content is not that of a finished run.
        """
        metric = _METRICS.get(str(values.get("task")))
        for who in ("teacher", "student"):
            if metric is None or metric not in values.get(who, {}):
                raise ArtifactError(
                    f"{RESULTS} of a finished run has a task, and a score of its teacher and its "
                    f"student. Received: {id} with task={values.get('task')!r}, {who} with "
                    f"{sorted(values.get(who, {}))}"
                )
        config = values.get("config", {})
        flags = {name: value for part in _SECTIONS for name, value in config.get(part, {}).items()}
        return cls(id, {**_DEFAULTS, **flags}, values, axes or {}, folder)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.values is not None

    @property
    def metric(self) -> str:
        """`f1` or `accuracy`."""
        return _METRICS[self.values["task"]]

    def score(self, who: str) -> Mapping[str, Any]:
        """Mean, std and per_language of the `teacher` or the `student`."""
        return self.values[who][self.metric]

    @property
    def dataset(self) -> str:
        """The name of its data: of the data folder, or of the embedded corpus."""
        return shown(self.flags.get("data_dir") or "") or "embedded sample corpus"

    @property
    def teacher(self) -> str:
        """The name of its teacher, without the path to it."""
        return shown(str(self.values["teacher"].get("name", "")) or "unnamed")

    @property
    def transfer_size(self) -> int | None:
        """Sentences of its transfer set."""
        return self.values.get("data", {}).get("transfer", {}).get("sentences")

    def sentences(self, split: str) -> int:
        """Sentences of a split, in all languages."""
        counts = self.values.get("data", {}).get("sentences_per_language", {})
        return sum(counts.get(split, {}).values())

    @property
    def test_set(self) -> str:
        """What stands for the test set: results with different ones do not compare."""
        prints = self.values.get("fingerprints", {})
        if "test" in prints:
            return prints["test"]
        return f"that of labeled data {prints.get('labeled data', 'unknown')}"

    @property
    def seeds(self) -> tuple[Any, ...]:
        """The seeds of the student, the teacher and the data."""
        seeds = self.values.get("seeds", {}) if self.done else self.axes
        return tuple(seeds.get(name) for name in ("seed", *_SEEDS))

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
        benchmark: the content of `benchmark.json`, if there is one.
    """

    name: str
    results: tuple[Result, ...]
    sweep: bool = False
    benchmark: Mapping[str, Any] | None = None

    @cached_property
    def done(self) -> tuple[Result, ...]:
        """The runs that have ended."""
        return tuple(result for result in self.results if result.done)

    @property
    def progress(self) -> str:
        """How far a sweep has got, such as `7 of 16 runs done`."""
        return f"{len(self.done)} of {len(self.results)} runs done"

    def of_task(self, task: str) -> list[Result]:
        """The runs of a task, those that are not done included.

        Raises:
            ArtifactError: there are runs of both tasks.
        """
        ids: dict[str, list[str]] = {}
        for result in self.done:
            ids.setdefault(result.values["task"], []).append(result.id)
        if len(ids) > 1:
            received = "; ".join(f"{name}: {', '.join(runs)}" for name, runs in ids.items())
            raise ArtifactError(f"one table holds runs of one task. Received: {received}")
        return list(self.results) if task in ids or not ids else []


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
    benchmark = None
    if artifacts.exists(path := os.path.join(folder, BENCHMARK)):
        benchmark = _json(path, "rows")
    name = os.path.basename(os.path.abspath(folder)) if "://" not in folder else shown(folder)
    if artifacts.exists(path := os.path.join(folder, SWEEP)):
        sweep = _json(path, "runs")
        return Collected(
            str(sweep.get("name", name)), _read_runs(folder, sweep["runs"]), True, benchmark
        )
    if artifacts.exists(path := os.path.join(folder, RESULTS)):
        result = Result.of(name, _json(path), folder=folder)
        return Collected(name, (result,), benchmark=benchmark)
    raise ArtifactError(
        f"{folder}: a report needs the folder of a run ({RESULTS}) or of a sweep ({SWEEP}). "
        f"Received: {', '.join(artifacts.list_folder(folder)[:8]) or 'nothing there'}"
    )


def _read_runs(folder: str, runs: Sequence[Mapping[str, Any]]) -> tuple[Result, ...]:
    results: list[Result] = []
    for run in runs:
        if not isinstance(run, dict) or not {"id", "folder"} <= set(run):
            raise ArtifactError(f"{SWEEP}: each run has an id and a folder. Received: {run!r}")
        place, axes = os.path.join(folder, run["folder"]), run.get("axes", {})
        path = os.path.join(place, RESULTS)
        if artifacts.exists(path):
            results.append(Result.of(run["id"], _json(path), axes, place))
        else:
            results.append(Result(run["id"], {**_DEFAULTS, **axes}, None, axes, place))
    common = _common([result.flags for result in results if result.done])
    return tuple(
        result
        if result.done
        else Result(result.id, {**common, **result.axes}, None, result.axes, result.folder)
        for result in results
    )


def _common(flags: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The flags that all of some runs have with the same value."""
    if not flags:
        return dict(_DEFAULTS)
    first, *others = flags
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }


def _json(path: str, needed: str | None = None) -> dict[str, Any]:
    value = artifacts.read_json(path)
    if not isinstance(value, dict) or (needed and not isinstance(value.get(needed), list)):
        rule = f"a JSON object with a list '{needed}'" if needed else "a JSON object"
        received = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise ArtifactError(f"{path} holds {rule}. Received: {received}")
    return value


def read_disagreements(result: Result) -> dict[str, list[dict[str, Any]]]:
    """The sentences on which a run's teacher and student disagree most, by language.

    Args:
        result: the run; one without the file has none.

    Raises:
        ArtifactError: the file is not what a run writes.
    """
    path = os.path.join(result.folder, DISAGREEMENTS)
    if not result.folder or not artifacts.exists(path):
        return {}
    by_language = _json(path)
    for language, entries in by_language.items():
        for entry in entries:
            words = entry.get("words", entry.get("text"))
            tags = [entry.get(name) for name in _TAGGINGS]
            whole = isinstance(words, str) and None not in tags
            if not whole and not (
                isinstance(words, list)
                and all(isinstance(t, list) and len(t) == len(words) for t in tags)
            ):
                raise ArtifactError(
                    f"{path} ({language}): a sentence has words and as many tags, or a text and "
                    f"its classes, as true, teacher and student. Received: {entry!r}"
                )
    return by_language

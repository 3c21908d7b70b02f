"""What a report reads: the results of one run, or of a sweep as far as it has got.

A run that is planned and not done stands beside the others with no values, so that a table can show
its place as missing. Nothing here computes a score, and nothing needs TensorFlow or pandas.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xtremedistil.report import schema
from xtremedistil.report.result import SEEDS, Result, shown
from xtremedistil.report.schema import RunResults, TeacherResults
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.runtime.typed_json import parse, read

if TYPE_CHECKING:
    from xtremedistil.report.libraries import pd

_SECTIONS = ("data", "teacher", "student", "distillation")
_RUN_FLAGS = ("jit_compile", "mixed_precision")  # of the section `run`, those that touch numbers
_DEFAULTS = {"student": "bilstm", "embeddings": "svd", "teacher_per_language": False}
_JOINT = ("D1", "D2", "D3.1", "D3.2")  # strategies with weights, for runs that do not say it


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

    @cached_property
    def runs(self) -> "pd.DataFrame":
        """A row for each run, as `frame.frame_of` makes it."""
        from xtremedistil.report.frame import frame_of  # reading alone needs no pandas

        return frame_of(self.results)

    @property
    def progress(self) -> str:
        """How far a sweep has got, such as `7 of 16 runs done`."""
        return f"{len(self.done)} of {len(self.results)} runs done"


def load(folder: str) -> Collected:
    """Reads a run's folder, or a sweep's.

    Args:
        folder: holds `results.json` or `sweep.json`.

    Raises:
        ConfigError: none is named.
        ArtifactError: it holds neither, or they are not what a run or a sweep writes.
    """
    if not folder:
        raise ConfigError("--folder must name a run's or a sweep's. Received: nothing")
    name = shown(folder if "://" in folder else os.path.abspath(folder))
    if files.exists(os.path.join(folder, schema.SWEEP)):
        sweep = read(schema.SweepPlan, os.path.join(folder, schema.SWEEP))
        return Collected(sweep.name or name, _read_runs(folder, sweep.runs), True, sweep.chosen)
    if files.exists(os.path.join(folder, schema.RESULTS)):
        return Collected(name, (_finished(name, folder),))
    raise ArtifactError(
        f"{folder}: a report needs the folder of a run ({schema.RESULTS}) or of a sweep "
        f"({schema.SWEEP}). Received: {', '.join(files.list_folder(folder)[:8]) or 'nothing there'}"
    )


def _read_runs(folder: str, runs: Sequence[schema.SweepRun]) -> tuple[Result, ...]:
    ids = [run.id for run in runs]
    if len(set(ids)) < len(ids):
        raise ArtifactError(
            f"{os.path.join(folder, schema.SWEEP)}: each run has an id of its own. Received: "
            f"{', '.join(ids)}"
        )
    path = os.path.join(folder, schema.LATENCY)
    timed = read(schema.SweepLatency, path).runs if files.exists(path) else {}
    done = {
        run.id: _finished(run.id, own, run.axes, timed.get(run.id))
        for run in runs
        if files.exists(os.path.join(own := os.path.join(folder, run.folder), schema.RESULTS))
    }
    common = _common([result.flags for result in done.values()])
    return tuple(
        done.get(run.id) or _planned(run, folder, common, timed.get(run.id)) for run in runs
    )


def _finished(
    id: str, folder: str, axes: Mapping[str, Any] | None = None, timed: schema.Timed | None = None
) -> Result:
    path = os.path.join(folder, schema.RESULTS)
    content = read(dict, path)
    values = parse(RunResults if schema.STUDENT in content else TeacherResults, content, f"{path}:")
    distilled = isinstance(values, RunResults)
    models = [schema.TEACHER, schema.STUDENT][: 1 + distilled]
    if distilled and values.agreement and values.retained is None:
        models = ["agreement"]  # there is no labeled test set
    for who in models:
        metric = schema.METRICS.get(values.task)
        if metric is None or getattr(getattr(values, who), metric) is None:
            raise ArtifactError(
                f"{path}: a finished run has a task ({', '.join(schema.METRICS)}) and the {who}'s "
                f"score in it. Received: task={values.task!r}, {who} {metric}=None"
            )
    flags = {n: v for part in _SECTIONS for n, v in values.config.get(part, {}).items()}
    touching = values.config.get("run", {})
    flags |= {name: touching[name] for name in _RUN_FLAGS if name in touching}
    flags = {**_DEFAULTS, **flags, "task": values.task}
    size = {}
    if isinstance(values, RunResults):
        size = values.student.size or _size(flags)
    idle = _idle(values, flags)
    flags = {name: value for name, value in flags.items() if name not in {*SEEDS, *idle}}
    return Result(id, flags, values, axes or {}, folder, size, timed)


def _idle(values: TeacherResults, flags: Mapping[str, Any]) -> set[str]:
    """The flags that do nothing in a run."""
    if isinstance(values, RunResults) and values.idle_flags is not None:
        return set(values.idle_flags)
    sizes = {name for names in schema.SIZE_FLAGS.values() for name in names}
    weights = set() if flags.get("strategy") in _JOINT else set(schema.WEIGHTS)
    return sizes - set(schema.SIZE_FLAGS.get(flags["student"], sizes)) | weights


def _size(flags: Mapping[str, Any]) -> dict[str, int]:
    names = schema.SIZE_FLAGS.get(flags["student"], ())
    return {n: flags[n] for n in names} if all(n in flags for n in names) else {}


def _planned(
    run: schema.SweepRun, folder: str, common: Mapping[str, Any], timed: schema.Timed | None
) -> Result:
    """A run with the flags that it will have as far as they are known."""
    flags = {**common, **run.size, **run.axes}
    flags = {name: value for name, value in flags.items() if name not in SEEDS}
    size = run.size or _size(flags)
    folder = os.path.join(folder, run.folder)
    return Result(run.id, flags, None, run.axes, folder, size, timed)


def _common(flags: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The flags that all of some runs have with the same value: what a planned run will have."""
    first = flags[0] if flags else {}
    same = {n: value for n, value in first.items() if all(f.get(n) == value for f in flags)}
    return {**_DEFAULTS, **same}

"""Many runs that differ in a few flags: planned, told apart by name, and shared where they agree.

Runs go through one after the other in one process. Teacher, targets and whatever steps two runs
have in common are made once, in the sweep's shared folder, and a sweep that was stopped goes on
where it stood.
"""

import contextlib
import gc
import itertools
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from absl import logging

from xtremedistil.config import Config
from xtremedistil.distil.losses import LABELS, REPRESENTATION
from xtremedistil.distil.strategies import STRATEGIES
from xtremedistil.experiments.axes import Axis, with_flags
from xtremedistil.experiments.expected import Expected, expected_seconds
from xtremedistil.experiments.finished import is_finished
from xtremedistil.experiments.main import execute
from xtremedistil.experiments.results import size_of
from xtremedistil.experiments.run import Run
from xtremedistil.report.schema import RESULTS, SWEEP, SweepPlan, SweepRun
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError, DataError
from xtremedistil.runtime.locks import run_lock
from xtremedistil.runtime.progress import nested, progress
from xtremedistil.runtime.typed_json import to_json

_WEIGHTS = ("alpha", "beta")
_EVERYTHING = 10**12  # sentences: more than any transfer set has


@dataclass(frozen=True)
class Sweep:
    """What to compare.

    Attributes:
        name: for reports.
        axes: what to vary.
        seeds: of the student.
        weights: candidates for --alpha and --beta of joint losses, chosen on the development set
            with the first seed; none to take them as they are.
    """

    name: str
    axes: Sequence[Axis]
    seeds: tuple[int, ...]
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Planned:
    """One run of a sweep.

    Attributes:
        id: its name and its folder's.
        axes: the flags that the sweep gives it.
        config: all of it.
    """

    id: str
    axes: Mapping[str, Any]
    config: Config


def plan_runs(base: Config, sweep: Sweep) -> list[Planned]:
    """The runs of a sweep, in order.

    Args:
        base: the flags that all runs share; its `output_dir` is the sweep's.
        sweep: what to vary.

    Raises:
        ConfigError: a run's flags are not legal.
    """
    out = base.run.output_dir
    shared = base.run.shared_dir or os.path.join(out, "shared")
    axes = [*sweep.axes, Axis(("seed",), tuple((seed,) for seed in sweep.seeds))]
    common = {
        "shared_dir": shared,
        "vocabulary_transfer": _vocabulary(base, axes),
        "export": False,  # a quarter of a minute each; `student/` can be exported later
    }
    runs = []
    for values in itertools.product(*(axis.values for axis in axes)):
        flags = {n: v for axis, row in zip(axes, values) for n, v in zip(axis.names, row)}
        name = "_".join(_words(v) for n, v in flags.items() if n != "seed")
        id = "_".join(filter(None, [name, f"seed{flags['seed']}"]))
        folder = {"output_dir": os.path.join(out, "runs", id)}
        runs.append(Planned(id, flags, with_flags(base, common | flags | folder)))
    if len({run.id for run in runs}) < len(runs):
        raise ConfigError(f"--vary gives a run twice. Received: {', '.join(r.id for r in runs)}")
    return runs


def _vocabulary(base: Config, axes: Sequence[Axis]) -> int:
    """One comparison has one vocabulary, that of its largest transfer set."""
    sizes = [
        row[axis.names.index("transfer_per_language")]
        for axis in axes
        if "transfer_per_language" in axis.names
        for row in axis.values
    ]
    if not sizes:
        return base.data.vocabulary_transfer
    return _EVERYTHING if 0 in sizes else max(sizes)


def _words(value: Any) -> str:
    text = "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return os.path.basename(text.rstrip("/"))


def run_sweep(base: Config, sweep: Sweep, plan_only: bool = False) -> str:
    """Runs what is not done yet; says what that is before it starts.

    Args:
        base: as in `plan_runs`.
        sweep: what to vary.
        plan_only: stop after the plan.

    Returns:
        The path of `sweep.json`, which lists the runs for reports.

    Raises:
        ArtifactError: a run's folder holds results of other flags, and --overwrite was not given.
        XtremeDistilError: a run's flags, data or teacher are not as they must be; found for all
            runs before the first starts.
    """
    if base.run.plan:
        raise ConfigError("a sweep is planned with --plan_only. Received: plan=True")
    out = base.run.output_dir
    with run_lock(out):
        runs = plan_runs(base, sweep)
        weighed = _to_weigh(runs, sweep)
        done = {run.id for run in weighed if is_finished(run.config)}
        chosen = _choose(weighed, done)
        done |= {run.id for run in runs if is_finished(*_final(run, weighed, chosen))}
        path = os.path.join(out, SWEEP)
        _write(path, sweep, runs, chosen)
        expected = expected_seconds([*weighed, *runs], done)
        logging.info("%s", describe_plan(sweep, runs, weighed, expected))
        if plan_only:
            return path
        with _one_line(), progress(sweep.name, round(expected.total), "s of work") as bar:
            for run in weighed:
                if run.id not in done:
                    _in_turn(bar, run, expected, lambda run=run: _weigh(run.config))
            chosen = _choose(weighed, {run.id for run in weighed})
            _write(path, sweep, runs, chosen)
            for run in runs:
                config, _ = _final(run, weighed, chosen)
                if not is_finished(config):
                    _in_turn(bar, run, expected, lambda config=config: execute(config))
        return path


def _final(
    run: Planned, weighed: Sequence[Planned], chosen: Mapping[str, Mapping[str, float]]
) -> tuple[Config, tuple[str, ...]]:
    """A run's config with the weights that were chosen for it, and the names of those that are not
    chosen yet."""
    strategy = run.config.distillation.strategy
    if strategy in chosen:
        return with_flags(run.config, chosen[strategy]), ()
    waits = any(tried.config.distillation.strategy == strategy for tried in weighed)
    return run.config, _WEIGHTS if waits else ()


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """Leaves the terminal to the sweep's progress line."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _in_turn(bar: Any, run: Planned, expected: Expected, work: Callable[[], object]) -> None:
    """Does one run's work, and moves the sweep's line on."""
    files.remove(os.path.join(run.config.run.output_dir, RESULTS))  # of other flags, if any
    with nested(bar, run.id, expected.seconds[run.id], expected.parts.get(run.id, {})):
        work()
    keras.utils.clear_session()  # else the graphs of every run so far stay in memory
    gc.collect()


def describe_plan(
    sweep: Sweep, runs: Sequence[Planned], weighed: Sequence[Planned], expected: Expected
) -> str:
    """The plan as text: runs, shared parts, expected time."""
    lines = [expected.understood] if expected.understood else []
    lines.append(f"sweep {sweep.name}: {len(runs)} runs, about {_duration(expected.total)} in all")
    if weighed:
        lines.append(
            f"{len(weighed)} more runs choose --alpha and --beta on the development set, from "
            f"{', '.join(map(str, sweep.weights))}"
        )
    shared = ", ".join(f"{number} {name}" for name, number in expected.shared.items())
    lines.append(f"made once and used by several runs: {shared or 'nothing'}")
    lines.append(f"expected from steps measured now: {expected.basis}")
    for run in [*weighed, *runs]:
        seconds = expected.seconds[run.id]
        lines.append(f"  {run.id:50} {'done' if not seconds else _duration(seconds):>12}")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.1f} min"


def _to_weigh(runs: Sequence[Planned], sweep: Sweep) -> list[Planned]:
    """Runs that try weights of joint losses: for each strategy, with its first run's other flags.

    Only the ratios matter to Adam, so the logit loss keeps the weight 1.
    """
    if not sweep.weights:
        return []
    tried, done = [], set()
    for run in runs:
        strategy = STRATEGIES[run.config.distillation.strategy]
        joint = {loss for s in strategy.stages if len(s.losses) > 1 for loss in s.losses}
        if strategy.name in done or not joint:
            continue
        done.add(strategy.name)
        names = [n for n, loss in (("alpha", LABELS), ("beta", REPRESENTATION)) if loss in joint]
        for values in itertools.product(sweep.weights, repeat=len(names)):
            flags = dict(zip(names, values, strict=True))
            id = "_".join([run.id, *(f"{n}{v:g}" for n, v in flags.items())])
            folder = os.path.join(os.path.dirname(run.config.run.output_dir), "..", "weights", id)
            up_to = {"output_dir": os.path.normpath(folder), "stage": "3"}
            config = with_flags(run.config, flags | up_to)
            tried.append(Planned(id, {**run.axes, **flags}, config))
    return tried


def _weigh(config: Config) -> None:
    """A run up to its development score."""
    execute(config)
    scores = Run(config).development.of_final_students()
    path = os.path.join(config.run.output_dir, RESULTS)
    files.write_json(path, {"dev": scores, "config": config.to_dict()})


def _choose(weighed: Sequence[Planned], done: Collection[str]) -> dict[str, dict[str, float]]:
    """By strategy, the weights with the best development score, where all were tried."""
    waiting = {run.config.distillation.strategy for run in weighed if run.id not in done}
    best: dict[str, tuple[float, dict[str, float]]] = {}
    for run in weighed:
        strategy = run.config.distillation.strategy
        if strategy in waiting:
            continue
        scores = files.read_json(os.path.join(run.config.run.output_dir, RESULTS))["dev"]
        mean = next(iter(scores.values()))["mean"]
        if mean is None:
            raise DataError(
                "the development set has no entity, so that no weights can be chosen by its F1: "
                f"leave out --choose_weights. Received: {run.config.data.data_dir!r}"
            )
        if strategy not in best or mean > best[strategy][0]:
            best[strategy] = mean, {n: run.axes[n] for n in _WEIGHTS if n in run.axes}
    return {strategy: weights for strategy, (_, weights) in best.items()}


def _write(path: str, sweep: Sweep, runs: Sequence[Planned], chosen: Mapping[str, Any]) -> None:
    entries = [
        SweepRun(
            id=run.id,
            folder=os.path.join("runs", run.id),
            axes=dict(run.axes),
            size=size_of(run.config.student.student, run.config.student),
        )
        for run in runs
    ]
    plan = SweepPlan(name=sweep.name, runs=entries, chosen=dict(chosen))
    files.write_json(path, to_json(plan))

"""Runs a config as far as its `--stage` says."""

import contextlib
import os
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from absl import logging

from xtremedistil.config import Config
from xtremedistil.experiments.plan import plan
from xtremedistil.experiments.results import collect, collect_teacher
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.understood import UNDERSTOOD, understand
from xtremedistil.experiments.understood_text import describe
from xtremedistil.report.summary import summary
from xtremedistil.runtime import disk, files
from xtremedistil.runtime.locks import run_lock
from xtremedistil.runtime.machine import share_one_heap
from xtremedistil.runtime.typed_json import to_json
from xtremedistil.runtime.workers import start_workers

_LAST_STAGE = {"teacher": -1, "targets": 0, "1": 1, "2": 2, "3": 3, "all": 3}


class Conclusion(NamedTuple):
    """What a run ends with.

    Attributes:
        text: for a reader.
        content: the same for a program: after `--stage=all` that of `results.json`.
    """

    text: str
    content: dict[str, Any]


def execute(config: Config) -> dict[str, Any] | None:
    """One run, from wherever it stands to where `--stage` ends.

    Args:
        config: what to do.

    Returns:
        The content of `results.json` after `--stage=all` (on the chief), else None; None after
        `--plan`, which writes nothing.

    Raises:
        XtremeDistilError: of the kind that fits what is wrong.
    """
    found = conclude(config)
    if found:
        logging.info("%s", found.text)
    done = config.run.stage == "all" and not config.run.plan
    return found.content if found and done else None


def conclude(config: Config) -> Conclusion | None:
    """Does what `execute` does, and says nothing of the results.

    Returns:
        What was found; None on other workers than the chief, and where nothing was scored.
    """
    share_one_heap()
    out, last = config.run.output_dir, _LAST_STAGE[config.run.stage]
    policy = {"off": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}
    keras.mixed_precision.set_dtype_policy(policy[config.run.mixed_precision])
    if config.run.deterministic:
        tf.config.experimental.enable_op_determinism()
    if config.run.plan:
        text, costs = plan(config, last)
        return Conclusion(text, {"parts": [vars(cost) for cost in costs]})
    workers = start_workers(config.run.distribution)
    lock = run_lock(out) if workers.chief else contextlib.nullcontext()
    with lock, disk.full_disk_named(out), workers.loss_named():
        run = Run(config, workers)
        run.check_parts(last)
        if workers.chief:
            files.write_json(os.path.join(out, "config.json"), config.to_dict())
        workers.meet()
        understood = understand(run, with_transfer=last >= 0)
        if workers.chief:
            files.write_json(os.path.join(out, UNDERSTOOD), to_json(understood))
        logging.info("%s", describe(run, understood))
        if last >= 0:
            run.data.read_vectors()
            if line := run.targets.describe():
                logging.info("%s", line)
        if config.teacher.teacher_per_language:
            return _of_teacher(run)
        run.teacher.make()
        found = None
        if last < 0:
            if workers.chief:
                found = _of_teacher(Run(config))
        else:
            run.agreement.make()
            found = _distil(run, last, workers.chief)
        workers.meet()
        return found


def _distil(run: Run, last: int, chief: bool) -> Conclusion | None:
    """What follows the teacher, as far as stage `last`."""
    target_cost = run.targets.make()
    if last == 0:
        return None
    records = run.distil(last)
    if run.config.run.stage != "all":
        losses = {
            step.name: record["history"][record["best_epoch"]]["validation_loss"]
            for step, record in zip(run.student.plan_steps(), records, strict=False)
        }
        lines = [f"{name:34} validation loss {loss:.4f}" for name, loss in losses.items()]
        return Conclusion("\n".join(lines), {"validation_loss": losses})
    if not chief:
        return None
    collected = collect(Run(run.config), records, target_cost)
    return Conclusion(summary(collected), to_json(collected))


def _of_teacher(run: Run) -> Conclusion:
    found = collect_teacher(run)
    score = found.teacher.score
    return Conclusion(f"teacher: test {run.metric_name} {score}", to_json(found))

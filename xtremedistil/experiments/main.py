"""Runs a config as far as its `--stage` says."""

import contextlib
import os
from typing import Any

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
    share_one_heap()
    out, last = config.run.output_dir, _LAST_STAGE[config.run.stage]
    policy = {"off": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}
    keras.mixed_precision.set_dtype_policy(policy[config.run.mixed_precision])
    if config.run.deterministic:
        tf.config.experimental.enable_op_determinism()
    if config.run.plan:
        logging.info("%s", plan(config, last))
        return None
    workers = start_workers(config.run.distribution)
    lock = run_lock(out) if workers.chief else contextlib.nullcontext()
    with lock, disk.full_disk_named(out), workers.loss_named():
        run = Run(config, workers)
        run.check_parts(last)
        if workers.chief:
            files.write_json(os.path.join(out, "config.json"), config.to_dict())
        workers.meet()
        found = understand(run, with_transfer=last >= 0)
        if workers.chief:
            files.write_json(os.path.join(out, UNDERSTOOD), to_json(found))
        logging.info("%s", describe(run, found))
        if last >= 0:
            run.data.read_vectors()
            if line := run.targets.describe():
                logging.info("%s", line)
        if config.teacher.teacher_per_language:
            _report_teacher(run)
            return None
        run.teacher.make()
        if last >= 0:
            run.agreement.make()
        if last < 0:
            if workers.chief:
                _report_teacher(Run(config))
            workers.meet()
            return None
        target_cost = run.targets.make()
        if last == 0:
            return None
        records = run.distil(last)
        if config.run.stage != "all":
            for step, record in zip(run.student.plan_steps(), records, strict=False):
                best = record["history"][record["best_epoch"]]
                logging.info("%-34s validation loss %.4f", step.name, best["validation_loss"])
            return None
        results = None
        if workers.chief:
            collected = collect(Run(config), records, target_cost)
            logging.info("%s", summary(collected))
            results = to_json(collected)
        workers.meet()
        return results


def _report_teacher(run: Run) -> None:
    score = collect_teacher(run).teacher.score
    logging.info("teacher: test %s %s", run.metric_name, score)

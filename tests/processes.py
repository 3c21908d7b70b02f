"""Processes that are killed: small whole runs, started again until they end, and compared.

They are forked from a server that has imported TensorFlow once, so that a start costs no import.
"""

import json
import multiprocessing
import os
import pathlib
import signal
import sys
import time

import numpy as np

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["xtremedistil.experiments.main"])
KINDS = ("SIGKILL", "SIGTERM", "power cut")


def start(function, *arguments):
    """Starts `function(*arguments)` in a process of its own."""
    process = SERVER.Process(target=function, args=arguments)
    process.start()
    return process


def run(config: dict) -> None:
    """One run of a config, as `cli.run` does it, with its exit code."""
    from xtremedistil.config import Config
    from xtremedistil.experiments.main import execute
    from xtremedistil.runtime import signals

    try:
        with signals.handled():
            execute(Config.from_dict(config))
    except signals.Interrupted as stop:
        sys.exit(stop.exit_code)


def small_config(data: str, out: str, strategy: str = "D1", **run_changes) -> dict:
    """A config of a teacher, its targets and a distillation that takes seconds."""
    from xtremedistil.config import Config

    config = Config().to_dict()
    config["data"] |= {"data_dir": data, "max_seq_length": 24, "transfer_per_language": 300}
    config["teacher"] |= {
        "teacher": "scratch",
        "teacher_blocks": 1,
        "teacher_width": 16,
        "teacher_heads": 2,
        "teacher_intermediate": 32,
        "teacher_epochs": 2,
    }
    config["student"] |= {"embedding_dim": 8, "hidden_size": 6}
    config["distillation"] |= {
        "strategy": strategy,
        "teacher_layer": 1,
        "batch_size": 16,
        "representation_epochs": [3],
        "logit_epochs": [3],
        "label_epochs": [3],
    }
    config["run"] |= {"output_dir": out, "stage": "3", "save_every": 0.0} | run_changes
    return Config.from_dict(config).to_dict()


def half_write_newest(folder: str) -> str:
    """Cuts the file that was written last to half its bytes, as a power cut may leave it."""
    files = [p for p in pathlib.Path(folder).rglob("*") if p.is_file() and p.stat().st_size]
    newest = max(files, key=lambda path: path.stat().st_mtime_ns)
    os.truncate(newest, newest.stat().st_size // 2)
    return str(newest)


def kill(process, kind: str, after: float, folder: str) -> str:
    """Lets a process run for a while and ends it.

    Returns:
        What was done, for the message of a failed test.
    """
    process.join(after)
    if process.exitcode is not None:
        assert process.exitcode == 0, f"it failed by itself with {process.exitcode}"
        return "finished before"
    os.kill(process.pid, signal.SIGTERM if kind == "SIGTERM" else signal.SIGKILL)
    process.join(120)
    codes = (0, 143, -signal.SIGTERM) if kind == "SIGTERM" else (0, -signal.SIGKILL)
    assert process.exitcode in codes, f"{kind}: exit code {process.exitcode}"
    cut = half_write_newest(folder) if kind == "power cut" and os.path.isdir(folder) else ""
    return f"{kind} after {after:.2f} s {cut}".strip()


def killed_run(begin, folder: str, kills: int, seconds: float, seed: int) -> list[str]:
    """A run that is killed at random moments and started again, to its end.

    Args:
        begin: starts the run, and returns its process.
        folder: of the run.
        kills: how often.
        seconds: what an uninterrupted run takes; the kills are spread over it.
        seed: of the moments.

    Returns:
        What happened each time.
    """
    rng, story = np.random.default_rng(seed), []
    for number in range(kills):
        after = float(rng.uniform(0.2, 1.8) * seconds / kills)
        story.append(kill(begin(), KINDS[number % len(KINDS)], after, folder))
    last = begin()
    last.join(1800)
    assert last.exitcode == 0, f"the run did not end: {last.exitcode} after {story}"
    return story


def timed(process) -> float:
    """Waits for a process that must end well; its seconds."""
    started = time.monotonic()
    process.join(1800)
    assert process.exitcode == 0
    return time.monotonic() - started


def arrays_of(folder: str) -> dict[str, bytes]:
    """Every file of weights, targets and sentences of a run, by path."""
    top = pathlib.Path(folder)
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*.safetensors")}


def histories_of(folder: str) -> dict[str, list]:
    """The history of each training of a run, without its times."""
    found = {}
    for path in pathlib.Path(folder).rglob("done.json"):
        results = json.loads(path.read_text("utf-8"))["results"]
        found[path.parent.name] = [
            {k: v for k, v in entry.items() if k not in ("seconds", "waiting_seconds")}
            for entry in results.get("history", [])
        ]
    return found

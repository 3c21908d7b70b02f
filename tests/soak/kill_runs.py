"""A small real run, killed at ten random moments, against one that never was: bit for bit.

PYTHONPATH=.:tests python tests/soak/kill_runs.py --kills=10 --seed=0 --case=plain

Cases are the kinds of run that keep other things on disk (`CASES`). The runs are those of the
command line, from data to the exported student. Kills are SIGKILL, SIGTERM, and a power cut:
SIGKILL, and the file written last cut to half its bytes.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import measure_run
import processes
import tiny_bert

from xtremedistil.data.sample import corpus_dir
from xtremedistil.runtime import disk

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


TAGS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
CASES = ("plain", "unigram", "labelfree", "data_workers", "live")
_MANY = 20_000  # texts: more than one process encodes


class Command:
    """`run_distil.py` on a config, with the interface of a multiprocessing process."""

    def __init__(self, config: dict, path: str):
        pathlib.Path(path).write_text(json.dumps(config), "utf-8")
        program = [sys.executable, os.path.join(TOP, "run_distil.py"), f"--config={path}"]
        self.process = subprocess.Popen(program, stderr=subprocess.DEVNULL, cwd=TOP)
        self.pid = self.process.pid

    @property
    def exitcode(self) -> int | None:
        """None while it runs."""
        return self.process.poll()

    def join(self, timeout: float) -> None:
        """Waits, but no longer than that."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return


def prepare(case: str, top: str) -> Callable[[str], dict]:
    """Makes what a case reads; returns the config of a run, by the folder of the run.

    Args:
        case: of `CASES`.
        top: a folder for it.
    """
    data, text = os.path.join(top, "data"), pathlib.Path(top, "text.txt")
    for language in ("de", "hi"):
        shutil.copytree(os.path.join(corpus_dir(), language), os.path.join(data, language))
    changes: dict[str, dict] = {}
    if case == "unigram":
        folder = os.path.join(TOP, "tests", "golden", "unigram-xlm-roberta")
        changes = {"teacher": {"teacher_vocabulary": folder}}
    elif case == "labelfree":
        measure_run.write_text(text, 400)
        ready = tiny_bert.write(os.path.join(top, "ready"), labels=TAGS, positions=24)
        changes = {"teacher": {"teacher": ready}}
        changes["data"] = {"data_dir": "", "transfer_file": [str(text)], "transfer_per_language": 0}
    elif case == "data_workers":
        measure_run.write_text(text, _MANY)
        changes["data"] = {"transfer_file": [str(text)], "transfer_per_language": 0}
        changes["data"]["data_workers"] = 2
        changes["distillation"] = {"batch_size": 256}
    elif case == "live":
        changes = {"run": {"targets": "live"}}

    def config_of(out: str) -> dict:
        config = processes.small_config(data, out, strategy="D4.2", stage="all")
        for section, values in changes.items():
            config[section] |= values
        return config

    return config_of


def main() -> None:
    """Runs, kills, compares, and says what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", choices=CASES, default="plain")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as top:
        whole, killed = os.path.join(top, "whole"), os.path.join(top, "killed")
        config_of = prepare(arguments.case, top)

        def begin(out: str) -> Command:
            started, lock = time.time(), os.path.join(out, disk.LOCK)
            run = Command(config_of(out), f"{out}.json")
            while run.exitcode is None and not (
                os.path.exists(lock) and os.path.getmtime(lock) > started
            ):
                time.sleep(0.05)  # Python's imports are not what is to be killed
            return run

        seconds = processes.timed(begin(whole))
        story = processes.killed_run(
            lambda: begin(killed), killed, arguments.kills, seconds, arguments.seed
        )
        print(f"uninterrupted: {seconds:.1f} s")
        print("\n".join(story))
        expected, found = processes.arrays_of(whole), processes.arrays_of(killed)
        assert found.keys() == expected.keys(), expected.keys() ^ found.keys()
        different = [name for name in expected if found[name] != expected[name]]
        assert not different, different
        assert processes.histories_of(killed) == processes.histories_of(whole)
        print(f"{len(expected)} files of weights, targets and sentences are equal, bit for bit")


if __name__ == "__main__":
    main()

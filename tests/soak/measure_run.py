"""A whole run from raw text to an exported student, killed and taken up: where its time, its memory
and its disk go.

PYTHONPATH=.:tests python tests/soak/measure_run.py --sentences=20000

The text is the embedded corpus, with the entities of its sentences exchanged for others of the same
language and type, so that there is as much of it as is asked for. A small teacher (one block of
width 32) is tuned on two of its languages; a student is then distilled from the text alone, by the
command line. The run is killed (SIGKILL) as often as --kill_in says, in the middle of the phase,
and started again. A line of JSON for each phase says what this machine saw from outside: seconds,
sentences a second, the peak of the anonymous memory of all its processes, bytes on disk, seconds
from the start of a killed run to its next piece of work, and of a training the share of time that
it waited for data.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import Example, read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir
from xtremedistil.data.sources import find_sources

TOP = pathlib.Path(__file__).resolve().parents[2]
PHASES = ("opening", "labeled", "transfer", "agreement", "targets", "steps", "ending")
TEACHER = {
    "teacher": "scratch",
    "teacher_blocks": 1,
    "teacher_width": 32,
    "teacher_heads": 2,
    "teacher_intermediate": 64,
    "teacher_epochs": 2,
    "finetune": "auto",
}


def main() -> None:
    """Makes the text, runs, kills, and says what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--kill_in", default="transfer,targets,steps", help="phases, or nothing")
    parser.add_argument("--folder", default=None, help="where the scratch files go")
    parser.add_argument("flags", nargs="*", help="further flags of run_distil.py, after --")
    arguments = parser.parse_args()
    top = pathlib.Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        started = time.monotonic()
        write_text(top / "texts.txt", arguments.sentences)
        say("text", seconds=time.monotonic() - started, bytes=(top / "texts.txt").stat().st_size)
        teacher = tuned_teacher(top)
        own = [f"--teacher={teacher}", f"--transfer_file={top / 'texts.txt'}"]
        own += [
            "--strategy=D4.1",
            "--teacher_layer=1",
            "--representation_epochs=1",
            "--logit_epochs=1",
        ]
        own += ["--embedding_dim=16", "--hidden_size=32"]  # no more than the teacher's width
        own += ["--save_every=1", f"--output_dir={top / 'run'}", *arguments.flags]
        watched = Watched(top / "run", own)
        for phase in filter(None, arguments.kill_in.split(",")):
            watched.run(until=lambda phase=phase: is_half(top / "run", phase))
        watched.run(until=lambda: False)
        started = time.monotonic()
        subprocess.run(program(own), check=True, cwd=TOP, stderr=subprocess.DEVNULL)
        report(watched, arguments.sentences, time.monotonic() - started)
    finally:
        shutil.rmtree(top)


def say(phase: str, **found: object) -> None:
    """Prints one line."""
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in found.items()}
    print(json.dumps({"phase": phase, **rounded}), flush=True)


def write_text(path: pathlib.Path, number: int) -> None:
    """Writes so many sentences, one a line."""
    rng = random.Random(0)
    corpus = [c for c in map(sentences_of, LANGUAGES) if c]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(number):
            sentences, names = rng.choice(corpus)
            words, spans = rng.choice(sentences)
            for start, end, kind in reversed(spans):
                words = [*words[:start], *rng.choice(names[kind]), *words[end:]]
            file.write(" ".join(words) + "\n")


def sentences_of(language: str) -> tuple[list, dict[str, list[list[str]]]]:
    """The training sentences of a language with their entities, and all entities by type."""
    folder = os.path.join(corpus_dir(), language)
    source = find_sources(DataConfig(data_dir=folder))["train"][0]
    sentences, names = [], {}
    for example in read_examples(source.path, source.file_format):
        spans = entities_of(example)
        sentences.append((example.words, spans))
        for start, end, kind in spans:
            names.setdefault(kind, []).append(example.words[start:end])
    return sentences, names


def entities_of(example: Example) -> list[tuple[int, int, str]]:
    """Start, end and type of each entity of a sentence, in order."""
    found: list[tuple[int, int, str]] = []
    for place, tag in enumerate(example.tags):
        if tag.startswith("B-"):
            found.append((place, place + 1, tag[2:]))
        elif tag.startswith("I-"):
            start, _, kind = found[-1]
            found[-1] = (start, place + 1, kind)
    return found


def program(flags: list[str]) -> list[str]:
    """The command line of a run."""
    return [sys.executable, str(TOP / "run_distil.py"), *flags]


def tuned_teacher(top: pathlib.Path) -> pathlib.Path:
    """A small teacher, tuned on German and Hindi of the corpus."""
    for language in ("de", "hi"):
        shutil.copytree(os.path.join(corpus_dir(), language), top / "data" / language)
    flags = [f"--{name}={value}" for name, value in TEACHER.items()]
    flags += [f"--data_dir={top / 'data'}", f"--output_dir={top / 'tuning'}", "--stage=teacher"]
    subprocess.run(program(flags), check=True, cwd=TOP, stderr=subprocess.DEVNULL)
    return top / "tuning" / "teacher"


def done_in(run: pathlib.Path, name: str) -> list[dict]:
    """What the finished parts of a phase recorded."""
    pattern = {"labeled": "data/labeled", "transfer": "data/transfer", "steps": "steps/*"}
    found = run.glob(f"{pattern.get(name, name)}/done.json")
    return [json.loads(path.read_text("utf-8"))["results"] for path in found]


def phase_of(run: pathlib.Path) -> str:
    """What a run is doing, from the parts that it has finished."""
    if not (run / "config.json").exists():
        return "opening"
    for name in ("labeled", "transfer", "agreement", "targets"):
        if not done_in(run, name):
            return name
    ending = any((run / name).exists() for name in ("scores", "export"))
    return "ending" if ending else "steps"


def is_half(run: pathlib.Path, phase: str) -> bool:
    """Whether a run is in the middle of a phase."""
    if phase_of(run) != phase:
        return False
    if phase == "transfer":
        return len(list((run / "data/transfer/scratch").glob("*.json"))) >= 2
    if phase == "targets":
        made = len(list((run / "targets").glob("logits/*.json")))
        return 2 * made > len(list((run / "data/transfer").glob("0*.json")))
    return any((run / "steps").glob("*/state.safetensors"))


class Watched:
    """A run in processes that are watched from outside.

    Attributes:
        seconds, memory: by phase; of the memory, the peak in bytes.
        resumed: of each killed phase, the seconds from the start of the next process to the first
            file that it wrote there.
    """

    def __init__(self, run: pathlib.Path, flags: list[str]):
        self.folder, self.flags = run, flags
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.memory = dict.fromkeys(PHASES, 0)
        self.resumed: dict[str, float] = {}
        self._killed_in = ""

    def run(self, until: Callable[[], bool]) -> None:
        """Starts the run, and kills it when it is so far, or lets it end."""
        started, begun, last = time.time(), time.monotonic(), time.monotonic()
        with open(f"{self.folder}.log", "a") as log:
            process = subprocess.Popen(program(self.flags), cwd=TOP, stdout=log, stderr=log)
        while process.poll() is None:
            phase = phase_of(self.folder)
            if self._killed_in and self._has_written(self._killed_in, started):
                self.resumed[self._killed_in] = time.monotonic() - begun
                self._killed_in = ""
            now = time.monotonic()
            self.seconds[phase] += now - last
            last = now
            self.memory[phase] = max(self.memory[phase], anonymous_bytes(process.pid))
            if until():
                process.send_signal(signal.SIGKILL)
                process.wait()
                self._killed_in = phase
                return
            time.sleep(0.05)
        told = pathlib.Path(f"{self.folder}.log").read_text("utf-8")[-2000:]
        assert process.returncode == 0, f"the run ended with {process.returncode}: {told}"

    def _has_written(self, phase: str, since: float) -> bool:
        top = self.folder / {"transfer": "data/transfer"}.get(phase, phase)
        return any(newest > since for newest in map(changed, walk(top)))


def walk(top: pathlib.Path) -> Iterator[str]:
    """Paths of the files below a folder, of those alone that tell of work."""
    for folder, _, names in os.walk(top):
        yield from (os.path.join(folder, n) for n in names if not n.startswith("."))


def changed(path: str) -> float:
    """When a file was written last; 0 where it is gone."""
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0.0


def anonymous_bytes(pid: int) -> int:
    """Anonymous memory of a process and of those that it started.

    A child that has not begun its own program still shows its parent's memory, which is there once.
    On a machine with other work that moment is long enough to be seen.
    """
    total, parents = 0, [(pid, b"")]
    while parents:
        parent, above = parents.pop()
        with contextlib.suppress(OSError, StopIteration):  # it has just ended
            with open(f"/proc/{parent}/cmdline", "rb") as file:
                program = file.read()
            if program == above:
                continue
            with open(f"/proc/{parent}/status") as file:
                total += next(1024 * int(x.split()[1]) for x in file if x.startswith("RssAnon:"))
            parents += [(child, program) for child in children_of(parent)]
    return total


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found = []
    with contextlib.suppress(OSError):  # it has just ended
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    return found


def report(watched: Watched, sentences: int, again: float) -> None:
    """Prints a line for each phase, and one for the whole."""
    run = watched.folder
    places = {"labeled": "data/labeled", "transfer": "data/transfer", "ending": "export"}
    for phase in PHASES:
        seconds, held = watched.seconds[phase], run / places.get(phase, phase)
        found: dict[str, object] = {
            "seconds": seconds,
            "sentences_per_second": sentences / max(seconds, 1e-9),
            "peak_anonymous_bytes": watched.memory[phase],
            "bytes_on_disk": sum(os.path.getsize(path) for path in walk(held)),
        }
        if phase in watched.resumed:
            found["seconds_to_resume"] = watched.resumed[phase]
        if phase == "steps":
            steps = done_in(run, "steps")
            waited, took = (sum(s[k] for s in steps) for k in ("waiting_seconds", "seconds"))
            found["percent_of_time_waiting_for_data"] = 100 * waited / took
        say(phase, **found)
    say(
        "whole",
        sentences=sentences,
        seconds=sum(watched.seconds.values()),
        peak_anonymous_bytes=max(watched.memory.values()),
        seconds_to_see_that_all_is_done=again,
    )


if __name__ == "__main__":
    main()

"""The memory and the speed of `predict` on files of growing length.

PYTHONPATH=.:tests python tests/soak/measure_predict.py --model=DIR [--lines=10000,100000,1000000]

The lines are the sample corpus's test sentences, over and over, each with a number of its own, so
that what `predict` remembers of earlier text grows as it would in a real file. Memory is the peak
of the whole process, read from the system.
"""

import argparse
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from xtremedistil.data.formats import read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir


def sentences() -> list[str]:
    """The test sentences of all languages."""
    paths = (os.path.join(corpus_dir(), language, "test.tsv.xz") for language in LANGUAGES)
    return [" ".join(e.words) for path in paths for e in read_examples(path, "conll")]


def run(model: str, quantize: str, lines: int, folder: str) -> tuple[float, int, int]:
    """Seconds, peak bytes and answered lines of one `predict`."""
    path = os.path.join(folder, f"{lines}.txt")
    with open(path, "w", encoding="utf-8") as file:
        for number, text in zip(range(lines), itertools.cycle(sentences())):
            file.write(f"{text} {number}\n")
    program = [sys.executable, "-m", "xtremedistil", "predict", f"--model={model}"]
    program += [f"--quantize={quantize}", f"--input={path}"]
    answers = os.path.join(folder, "answers.jsonl")
    started = time.monotonic()
    with open(answers, "wb") as out:
        process = subprocess.Popen(program, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"predict ended with status {status}")
    with open(answers, "rb") as file:
        answered = sum(1 for _ in file)
    pathlib.Path(path).unlink()
    return seconds, 1024 * usage.ru_maxrss, answered


def main() -> None:
    """Measures each length, and says what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--quantize", default="int8")
    parser.add_argument("--lines", default="10000,100000,1000000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for lines in map(int, arguments.lines.split(",")):
            seconds, peak, answered = run(arguments.model, arguments.quantize, lines, folder)
            assert answered == lines, f"{answered} answers to {lines} lines"
            print(f"{lines:>9,} lines: {seconds:7.1f} s, peak {peak / 1e6:6.1f} MB", flush=True)


if __name__ == "__main__":
    main()

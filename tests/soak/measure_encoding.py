"""The memory of encoding unlabeled text, and where it is: in the process of the run, or in those
that encode.

PYTHONPATH=.:tests python tests/soak/measure_encoding.py --sentences=20000,100000,400000

The text is that of `measure_run`. A process of its own, with the memory settings of a run's, does
what a run without labels does with it before the teacher's pass: it reads all text, holds some out,
reads it again, and encodes. A line of JSON for each size says the seconds of each phase and its
peak of anonymous memory: of the process, of those that it started together, and of all.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from measure_run import anonymous_bytes, children_of, say, write_text

PHASES = ("reading", "encoding")
TAGS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")


def main() -> None:
    """Makes the texts, has them encoded, and says what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", default="20000,100000,400000")
    parser.add_argument("--data_workers", type=int, default=2)
    parser.add_argument("--folder", default=None, help="where the scratch files go")
    parser.add_argument("--encode", default=None, help="(what the process of its own is told)")
    arguments = parser.parse_args()
    if arguments.encode:
        encode(pathlib.Path(arguments.encode), arguments.data_workers)
        return
    for number in map(int, arguments.sentences.split(",")):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            measure(pathlib.Path(folder), number, arguments.data_workers)


def measure(folder: pathlib.Path, number: int, workers: int) -> None:
    """Encodes so many sentences, watched from outside; a line for each phase."""
    write_text(folder / "texts.txt", number)
    own = [f"--encode={folder}", f"--data_workers={workers}"]
    process = subprocess.Popen([sys.executable, __file__, *own], stderr=subprocess.DEVNULL)
    seconds = dict.fromkeys(PHASES, 0.0)
    peaks = {phase: {"own": 0, "others": 0, "all": 0} for phase in PHASES}
    last = time.monotonic()
    while process.poll() is None:
        phase = PHASES[(folder / "labeled" / "done").exists()]
        whole = anonymous_bytes(process.pid)
        others = sum(map(anonymous_bytes, children_of(process.pid)))
        for name, held in (("own", whole - others), ("others", others), ("all", whole)):
            peaks[phase][name] = max(peaks[phase][name], held)
        now = time.monotonic()
        seconds[phase] += now - last
        last = now
        time.sleep(0.02)
    assert process.returncode == 0, f"it ended with {process.returncode}"
    for phase in PHASES:
        megabytes = {name: round(held / 1e6, 1) for name, held in peaks[phase].items()}
        say(phase, sentences=number, seconds=seconds[phase], megabytes=megabytes)
    say("bytes a sentence", **json.loads((folder / "told").read_text("utf-8")))


def encode(folder: pathlib.Path, workers: int) -> None:
    """What a run without labels does with its text before the teacher's pass."""
    from xtremedistil.config import DataConfig
    from xtremedistil.data.labels import LabelSet
    from xtremedistil.data.sample import vocabulary_dir
    from xtremedistil.data.sources import find_sources
    from xtremedistil.data.transfer import prepare_transfer
    from xtremedistil.data.unlabeled import prepare_unlabeled
    from xtremedistil.runtime import machine
    from xtremedistil.tokenization.registry import open_tokenizer

    machine.take_large_pages()
    machine.share_one_heap()
    text = str(folder / "texts.txt")
    config = DataConfig(transfer_file=(text,), data_workers=workers)
    sources, tokenizer = find_sources(config), open_tokenizer(vocabulary_dir())
    labels, labeled = LabelSet(TAGS), folder / "labeled"
    labeled.mkdir()
    prepare_unlabeled(config, sources, tokenizer, labels, 1000, str(labeled))
    (labeled / "done").touch()
    told, _ = prepare_transfer(
        config, sources, tokenizer, str(labeled), 1000, str(folder / "transfer"), labels
    )
    on_disk = sum(os.path.getsize(path) for path in (folder / "transfer").glob("0*.safetensors"))
    numbers = {"text": os.path.getsize(text), "disk": on_disk, "pieces": told["pieces"]}
    each = {name: number / told["texts"] for name, number in numbers.items()}
    (folder / "told").write_text(json.dumps(each), "utf-8")


if __name__ == "__main__":
    main()

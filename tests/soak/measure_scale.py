"""Memory, time and disk of targets and of an epoch of stages 1 and 2, by number of sentences.

PYTHONPATH=.:tests python tests/soak/measure_scale.py --sentences=50000,200000,1000000

A stand-in teacher of realistic width (768) looks its states up, so that the package is measured and
not a BERT. Each size runs in a process of its own. Needs about 25 GB of disk for a million
sentences; what is measured is printed as JSON.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time

import numpy as np

PIECES, WIDTH, CLASSES, MEAN_LENGTH, LENGTH = 5000, 768, 11, 16, 32


class AnonymousMemory:
    """The peak of this process's anonymous memory, which mapped files are no part of."""

    def __init__(self):
        self.peak, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            with open("/proc/self/status") as file:
                line = next(line for line in file if line.startswith("RssAnon:"))
            self.peak = max(self.peak, 1024 * int(line.split()[1]))

    def __enter__(self) -> "AnonymousMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def write_sentences(folder: str, number: int) -> object:
    """Random sentences in shards, as `prepare_transfer` leaves them, with a validation slice; their
    manifest."""
    from xtremedistil.data.ragged import Ragged
    from xtremedistil.data.shards import Manifest, save_shard, shard_name
    from xtremedistil.data.transfer import SHARD_SENTENCES, VALIDATION

    os.makedirs(folder)
    sizes = []
    for index, start in enumerate(range(-SHARD_SENTENCES, number, SHARD_SENTENCES)):
        rng = np.random.default_rng(index)
        size = SHARD_SENTENCES if start < 0 else min(SHARD_SENTENCES, number - start)
        lengths = np.clip(rng.poisson(MEAN_LENGTH, size), 3, LENGTH)
        ids = rng.integers(5, PIECES, lengths.sum()).astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        name = VALIDATION if start < 0 else shard_name(index - 1)
        save_shard(Ragged(offsets, {"ids": ids}, {}), os.path.join(folder, name))
        sizes.append((size, int(lengths.sum())))
    return Manifest(*np.array(sizes[1:], np.int64).T)


class StandIn:
    """A teacher that looks its states up: as wide as BERT, as fast as memory."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.states = rng.normal(size=(PIECES, WIDTH)).astype(np.float32)
        self.logits = rng.normal(size=(PIECES, CLASSES)).astype(np.float32)

    def __call__(self, ids: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
        return {"logits": self.logits[ids], "states": self.states[ids]}


def measure(folder: str, number: int, hidden: int, batch_size: int) -> dict:
    """Everything about one number of sentences."""
    from xtremedistil.data.transfer import VALIDATION
    from xtremedistil.distil.targets import StoredTargets, make_targets, missing_targets
    from xtremedistil.runtime.machine import share_one_heap
    from xtremedistil.runtime.parts import Part

    share_one_heap()  # as a run does
    sentences, part = os.path.join(folder, "transfer"), Part(os.path.join(folder, "targets"), {})
    shards = write_sentences(sentences, number)
    names = [VALIDATION, *shards.names]
    kinds = ("logits", "states")
    found: dict = {"sentences": number}
    started = time.monotonic()
    with AnonymousMemory() as memory:
        missing = missing_targets(kinds, names, part)
        make_targets(StandIn(), missing, sentences, LENGTH, part)
    found["targets"] = {
        "peak_anonymous_bytes": memory.peak,
        "milliseconds_per_sentence": 1000 * (time.monotonic() - started) / number,
    }
    started = time.monotonic()
    assert not missing_targets(kinds, names, part)
    found["targets"]["seconds_to_resume"] = time.monotonic() - started
    held = sum(os.path.getsize(part.path(kind, name)) for kind in kinds for name in names)
    pieces = int(shards.pieces.sum())
    found["targets"]["bytes_per_piece"] = (
        held / pieces * number / (number + int(shards.sentences[0]))
    )
    for stage, loss, kind in ((1, "representation", "states"), (2, "logits", "logits")):
        stored = StoredTargets(
            sentences, shards, part, {kind: kind}, LENGTH, np.arange(PIECES, dtype=np.int32)
        )
        where = os.path.join(folder, f"stage-{stage}")
        found[f"stage_{stage}"] = measure_epoch(stored, loss, where, number, hidden, batch_size)
    return found


def measure_epoch(
    stored: object, loss: str, folder: str, number: int, hidden: int, batch_size: int
) -> dict:
    """One epoch of a stage, and the start of a run that goes on in the middle of it."""
    import keras

    from xtremedistil.config import DistillationConfig
    from xtremedistil.data.batches import epoch_batches
    from xtremedistil.distil.losses import loss_named
    from xtremedistil.students.student import StudentShape, build_student
    from xtremedistil.training.loop import train
    from xtremedistil.training.task import LoopOptions, Stream, Term, Training

    model = build_student(StudentShape(PIECES, 50, hidden, WIDTH, CLASSES), 0.2)
    of_batch = loss_named(loss, DistillationConfig()).of_batch(False)
    training = Training(
        name=f"{number:,} sentences: {loss}",
        terms=[Term(loss, "transfer", 1.0, of_batch)],
        streams={"transfer": Stream(stored.source(), stored.validation(), batch_size)},
        epochs=1,
        optimizer=lambda steps: keras.optimizers.Adam(1e-3),
        seed=[0],
    )
    with AnonymousMemory() as memory:
        result = train(model, training, LoopOptions(folder))
    epoch = result["history"][1]
    started = time.monotonic()
    middle = number // batch_size // 2
    rest = epoch_batches(stored.source(), batch_size, [0, 0, 0], start=middle)
    next(rest)
    return {
        "peak_anonymous_bytes": memory.peak,
        "milliseconds_per_sentence": 1000 * epoch["seconds"] / number,
        "percent_of_time_waiting_for_data": 100 * epoch["waiting_seconds"] / epoch["seconds"],
        "seconds_to_resume_in_the_middle": time.monotonic() - started,
    }


def main() -> None:
    """Measures each size in a new process, one after the other."""
    from xtremedistil.runtime.machine import take_large_pages

    take_large_pages()  # as a run does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", default="50000,200000,1000000")
    parser.add_argument("--folder", default=None, help="where the scratch files go")
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--batch_size", type=int, default=512)
    arguments = parser.parse_args()
    found = []
    for number in map(int, arguments.sentences.split(",")):
        folder = tempfile.mkdtemp(dir=arguments.folder)
        try:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                sizes = (folder, number, arguments.hidden, arguments.batch_size)
                found.append(pool.apply(measure, sizes))
        finally:
            shutil.rmtree(folder)
        print(json.dumps(found[-1], indent=1), flush=True)
    for name in ("targets", "stage_1", "stage_2"):
        peaks = [size[name]["peak_anonymous_bytes"] for size in found]
        print(f"{name}: peak memory grows by {100 * (peaks[-1] / peaks[0] - 1):.1f}%")


if __name__ == "__main__":
    main()

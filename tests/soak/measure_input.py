"""Batches a second that the input of distillation gives by itself, with nobody who trains on them.

PYTHONPATH=.:tests python tests/soak/measure_input.py --sentences=50000

Shards of sentences and of a stand-in teacher's targets, as `measure_scale` makes them, are read
from disk and padded into batches, an epoch for each stage and precision; the first epoch of a
process compares checksums too. The figure stands against the steps that a device makes.
"""

import argparse
import os
import tempfile
import time

import numpy as np
from measure_scale import LENGTH, PIECES, StandIn, write_sentences


def batches_per_second(stored: object, batch_size: int, epoch: int) -> float:
    """Of one epoch, from its first window on."""
    from xtremedistil.data.batches import epoch_batches, prefetch

    started, number = time.monotonic(), 0
    for _ in prefetch(epoch_batches(stored.source(), batch_size, [0, epoch])):
        number += 1
    return number / (time.monotonic() - started)


def main() -> None:
    """Makes shards and targets, reads them, and says how fast."""
    from xtremedistil.data.transfer import VALIDATION
    from xtremedistil.distil.targets import StoredTargets, make_targets, missing_targets
    from xtremedistil.runtime.parts import Part

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=50_000)
    parser.add_argument("--batch_size", type=int, default=512)
    parser.add_argument("--folder", default=None, help="where the scratch files go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as top:
        sentences = os.path.join(top, "transfer")
        shards = write_sentences(sentences, arguments.sentences)
        names, rows = [VALIDATION, *shards.names], np.arange(PIECES, dtype=np.int32)
        for precision in ("float16", "int8"):
            part = Part(os.path.join(top, precision), {})
            missing = missing_targets(("logits", "states"), names, part)
            started = time.monotonic()
            make_targets(StandIn(), missing, sentences, LENGTH, part, precision)
            made = arguments.sentences / (time.monotonic() - started)
            print(f"{precision}: targets of {made:,.0f} sentences/s are made and written")
            for stage, kind in ((1, "states"), (2, "logits")):
                stored = StoredTargets(sentences, shards, part, {kind: kind}, LENGTH, rows)
                first, later = (
                    batches_per_second(stored, arguments.batch_size, epoch) for epoch in (0, 1)
                )
                print(
                    f"{precision}, stage {stage}: {first:.1f} batches/s in the first epoch, "
                    f"{later:.1f} later"
                )


if __name__ == "__main__":
    main()

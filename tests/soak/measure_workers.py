"""What tf.distribute costs: the time of a step of the same global batch on one device and on two.

PYTHONPATH=.:tests python tests/soak/measure_workers.py

All devices are cores of this machine, so that two are not faster: the difference is the overhead
of sharing out batches and adding up gradients.
"""

import argparse
import json
import os
import tempfile

import processes
import test_distribution


def measure(
    distribution: str, folder: str, tf_config: str, batch_size: int, sentences: int
) -> None:
    """Trains one epoch after a warm one, and writes the milliseconds of a step."""
    import keras
    import numpy as np

    from xtremedistil.data.pipeline import InMemory
    from xtremedistil.data.ragged import Ragged
    from xtremedistil.distil.distiller import _term
    from xtremedistil.models.student import StudentShape, build_student
    from xtremedistil.training.loop import train
    from xtremedistil.training.plan import LoopOptions, Stream, Term, Training

    workers = test_distribution.connect(distribution, tf_config)
    rng = np.random.default_rng(0)
    ids = [rng.integers(1, 5000, 16).astype(np.int32) for _ in range(sentences)]
    states = [rng.normal(size=(16, 384)).astype(np.float16) for _ in ids]
    rows = Ragged.from_lists({"ids": ids, "states": states}, {})
    held_out = rows.take(np.arange(64))
    with workers.scope():
        model = build_student(StudentShape(5000, 50, 100, 384, 11), 0.2)
    training = Training(
        name=distribution,
        terms=[Term("representation", "t", 1.0, _term("representation", "kld", False))],
        streams={"t": Stream(InMemory(rows), held_out, batch_size)},
        epochs=3,
        optimizer=lambda steps: keras.optimizers.Adam(1e-3),
        seed=[0],
    )
    options = LoopOptions(os.path.join(folder, "state"), workers=workers)
    history = train(model, training, options)["history"]
    seconds = min(entry["seconds"] for entry in history[2:])
    workers.meet()
    if workers.chief:
        with open(os.path.join(folder, "found.json"), "w", encoding="utf-8") as file:
            json.dump(1000 * seconds / -(-sentences // batch_size), file)


def main() -> None:
    """Measures each kind of distribution, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--sentences", type=int, default=6400)
    arguments = parser.parse_args()
    for distribution in ("none", "mirrored", "multi_worker"):
        places = test_distribution.tf_configs(2) if distribution == "multi_worker" else [""]
        with tempfile.TemporaryDirectory() as folder:
            started = [
                processes.start(
                    measure, distribution, folder, p, arguments.batch_size, arguments.sentences
                )
                for p in places
            ]
            for process in started:
                process.join()
                assert process.exitcode == 0
            with open(os.path.join(folder, "found.json"), encoding="utf-8") as file:
                print(f"{distribution}: {json.load(file):.1f} ms a step", flush=True)


if __name__ == "__main__":
    main()

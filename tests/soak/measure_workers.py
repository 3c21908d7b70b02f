"""What tf.distribute costs: the time of a step of the same global batch on one device and on two;
and what it changes: the F1 of a whole run.

PYTHONPATH=.:tests python tests/soak/measure_workers.py [--f1_seeds=1,2]

All devices are cores of this machine, so that two are not faster: the difference is the overhead
of sharing out batches and adding up gradients. F1 is that of a small teacher and its student on two
languages of the sample corpus, by seed, from one process and from two.
"""

import argparse
import json
import os
import pathlib
import tempfile

import processes
import small_run
import test_distribution


def measure(
    distribution: str, folder: str, tf_config: str, batch_size: int, sentences: int
) -> None:
    """Trains one epoch after a warm one, and writes the milliseconds of a step."""
    import keras
    import numpy as np

    from xtremedistil.config import DistillationConfig
    from xtremedistil.data.batches import InMemory
    from xtremedistil.data.ragged import Ragged
    from xtremedistil.distil.losses import loss_named
    from xtremedistil.students.student import StudentShape, build_student
    from xtremedistil.training.loop import train
    from xtremedistil.training.task import LoopOptions, Stream, Term, Training

    workers = test_distribution.connect(distribution, tf_config)
    rng = np.random.default_rng(0)
    ids = [rng.integers(1, 5000, 16).astype(np.int32) for _ in range(sentences)]
    states = [rng.normal(size=(16, 384)).astype(np.float16) for _ in ids]
    rows = Ragged.from_lists({"ids": ids, "states": states}, {})
    held_out = rows.take(np.arange(64))
    with workers.scope():
        model = build_student(StudentShape(5000, 50, 100, 384, 11), 0.2)
    loss = loss_named("representation", DistillationConfig())
    training = Training(
        name=distribution,
        terms=[Term(loss.name, "t", 1.0, loss.of_batch(False))],
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


def step_time(distribution: str, batch_size: int, sentences: int) -> float:
    """Milliseconds of a step."""
    places = test_distribution.tf_configs(2) if distribution == "multi_worker" else [""]
    with tempfile.TemporaryDirectory() as folder:
        finish(
            [
                processes.start(measure, distribution, folder, place, batch_size, sentences)
                for place in places
            ]
        )
        with open(os.path.join(folder, "found.json"), encoding="utf-8") as file:
            return json.load(file)


def final_f1(distribution: str, seed: int) -> dict[str, float]:
    """Test F1 of a run's teacher and student."""
    workers = distribution == "multi_worker"
    places = test_distribution.tf_configs(2) if workers else [""]
    teacher = {"teacher_width": 64, "teacher_epochs": 12, "teacher_learning_rate": 1e-3}
    student = {"embedding_dim": 32, "hidden_size": 32, "learning_rate": 5e-3, "strategy": "D1"}
    more = {
        "export": False,
        "transfer_per_language": 1000,
        "test_per_language": 0,
        "logit_epochs": (15,),
    }
    with tempfile.TemporaryDirectory() as top:
        data = small_run.german_and_hindi(pathlib.Path(top))
        out = os.path.join(top, "out")
        seeds = {"teacher_seed": seed, "seed": seed}
        config = small_run.small(
            data,
            out,
            distribution=distribution,
            **teacher,
            **student,
            **more,
            **seeds,
        )
        program = test_distribution.work if workers else run_alone
        finish([processes.start(program, config.to_dict(), place) for place in places])
        with open(os.path.join(out, "results.json"), encoding="utf-8") as file:
            results = json.load(file)
    return {model: round(results[model]["f1"]["mean"], 2) for model in ("teacher", "student")}


def run_alone(config: dict, _: str) -> None:
    """A run in one process."""
    processes.run(config)


def finish(started: list) -> None:
    """Waits for processes that must end well."""
    for process in started:
        process.join()
        assert process.exitcode == 0


def main() -> None:
    """Measures each kind of distribution, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--sentences", type=int, default=6400, help="0: measure no time")
    parser.add_argument("--f1_seeds", default="1,2", help="empty: measure no F1")
    parser.add_argument("--f1_of", default="none,multi_worker")
    arguments = parser.parse_args()
    if arguments.sentences:
        for distribution in ("none", "mirrored", "multi_worker"):
            found = step_time(distribution, arguments.batch_size, arguments.sentences)
            print(f"{distribution}: {found:.1f} ms a step", flush=True)
    for seed in filter(None, arguments.f1_seeds.split(",")):
        for distribution in arguments.f1_of.split(","):
            found = final_f1(distribution, int(seed))
            print(f"{distribution}, seed {seed}: F1 {found}", flush=True)


if __name__ == "__main__":
    main()

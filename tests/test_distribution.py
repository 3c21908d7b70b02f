"""Several devices, several processes: the losses of one device, and a run that goes on after one of
them dies."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sys

import numpy as np
import processes
import pytest

from xtremedistil.data.sample import corpus_dir
from xtremedistil.runtime.errors import ConfigError, XtremeDistilError
from xtremedistil.runtime.workers import ALONE, start_workers


def rows_of(number, seed, labels):
    """Sentences of ids, with labels (some ignored) or with a teacher's scores."""
    from xtremedistil.data.labels import IGNORED
    from xtremedistil.data.ragged import Ragged

    rng = np.random.default_rng(seed)
    ids = [rng.integers(1, 30, rng.integers(2, 9)).astype(np.int32) for _ in range(number)]
    if labels:
        pieces = {"labels": [np.where(i % 3 == 0, IGNORED, i % 5).astype(np.int16) for i in ids]}
    else:
        table = np.random.default_rng(9).normal(size=(30, 5))
        pieces = {"logits": [table[i].astype(np.float16) for i in ids]}
        pieces["states"] = [np.tile(table[i], 2).astype(np.float16) for i in ids]
    return Ragged.from_lists({"ids": ids, **pieces}, {})


def training():
    """D2 on a small student: three losses on two streams of uneven batches, with decay and with
    gradients that are always clipped, as a teacher is tuned."""
    from xtremedistil.config import DistillationConfig
    from xtremedistil.data.batches import InMemory
    from xtremedistil.distil.distiller import LABELED, TRANSFER
    from xtremedistil.distil.losses import loss_named
    from xtremedistil.distil.strategies import LABELS, LOGITS, REPRESENTATION
    from xtremedistil.training.adamw import FusedAdamW
    from xtremedistil.training.task import Stream, Term, Training

    kinds = ((LABELS, LABELED), (LOGITS, TRANSFER), (REPRESENTATION, TRANSFER))
    return Training(
        name="student",
        terms=[
            Term(name, stream, 1.0, loss_named(name, DistillationConfig()).of_batch(False))
            for name, stream in kinds
        ],
        streams={
            TRANSFER: Stream(InMemory(rows_of(129, 0, False)), rows_of(33, 1, False), 16),
            # a batch of one sentence leaves a device without any
            LABELED: Stream(InMemory(rows_of(65, 2, True)), rows_of(17, 3, True), 1),
        },
        epochs=6,
        optimizer=lambda steps: FusedAdamW(5e-3, 0.01, clip_norm=0.1),
        seed=[1],
    )


def connect(distribution, tf_config):
    """The workers of a distribution, `mirrored` being two logical devices of the CPU."""
    import tensorflow as tf

    if tf_config:
        os.environ["TF_CONFIG"] = tf_config
    if distribution == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    return start_workers(distribution)


def record_losses(distribution, folder, tf_config="", stop_after=None):
    """Trains in a process of its own, and writes every step's loss; a signal comes after so many
    steps, if that is said, and stops it."""
    from xtremedistil.runtime import signals
    from xtremedistil.students.student import StudentShape, build_student, fold_map
    from xtremedistil.training import loop

    workers = connect(distribution, tf_config)
    losses, result = [], {"history": []}
    collect = loop._Loop._collect

    def record(self, pending):
        before = len(losses)
        losses.extend(float(loss) for loss in pending)
        collect(self, pending)
        if stop_after and before < stop_after <= len(losses):
            os.kill(os.getpid(), signal.SIGTERM)

    loop._Loop._collect = record
    loop._CHECKED_STEPS = 4 if stop_after else loop._CHECKED_STEPS  # amid an epoch of nine
    known = np.random.default_rng(4).normal(size=(30, 3)).astype(np.float32)
    with workers.scope():
        model = build_student(StudentShape(30, 8, 6, 10, 5), dropout=0.0, seed=3, known=known)
    options = loop.LoopOptions(os.path.join(folder, "state"), workers=workers)
    with contextlib.suppress(signals.Interrupted), signals.handled():
        result = loop.train(model, training(), options)
    fold_map(model)
    found = {
        "replicas": workers.strategy.num_replicas_in_sync if workers.strategy else 1,
        "losses": losses,
        "validation": [entry["validation_loss"] for entry in result["history"]],
        "rows": model.get_layer("embeddings").embeddings.numpy().tolist(),
    }
    workers.meet()
    with open(os.path.join(folder, f"losses-{workers.index}.json"), "w", encoding="utf-8") as file:
        json.dump(found, file)


def addresses(number):
    """Free ports of this machine."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("localhost", 0))
    found = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return found


def tf_configs(number):
    """TF_CONFIG of each of some workers on this machine."""
    cluster = {"worker": addresses(number)}
    return [
        json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        for index in range(number)
    ]


def losses_of(folder, distribution, stop_after=None):
    os.makedirs(folder, exist_ok=True)
    configs = tf_configs(2) if distribution == "multi_worker" else [""]
    started = [
        processes.start(record_losses, distribution, str(folder), config, stop_after)
        for config in configs
    ]
    for process in started:
        process.join()
        assert process.exitcode == 0
    return [
        json.loads((folder / f"losses-{index}.json").read_text()) for index in range(len(started))
    ]


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    return losses_of(tmp_path_factory.mktemp("one"), "none")[0]


@pytest.mark.parametrize("distribution", ["mirrored", "multi_worker"])
def test_losses_are_those_of_one_device(one_device, tmp_path, distribution):
    for found in losses_of(tmp_path, distribution):
        assert found["replicas"] == 2
        assert len(one_device["losses"]) >= 50
        for kind in ("losses", "validation", "rows"):
            np.testing.assert_allclose(found[kind], one_device[kind], atol=1e-4)
        assert one_device["validation"][-1] < one_device["validation"][0]


@pytest.mark.parametrize("order", [("none", "multi_worker"), ("multi_worker", "none")])
def test_another_number_of_workers_goes_on_with_the_same_batches(one_device, tmp_path, order):
    first = losses_of(tmp_path, order[0], stop_after=20)[0]
    second = losses_of(tmp_path, order[1])[0]
    done = len(first["losses"])
    assert done % 9  # it was stopped amid an epoch
    assert not first["validation"]
    np.testing.assert_allclose(
        [*first["losses"], *second["losses"]], one_device["losses"], atol=1e-4
    )
    np.testing.assert_allclose(second["validation"], one_device["validation"], atol=1e-4)


def work(config, tf_config):
    """A worker of a run; exit code 3 when it lost another."""
    os.environ["TF_CONFIG"] = tf_config
    try:
        processes.run(config)
    except XtremeDistilError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(3 if "lost another worker" in str(error) else 1)


def test_a_run_goes_on_after_a_worker_was_killed(tmp_path):
    shutil.copytree(os.path.join(corpus_dir(), "de"), tmp_path / "data" / "de")
    out = tmp_path / "out"
    config = processes.small_config(str(tmp_path / "data"), str(out), distribution="multi_worker")

    def begin():
        return [processes.start(work, config, place) for place in tf_configs(2)]

    chief, other = begin()
    while not (out / "teacher" / "state.safetensors").exists() and chief.exitcode is None:
        chief.join(0.05)
    other.kill()
    chief.join(1800)
    assert chief.exitcode == 3
    assert not (out / "teacher" / "done.json").exists()
    for worker in begin():
        worker.join(1800)
        assert worker.exitcode == 0
    for name, history in processes.histories_of(str(out)).items():
        if history:
            assert history[-1]["validation_loss"] < history[0]["validation_loss"], name
    shards = [p.name for p in (out / "targets" / "logits").glob("*.safetensors")]
    assert sorted(shards) == ["00000.safetensors", "validation.safetensors"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}'],
)
def test_workers_without_a_place_are_an_error(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=r"multi_worker needs TF_CONFIG.*Received: TF_CONFIG="):
        start_workers("multi_worker")
    assert start_workers("none") is ALONE

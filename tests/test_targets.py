"""One teacher pass, kept on disk: half precision, real pieces, resumable shard by shard."""

import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from xtremedistil.config import Config, DistillationConfig, RunConfig
from xtremedistil.data.batches import epoch_batches
from xtremedistil.data.encoding import HAS_CLASS
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.shards import Manifest
from xtremedistil.distil.losses import LOGITS, REPRESENTATION, loss_named
from xtremedistil.distil.targets import (
    INT8,
    LiveTargets,
    StoredTargets,
    in_eight_bits,
    make_targets,
    missing_targets,
    targets_bytes,
    teacher_outputs,
)
from xtremedistil.experiments.targets import RunTargets
from xtremedistil.runtime.errors import ArtifactError, TrainingError
from xtremedistil.runtime.parts import Part
from xtremedistil.runtime.workers import ALONE
from xtremedistil.students.student import StudentShape, build_student
from xtremedistil.training.loop import train
from xtremedistil.training.task import LoopOptions, Stream, Term, Training

NAMES = ["validation.safetensors", "00000.safetensors", "00001.safetensors"]
SHARDS = Manifest(np.array([6, 6]), np.array([34, 34]))
KLD, MSE = (DistillationConfig(representation_loss=kind) for kind in ("kld", "mse"))
ROWS = np.arange(1000, dtype=np.int32)


def known_teacher(ids, mask):
    """A teacher whose state at a position is the piece's id and the position."""
    position = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    states = np.stack([ids, position], axis=-1).astype(np.float32)
    return {"logits": 2 * states, "states-03": states}


@pytest.fixture
def folders(tmp_path):
    """Three shards of six sentences, one of them longer than training sees."""
    rng = np.random.default_rng(0)
    os.makedirs(tmp_path / "transfer")
    for name in NAMES:
        ids = [rng.integers(4, 900, n).astype(np.int32) for n in (3, 12, 5, 7, 3, 4)]
        Ragged.from_lists({"ids": ids}, {"hash": np.arange(6, dtype=np.uint64)}).save(
            str(tmp_path / "transfer" / name)
        )
    return str(tmp_path / "transfer"), Part(str(tmp_path / "targets"), {"teacher": "known"})


def make(folders, forward=known_teacher, kinds=("logits", "states-03"), precision="float16"):
    sentences, part = folders
    part.begin()
    missing = missing_targets(kinds, NAMES, part)
    make_targets(forward, missing, sentences, 8, part, precision)
    return StoredTargets(
        sentences, SHARDS, part, {"logits": "logits", "states": "states-03"}, 8, ROWS
    )


def test_targets_stand_beside_their_pieces_in_half_precision(folders):
    stored = make(folders)
    batches = list(epoch_batches(stored.source(), 4, [0]))
    assert sum(len(batch["ids"]) for batch in batches) == 12
    for batch in batches:
        assert batch["states"].dtype == batch["logits"].dtype == np.float16
        real = batch["mask"] > 0
        np.testing.assert_array_equal(batch["states"][real][:, 0], batch["ids"][real])
        np.testing.assert_array_equal(batch["states"][real][:, 1], np.nonzero(real)[1])
        np.testing.assert_array_equal(batch["logits"], 2 * batch["states"])
        assert not batch["states"][~real].any()
        assert batch["ids"].shape[1] <= 8


def test_only_what_is_asked_for_is_read(folders):
    stored = make(folders)
    alone = StoredTargets(stored.sentences, SHARDS, stored.part, {"logits": "logits"}, 8, ROWS)
    assert set(alone.validation().pieces) == {"ids", "logits"}


def test_ids_become_rows_of_the_students_table(folders):
    stored = make(folders)
    mapped = StoredTargets(
        stored.sentences, SHARDS, stored.part, stored.kinds, 8, ROWS[::-1].copy()
    )
    np.testing.assert_array_equal(
        mapped.validation().pieces["ids"], 999 - stored.validation().pieces["ids"]
    )


def test_an_interrupted_pass_goes_on_with_the_next_shard(folders):
    calls = []

    def dying(ids, mask):
        calls.append(len(ids))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return known_teacher(ids, mask)

    with pytest.raises(KeyboardInterrupt):
        make(folders, dying)
    _, part = folders
    assert list(missing_targets(["logits", "states-03"], NAMES, part)) == NAMES[1:]
    make(folders)
    assert missing_targets(["logits", "states-03"], NAMES, part) == {}


def test_another_layer_leaves_the_logits_as_they_are(folders):
    make(folders)
    _, part = folders
    assert missing_targets(["logits", "states-05"], NAMES, part) == {
        name: ["states-05"] for name in NAMES
    }


def test_a_truncated_shard_is_found_before_training_and_an_altered_one_on_opening(folders):
    stored = make(folders)
    _, part = folders
    with open(part.path("logits", NAMES[1]), "r+b") as file:
        file.truncate(50)
    assert missing_targets(["logits", "states-03"], NAMES, part) == {NAMES[1]: ["logits"]}
    path = part.path("states-03", NAMES[0])
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")
    with pytest.raises(
        ArtifactError,
        match=r"states-03/validation.safetensors: altered .*only this shard is made again",
    ):
        stored.validation()
    assert missing_targets(["logits", "states-03"], NAMES, part)[NAMES[0]] == ["states-03"]
    make(folders)
    assert set(stored.validation().pieces) == {"ids", "logits", "states"}


def test_a_finished_part_is_known_by_one_record_until_a_shard_is_damaged(folders, monkeypatch):
    stored = make(folders)
    _, part = folders
    config = Config(distillation=DistillationConfig(teacher_layer=3))
    data = SimpleNamespace(read_manifest=lambda: SHARDS)
    run = SimpleNamespace(
        config=config,
        workers=ALONE,
        parts=SimpleNamespace(targets=part),
        wanted_targets=(LOGITS, REPRESENTATION),
    )
    part.finish({"kinds": ["logits", "states-03"], "seconds": 7})
    looked = []
    monkeypatch.setattr(
        "xtremedistil.experiments.targets.missing_targets", lambda *_: looked.append(1) or {}
    )
    targets = RunTargets(run, data, teacher=None, rows=None)
    assert targets.make()["seconds"] == 7
    assert not looked
    os.truncate(part.path("logits", NAMES[1]), 50)
    with pytest.raises(ArtifactError, match="only this shard is made again"):
        list(epoch_batches(stored.source(), 4, [0]))
    targets.make()
    assert looked
    assert missing_targets(["logits", "states-03"], NAMES, part) == {NAMES[1]: ["logits"]}


def test_eight_bits_by_hand():
    numbers, scale = in_eight_bits(np.array([[2.54, -1.0, 0.01], [0, 0, 0]], np.float32))
    assert numbers.tolist() == [[127, -50, 0], [0, 0, 0]]
    assert scale.tolist() == pytest.approx([0.02, 0])


def test_states_of_eight_bits_take_half_the_disk_and_give_the_loss_of_float16(folders, tmp_path):
    sentences, _ = folders
    table = np.random.default_rng(1).normal(size=(1000, 384)).astype(np.float32)

    def wide(ids, mask):
        return {"logits": table[ids][..., :5], "states-03": table[ids]}

    losses, sizes = [], []
    for precision in ("float16", "int8"):
        part = Part(str(tmp_path / precision), {})
        stored = make((sentences, part), wide, precision=precision)
        batch = next(epoch_batches(stored.source(), 12, [0]))
        assert batch["states"].dtype == batch["logits"].dtype == np.float16
        student = np.random.default_rng(2).normal(size=batch["states"].shape).astype(np.float32)
        for config in (KLD, MSE):
            loss = loss_named(REPRESENTATION, config).of_batch(False)
            losses.append(float(loss({"representation": student}, batch)[0]))
        sizes.append(os.path.getsize(part.path("states-03", NAMES[1])))
        logits = part.path("logits", NAMES[1])
        assert set(Ragged.load(logits).pieces) == {"logits"}
    assert losses[2:] == pytest.approx(losses[:2], rel=1e-3)
    assert losses[2:] != losses[:2]
    assert sizes[1] / sizes[0] == pytest.approx((384 + 4) / (2 * 384), rel=0.02)


def test_too_little_room_stops_a_run_before_the_teacher_works(folders, monkeypatch):
    _, part = folders
    shape = SimpleNamespace(config=SimpleNamespace(width=768))
    data = SimpleNamespace(read_manifest=lambda: SHARDS, read_labels=lambda: "OBI")

    def describe(**changes):
        run = SimpleNamespace(
            config=Config(run=RunConfig(**changes)),
            checkpoint=shape,
            parts=SimpleNamespace(targets=part),
            wanted_targets=(LOGITS, REPRESENTATION),
        )
        return RunTargets(run, data, teacher=None, rows=None).describe()

    needed = 12 * 8 * 2 + 68 * 2 * (768 + 3)
    monkeypatch.setattr("xtremedistil.runtime.disk.free_bytes", lambda path: needed - 1000)
    message = f"targets: .* do not fit: 1,000 bytes are missing.*--targets=live.*{needed:,} bytes"
    with pytest.raises(ArtifactError, match=message):
        describe()
    assert "stored" in describe(ignore_disk=True)
    assert "live" in describe(targets="live")
    assert "stored" in describe(target_precision="int8")  # half of it is enough
    os.makedirs(part.path("logits"))
    with open(part.path("logits", "shard"), "wb") as file:
        file.write(bytes(1000))  # what is there already needs no room
    assert "stored" in describe()


def test_targets_of_texts_are_one_row_each():
    rows = Ragged.from_lists({"ids": [np.array([2, 5, 3]), np.array([2, 3])]}, {})
    outputs = teacher_outputs(
        lambda ids, mask: {"logits": mask.sum(axis=1, keepdims=True)}, rows, ["logits"]
    )
    assert outputs["logits"].sentences["logits"].tolist() == [[3], [2]]
    assert outputs["logits"].pieces == {}


def test_values_beyond_half_precision_stop_the_pass(folders):
    def huge(ids, mask):
        return {name: values * 1e6 for name, values in known_teacher(ids, mask).items()}

    with pytest.raises(TrainingError, match="do not fit half precision"):
        make(folders, huge)


def test_the_disk_they_take_is_known_before(folders):
    _, part = folders
    make(folders)
    # of the 34 pieces of each shard, four of a text of twelve are cut off: sizes are about right
    expected = targets_bytes(SHARDS, {"logits": 2, "states": 2}, 8, per_text=False)
    names = [part.path(kind, name) for kind in ("logits", "states-03") for name in NAMES[1:]]
    loaded = [Ragged.load(name) for name in names]
    found = sum(r.offsets.nbytes + sum(v.nbytes for v in r.pieces.values()) for r in loaded)
    assert found == pytest.approx(expected, rel=0.15)
    assert targets_bytes(SHARDS, {"states": 768}, 8, per_text=True) == 12 * (8 + 2 * 768)
    million = Manifest(np.array([7_200_000]), np.array([16 * 7_200_000]))
    assert targets_bytes(million, {"states": 768}, 32, False) == pytest.approx(177e9, rel=0.01)
    eight_bits = targets_bytes(million, {"states": 768}, 32, False, INT8)
    assert eight_bits == 7_200_000 * (8 + 16 * (768 + 4))


def test_logits_count_where_the_teacher_has_a_class():
    """A ready-made teacher was never trained on [CLS], [SEP] and words' other pieces."""
    outputs = {"logit_head": np.zeros((1, 4, 2), np.float32), "representation": np.zeros((1, 4, 2))}
    batch = {
        "mask": np.array([[1.0, 1, 1, 0]], np.float32),
        "logits": np.array([[[9, 9], [2, 0], [0, 4], [7, 7]]], np.float16),
        "states": np.array([[[1, 1], [2, 0], [0, 1], [7, 7]]], np.float16),
    }
    logits, states = (loss_named(name, MSE).of_batch(False) for name in (LOGITS, REPRESENTATION))
    loss, count = logits(outputs, batch)
    assert (float(loss), float(count)) == (pytest.approx((81 + 2 + 8) / 3), 3)
    marked = {**batch, HAS_CLASS: np.array([[0, 1, 1, 0]], np.int8)}
    loss, count = logits(outputs, marked)
    assert (float(loss), float(count)) == (pytest.approx((2 + 8) / 2), 2)
    loss, count = states(outputs, marked)  # of all real pieces
    assert (float(loss), float(count)) == (pytest.approx((1 + 2 + 0.5) / 3), 3)


@pytest.mark.parametrize("live", [False, True])
def test_batches_say_where_the_teacher_has_a_class(folders, live):
    sentences, _ = folders
    for name in NAMES:
        rows = Ragged.load(os.path.join(sentences, name))
        flags = (rows.pieces["ids"] % 2).astype(np.int8)
        Ragged(rows.offsets, {**rows.pieces, HAS_CLASS: flags}, rows.sentences).save(
            os.path.join(sentences, name)
        )
    stored = make(folders)
    targets = LiveTargets(sentences, SHARDS, None, ("logits",), 8, ROWS) if live else stored
    for batch in epoch_batches(targets.source(), 4, [0]):
        np.testing.assert_array_equal(batch[HAS_CLASS], batch["ids"] % 2)


def test_live_targets_give_the_losses_of_stored_ones(folders, tmp_path):
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32")
    states = keras.layers.Embedding(1000, 4, embeddings_initializer="normal")(ids)
    states = keras.layers.Dense(5, "tanh", kernel_initializer="orthogonal")(states)
    teacher = keras.Model(ids, {"states": states, "logits": keras.layers.Dense(3)(states)})

    def forward(ids, mask):
        outputs = teacher(ids)
        return {"logits": np.asarray(outputs["logits"]), "states-03": np.asarray(outputs["states"])}

    stored = make(folders, forward)
    rows = np.where(ROWS, 1 + ROWS % 50, 0).astype(np.int32)  # the student's table is smaller
    common = {"sentences": stored.sentences, "shards": SHARDS, "length": 8, "rows": rows}
    stored = StoredTargets(**common, part=stored.part, kinds=stored.kinds)
    live = LiveTargets(**common, teacher=teacher, kinds=("logits", "states"))
    histories = []
    for targets, complete in ((stored, None), (live, live.complete)):
        shape = StudentShape(60, 6, 5, 5, 3)
        student = build_student(shape, dropout=0.2, seed=1)
        names = (LOGITS, REPRESENTATION)
        training = Training(
            name="live",
            terms=[Term(name, "t", 1.0, loss_named(name, KLD).of_batch(False)) for name in names],
            streams={"t": Stream(targets.source(), targets.validation(), 4, complete)},
            epochs=3,
            optimizer=lambda steps: keras.optimizers.Adam(1e-2),
            seed=[0],
        )
        options = LoopOptions(str(tmp_path / f"{complete is None}"))
        histories.append(train(student, training, options)["history"])
    for one, other in zip(*histories, strict=True):
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], abs=1e-5)
        assert one["loss"] == (other["loss"] and pytest.approx(other["loss"], abs=1e-5))
    assert histories[0][-1]["loss"] < histories[0][1]["loss"]

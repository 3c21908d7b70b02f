"""One teacher pass, kept on disk: half precision, real pieces, resumable shard by shard."""

import os

import numpy as np
import pytest

from xtremedistil.data.pipeline import epoch_batches
from xtremedistil.data.ragged import Ragged
from xtremedistil.distil.targets import (
    StoredTargets,
    make_targets,
    missing_targets,
    teacher_outputs,
)
from xtremedistil.errors import ArtifactError, TrainingError
from xtremedistil.parts import Part

NAMES = ["validation.safetensors", "00000.safetensors", "00001.safetensors"]
SHARDS = [{"name": name, "sentences": 6} for name in NAMES[1:]]
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


def make(folders, forward=known_teacher, kinds=("logits", "states-03")):
    sentences, part = folders
    part.begin()
    missing = missing_targets(kinds, NAMES, part)
    make_targets(forward, missing, sentences, 8, part)
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

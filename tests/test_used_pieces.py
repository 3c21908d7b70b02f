"""Fine-tuning a teacher with the rows of its table that the data uses, against all rows."""

import numpy as np
import pytest
import tiny_bert
from golden_encoder import copy_golden

from xtremedistil.config import TeacherConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.distil.finetune import decay_without_gradient, finetune
from xtremedistil.teachers.teacher import load_teacher, open_checkpoint, read_table, word_table
from xtremedistil.teachers.used_pieces import UsedPieces
from xtremedistil.training.task import LoopOptions

LABELS = LabelSet(("O", "B-X", "I-X"), "ner")


def sentences(*ids):
    """Sentences of these ids, each piece's class its id modulo 3."""
    arrays = [np.array(row, np.int32) for row in ids]
    return Ragged.from_lists(
        {"ids": arrays, "labels": [(row % 3).astype(np.int16) for row in arrays]}, {}
    )


def test_pieces_of_several_data_sets_become_rows_after_padding():
    one, other = sentences([7, 3, 7], [9]), sentences([3, 12])
    used = UsedPieces.of(one, other)
    assert used.pieces.tolist() == [0, 3, 7, 9, 12]
    renumbered = used.renumber(one)
    assert renumbered.pieces["ids"].tolist() == [2, 1, 2, 3]
    assert renumbered.pieces["ids"].dtype == np.int32
    assert renumbered.pieces["labels"].tolist() == [1, 0, 1, 0]
    assert renumbered.offsets.tolist() == [0, 3, 4]


def test_trained_rows_go_back_among_those_that_only_decay_moved():
    table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], np.float32)
    trained = np.array([[-1.0, -2.0], [-5.0, -6.0]], np.float32)
    whole = UsedPieces(np.array([0, 2])).whole_table(table, trained, kept=0.5)
    assert whole.tolist() == [[-1.0, -2.0], [1.5, 2.0], [-5.0, -6.0], [3.5, 4.0]]
    assert table[1].tolist() == [3.0, 4.0]


def test_weight_decay_without_gradients_is_the_product_of_its_steps():
    """Four steps, two of them warm-up to 0.5: rates 0.25, 0.5, 0.5, 0.25."""
    config = TeacherConfig(
        teacher="x",
        teacher_epochs=2,
        teacher_batch_size=2,
        teacher_learning_rate=0.5,
        teacher_warmup=0.5,
        teacher_weight_decay=0.4,
    )
    rows = sentences([1], [2], [3], [4])
    kept = [decay_without_gradient(rows, config, epochs) for epochs in range(3)]
    assert kept == pytest.approx([1, 0.9 * 0.8, 0.9 * 0.8 * 0.8 * 0.9])


@pytest.mark.parametrize("decay", [0.0, 5.0])
def test_a_teacher_ends_with_the_weights_that_training_its_whole_table_gives(tmp_path, decay):
    folder = tiny_bert.write(str(tmp_path / "bert"))
    checkpoint = open_checkpoint(TeacherConfig(teacher=folder), "ner", "")
    rng = np.random.default_rng(1)
    drawn = [rng.choice([2, 3, 6, 7, 11, 13, 17], rng.integers(2, 7)) for _ in range(40)]
    rows, dev = sentences(*drawn), sentences(*drawn[:8], [2, 15])  # 15 is in no training sentence
    config = TeacherConfig(
        teacher=folder,
        teacher_epochs=2,
        teacher_batch_size=8,
        teacher_learning_rate=1e-2,
        teacher_weight_decay=decay,
    )
    whole = load_teacher(checkpoint, LABELS)
    head = whole.get_layer("head").get_weights()
    expected = finetune(whole, LABELS, rows, dev, config, LoopOptions(str(tmp_path / "whole")))

    used = UsedPieces.of(rows, dev)
    cut = load_teacher(checkpoint, LABELS, pieces=used.pieces)
    cut.get_layer("head").set_weights(head)  # which no checkpoint gives
    cut_data = [used.renumber(data) for data in (rows, dev)]
    found = finetune(cut, LABELS, *cut_data, config, LoopOptions(str(tmp_path / "cut")))

    assert found["best_epoch"] == expected["best_epoch"] > 0
    for name in ("loss", "validation_loss"):
        losses = [[entry[name] for entry in one["history"][1:]] for one in (expected, found)]
        np.testing.assert_allclose(*losses, atol=1e-6)
    kept = decay_without_gradient(cut_data[0], config, found["best_epoch"])
    assert (kept == 1) == (decay == 0)
    table = used.whole_table(read_table(checkpoint), word_table(cut), kept)
    weights = {v.path: v.numpy() for v in cut.weights} | {"word_embeddings/embeddings": table}
    assert len(used.pieces) < len(table)
    for variable in whole.weights:
        np.testing.assert_allclose(weights[variable.path], variable.numpy(), atol=2e-6)


def test_a_cut_table_has_the_rows_of_the_checkpoints_own_order(tmp_path):
    golden = copy_golden("xlm-roberta-token", tmp_path / "golden")  # its padding is piece 1
    checkpoint = golden.open()
    whole = load_teacher(checkpoint, checkpoint.labels)
    np.testing.assert_array_equal(read_table(checkpoint), word_table(whole))
    used = UsedPieces.of(sentences(*(row[row > 0] for row in golden.ids)))
    cut = load_teacher(checkpoint, checkpoint.labels, pieces=used.pieces)
    places = np.searchsorted(used.pieces, golden.ids).astype(np.int32)
    np.testing.assert_array_equal(cut(places)["logits"], whole(golden.ids)["logits"])

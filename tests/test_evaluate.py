"""Whole sentences, windows, and the paper's cut, with a fake model whose outputs are known."""

import numpy as np
import pytest

from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.scoring.predictions import predict, predict_classes, score, word_tags

LABELS = LabelSet(("[PAD]", "O", "B-LOC", "I-LOC", "X", "[CLS]", "[SEP]"))
CLS, SEP = 100, 101


def evaluate(forward, rows, labels, languages, cut=None):
    return score(predict(forward, rows, labels, cut=cut), rows, labels, languages)


def sentences(*words_per_sentence):
    """Sentences whose piece ids are 0, 1, 2, ... and whose words start at every second piece."""
    ids = [np.array([CLS, *range(n), SEP], np.int32) for n in words_per_sentence]
    first = [
        np.array([0, *((i + 1) % 2 for i in range(n)), 0], np.int8) for n in words_per_sentence
    ]
    labels = [np.where(f, 2, 4).astype(np.int16) for f in first]
    language = np.zeros(len(ids), np.int16)
    return Ragged.from_lists({"ids": ids, "first": first, "labels": labels}, {"language": language})


def tags_by_id(ids, mask):
    """A model that sees B-LOC where an id is a multiple of four, and a marker, which may not be
    chosen, above all."""
    logits = np.zeros((*ids.shape, 7), np.float32)
    logits[..., 4] = 9
    logits[..., 2] = ids % 4 == 0
    logits[..., 1] = ids % 4 != 0
    return logits


def test_markers_are_never_predicted():
    rows = sentences(5)
    classes = predict_classes(tags_by_id, rows, LABELS)
    assert word_tags(classes, rows, LABELS) == [["B-LOC", "O", "B-LOC"]]


@pytest.mark.parametrize("limit", [6, 7, 10, 23])
def test_windows_answer_as_the_whole_sentence_does(limit):
    rows = sentences(3, 20, 1, 57, 0)
    widest = []

    def forward(ids, mask):
        widest.append(ids.shape[1])
        assert (ids[:, 0] == CLS).all()
        return tags_by_id(ids, mask)

    windowed = predict_classes(forward, rows, LABELS, limit)
    assert max(widest) <= limit
    np.testing.assert_array_equal(windowed, predict_classes(tags_by_id, rows, LABELS))


def test_each_piece_is_read_far_from_the_edges_of_its_window():
    rows = sentences(40)
    distance = {}

    def forward(ids, mask):
        for row in ids:
            inner = [i for i in row if i < CLS]
            for place, piece in enumerate(inner):
                edge = min(
                    place if inner[0] else 99, len(inner) - 1 - place if inner[-1] != 39 else 99
                )
                distance.setdefault(piece, []).append(edge)
        logits = np.zeros((*ids.shape, 7), np.float32)
        return logits

    predict_classes(forward, rows, LABELS, limit=12)  # room for 10 pieces, windows 5 apart
    assert all(max(found) >= 2 for found in distance.values())


def test_words_beyond_the_cut_count_as_outside_and_are_counted():
    rows = sentences(8, 2)

    def everything_loc(ids, mask):
        return np.eye(7, dtype=np.float32)[np.full(ids.shape, 2)]

    whole, _ = evaluate(everything_loc, rows, LABELS, ["de"])
    assert (whole["f1"]["mean"], whole["words_cut_off"]) == (100, 0)
    # 5 pieces: [CLS], pieces 0 1 2 (two words), [SEP]; words 3 and 4 of the first sentence are lost
    cut, counts = evaluate(everything_loc, rows, LABELS, ["de"], cut=5)
    assert cut["words_cut_off"] == 2
    assert counts.tolist() == [[2, 2, 4], [1, 1, 1]]


def test_long_sentences_do_not_widen_other_batches():
    rows = sentences(*[6] * 50, 3000)
    shapes = []

    def forward(ids, mask):
        shapes.append(ids.shape)
        return tags_by_id(ids, mask)

    predict_classes(forward, rows, LABELS)
    assert shapes == [(48, 8), (2, 8), (1, 3002)]


def test_classification_gives_one_class_per_text():
    labels = LabelSet(("neg", "pos"), "classification")
    rows = sentences(3, 5, 2)
    rows = Ragged(
        rows.offsets, rows.pieces, rows.sentences | {"labels": np.array([1, 1, 0], np.int16)}
    )

    def forward(ids, mask):
        return np.stack([mask.sum(axis=1) < 5, mask.sum(axis=1) >= 5], axis=-1).astype(np.float32)

    scores, counts = evaluate(forward, rows, labels, ["en"])
    assert scores["accuracy"]["mean"] == pytest.approx(100)
    assert counts[:, 0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(("limit", "cut"), [(None, None), (10, None), (None, 5)])
def test_every_sentence_that_was_read_is_told_of(limit, cut):
    rows, told = sentences(*range(40), *range(200, 20, -7)), []
    predict(tags_by_id, rows, LABELS, limit, cut, told.append)
    assert sum(told) == len(rows)


def test_every_text_that_was_read_is_told_of():
    rows, told = sentences(3, 500, 2), []
    labels = LabelSet(("neg", "pos"), "classification")
    predict(lambda ids, mask: np.zeros((len(ids), 2), np.float32), rows, labels, 10, 5, told.append)
    assert sum(told) == 3

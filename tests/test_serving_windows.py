"""Long texts: the graph's windows are those of Python, and a SavedModel answers as Python does."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from test_serving import check_answer, make

import xtremedistil
from xtremedistil.data import windows as python_windows
from xtremedistil.data.ragged import Ragged
from xtremedistil.serving.graph import saved_model
from xtremedistil.serving.graph import windows as window_graph
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.students.registry import KINDS

CLS, SEP = 900, 901


def texts_of(lengths):
    """Each with [CLS] and [SEP], and every piece known by its number."""
    pieces = iter(range(1, 900))
    inner = [[next(pieces) for _ in range(n)] for n in lengths]
    return [np.array([CLS, *ids, SEP], np.int32) for ids in inner]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(3, 20))
def test_windows_and_places_are_those_of_python(lengths, limit):
    texts = texts_of(lengths)
    rows = Ragged.from_lists({"ids": texts}, {})
    expected, part, position = python_windows.windows(rows, limit)
    found = window_graph.windows(tf.ragged.constant([t.tolist() for t in texts]), limit)
    assert found.ids.row_splits.numpy().tolist() == expected.offsets.tolist()
    assert found.ids.values.numpy().tolist() == expected.pieces["ids"].tolist()
    text = np.repeat(np.arange(len(texts)), lengths).astype(np.int32)
    places = np.concatenate([np.arange(1, n + 1) for n in lengths]).astype(np.int32)
    at = window_graph.find(found, tf.constant(text), tf.constant(places)).numpy()
    inner = rows.offsets[text] + places
    assert at.tolist() == (expected.offsets[part] + position)[inner].tolist()
    values = found.ids.values.numpy()[at]
    assert values.tolist() == rows.pieces["ids"][inner].tolist()


@pytest.mark.parametrize("same_width", [False, True])
def test_parts_are_joined_in_order(monkeypatch, same_width):
    monkeypatch.setattr(window_graph, "PIECES_AT_ONCE", 10)
    widths = []

    def network(ids, asked):
        widths.append(ids.shape)
        return tf.one_hot(tf.boolean_mask(ids, asked), 20)

    ids = tf.ragged.constant([[1, 2, 3, 4, 5], [6], [], [7, 8], [9]])
    asked = tf.not_equal(ids.values, 4)
    found = window_graph.in_parts(network, ids, asked, 20, same_width)
    assert found.numpy().argmax(-1).tolist() == [1, 2, 3, 5, 6, 7, 8, 9]
    # the shortest first: [], [6] and [9], [7, 8] and [1, ...]
    assert widths == ([(2, 5), (2, 5), (1, 5)] if same_width else [(2, 1), (2, 2), (1, 5)])


def test_a_classifier_reads_the_mean_of_its_windows(tmp_path):
    whole = xtremedistil.load(make(tmp_path, "classification"))
    ids = [np.arange(2, 2 + n, dtype=np.int32) for n in (5, 12, 3)]
    logits = Predictor(whole.codec, whole.network, 8).logits(Ragged.from_lists({"ids": ids}, {}))
    cls, *inner, sep = ids[1]
    parts = [[cls, *inner[a : a + 6], sep] for a in (0, 3, 4)]
    rows = Ragged.from_lists({"ids": [np.array(p, np.int32) for p in parts]}, {})
    np.testing.assert_allclose(logits[1], whole.logits(rows).mean(axis=0), atol=1e-5)
    alone = whole.logits(Ragged.from_lists({"ids": [ids[0], ids[2]]}, {}))
    np.testing.assert_allclose(logits[[0, 2]], alone, atol=1e-5)
    assert np.abs(logits[1] - whole.logits(Ragged.from_lists({"ids": [ids[1]]}, {}))).max() > 0.01


LONG = " ".join(f"Anna {n} Paris," for n in range(60))
BATCHES = ([LONG], ["Anna in Paris", LONG, "", LONG[:90]], ["Maria lives in Köln."] * 80)


@pytest.mark.parametrize(
    ("task", "encoder"),
    [("ner", "bilstm"), ("ner", "transformer"), ("classification", "bilstm")],
)
def test_the_saved_model_reads_long_texts_as_python_does(task, encoder, tmp_path, monkeypatch):
    short = dataclasses.replace(KINDS[encoder], window=64 if encoder == "bilstm" else 32)
    monkeypatch.setitem(KINDS, encoder, short)
    monkeypatch.setattr(window_graph, "PIECES_AT_ONCE", 256)
    monkeypatch.setattr(saved_model, "PIECES_AT_ONCE", 256)
    student = make(tmp_path / "student", task, encoder=encoder, embedding_dim=24)
    saved_model.export_saved_model(student, str(tmp_path / "export"))
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    predictor = xtremedistil.load(student, "keras")
    rows = predictor._encoder().texts([LONG]).rows
    assert rows.lengths[0] > 2 * predictor.window
    for texts in BATCHES:
        if task == "ner":
            answer = loaded.signatures["tag"](texts=tf.constant(texts))
            check_answer(answer, predictor.tag(texts))
        else:
            answer = loaded.signatures["classify"](texts=tf.constant(texts))
            scores = [list(found.scores.values()) for found in predictor.classify(texts)]
            np.testing.assert_allclose(answer["scores"], scores, atol=2e-5)

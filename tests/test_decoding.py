"""The best legal sequence of tags, against all sequences one by one, in Python and in a graph."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from xtremedistil.data.decoding import best_tags, legal_steps
from xtremedistil.data.labels import LabelSet
from xtremedistil.serving.graph.decoding import Decoding

IOB2 = ("O", "B-A", "I-A", "B-B", "I-B")
BIOES = ("O", "B-A", "I-A", "E-A", "S-A")
EDGES = np.array([0, 3, 3, 4, 8])  # the second text is empty


def is_legal(tags, names):
    """By the definition of each scheme, not by neighbours."""
    spelled = " ".join(names[tag] for tag in tags)
    if names is BIOES:
        rest = spelled.split()
        while rest:
            if rest[0] in ("O", "S-A"):
                rest = rest[1:]
            elif rest[0] == "B-A" and "E-A" in rest and set(rest[1 : rest.index("E-A")]) <= {"I-A"}:
                rest = rest[rest.index("E-A") + 1 :]
            else:
                return False
        return True
    for kind in "AB":
        spelled = spelled.replace(f"B-{kind}", f"({kind}")
    for word in itertools.pairwise(["O", *spelled.split()]):
        before, now = word
        if now.startswith("I-") and before not in (f"({now[2:]}", now):
            return False
    return True


def best_of_all(scores, names):
    legal = (
        t for t in itertools.product(range(len(names)), repeat=len(scores)) if is_legal(t, names)
    )
    return max(legal, key=lambda tags: sum(scores[i, tag] for i, tag in enumerate(tags)))


@pytest.mark.parametrize("names", [IOB2, BIOES])
def test_it_is_the_best_of_all_legal_sequences_in_python_and_in_the_graph(names):
    rng = np.random.default_rng(0)
    legal, mended = legal_steps(names), 0
    graph = tf.function(
        Decoding(legal),
        input_signature=[tf.TensorSpec([None, len(names)]), tf.TensorSpec([None], tf.int64)],
    )
    rows = np.repeat(np.arange(4), np.diff(EDGES))
    for _ in range(40):
        scores = rng.normal(size=(8, len(names))).astype(np.float32)
        found = best_tags(scores, EDGES, legal)
        parts = [scores[a:b] for a, b in itertools.pairwise(EDGES)]
        expected = [tag for part in parts for tag in best_of_all(part, names)]
        assert found.tolist() == expected
        assert graph(scores, rows).numpy().tolist() == expected
        mended += found.tolist() != scores.argmax(axis=1).tolist()
    assert mended > 20


def test_no_words_have_no_tags():
    legal, scores = legal_steps(IOB2), np.zeros((0, 5), np.float32)
    assert best_tags(scores, np.array([0, 0]), legal).tolist() == []
    assert Decoding(legal)(scores, np.zeros(0, np.int64)).numpy().tolist() == []


@pytest.mark.parametrize(
    "names",
    [("O", "I-A", "I-B"), ("O", "PER", "LOC"), ("O", "I-A", "B-B", "I-B"), ("O", "B-A", "S-A")],
)
def test_where_any_sequence_is_legal_or_an_entity_could_not_end_the_best_tag_is_taken(names):
    assert legal_steps(names) is None
    scores = np.random.default_rng(1).normal(size=(8, len(names)))
    assert best_tags(scores, EDGES, None).tolist() == scores.argmax(axis=1).tolist()


def test_labels_choose_no_marker_and_no_orphan():
    labels = LabelSet(("[PAD]", "O", "X", "B-A", "I-A"))
    scores = np.array([[9, 1, 9, 0, 2.0], [9, 1.5, 9, 0, 1]])  # best by themselves: I-A, O
    assert [labels.names[i] for i in labels.decode(scores, np.array([0, 2]))] == ["O", "O"]
    scores[0, 3] = 1.9
    assert [labels.names[i] for i in labels.decode(scores, np.array([0, 2]))] == ["B-A", "O"]

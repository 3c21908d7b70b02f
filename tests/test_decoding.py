"""The best legal sequence of tags, against all sequences one by one, in Python and in a graph."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from xtremedistil.data.decoding import best_tags, legal_steps
from xtremedistil.data.labels import LabelSet
from xtremedistil.serving.graph.decoding import Decoding
from xtremedistil.serving.native.model import NativeModel, _kernel, kernels

IOB2 = ("O", "B-A", "I-A", "B-B", "I-B")
BIOES = ("O", "B-A", "I-A", "E-A", "S-A")
CHOOSE = [best_tags, NativeModel.best_tags] if kernels() else [best_tags]
needs_kernel = pytest.mark.skipif(not kernels(), reason="the C extension is not built here")
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
        parts = [scores[a:b] for a, b in itertools.pairwise(EDGES)]
        expected = [tag for part in parts for tag in best_of_all(part, names)]
        assert all(choose(scores, EDGES, legal).tolist() == expected for choose in CHOOSE)
        assert graph(scores, rows).numpy().tolist() == expected
        mended += expected != scores.argmax(axis=1).tolist()
    assert mended > 20


@needs_kernel
@pytest.mark.parametrize("names", [IOB2, BIOES])
def test_tags_in_c_are_those_of_numpy_with_ties_and_with_what_is_no_number(names):
    rng, legal, mended = np.random.default_rng(1), legal_steps(names), 0
    for trial in range(300):
        edges = np.append(0, np.cumsum(rng.integers(0, 9, 4)))
        scores = rng.integers(-2, 3, (edges[-1], len(names))).astype(np.float32)
        if trial % 3 == 0 and scores.size:
            scores.flat[rng.integers(0, scores.size, 2)] = rng.choice([np.nan, np.inf, -np.inf], 2)
        with np.errstate(invalid="ignore"):
            expected = best_tags(scores, edges, legal).tolist()
        assert NativeModel.best_tags(scores, edges, legal).tolist() == expected
        mended += expected != scores.argmax(axis=1).tolist()
    assert mended > 150


@needs_kernel
@pytest.mark.parametrize(
    ("edges", "tagged", "rule"),
    [
        ([0, 3, 2, 4], 4, "in order"),
        ([0, 3], 4, "all words"),
        ([1, 4], 4, "all words"),
        ([], 4, "at least one tag"),
        ([0, 4], 3, "fit each other"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(edges, tagged, rule):
    scores, legal = np.zeros((4, 5), np.float32), legal_steps(IOB2).astype(np.int32)
    with pytest.raises(ValueError, match=rule):
        _kernel.choose(scores, np.array(edges, np.int32), legal, np.zeros(tagged, np.int32))


@pytest.mark.parametrize("choose", CHOOSE)
def test_no_words_have_no_tags(choose):
    legal, scores = legal_steps(IOB2), np.zeros((0, 5), np.float32)
    assert choose(scores, np.array([0, 0]), legal).tolist() == []
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

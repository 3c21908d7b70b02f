"""Scores against seqeval itself, and against counts by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from xtremedistil.scoring.metrics import (
    accuracy_scores,
    count_entities,
    entity_scores,
    kept_interval,
    precision_recall_f1,
)

TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
sentences = st.lists(
    st.lists(st.tuples(*[st.sampled_from(TAGS)] * 2), min_size=1, max_size=8),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(sentences)
def test_counts_give_seqevals_scores_in_both_modes(pairs):
    true = [[a for a, _ in sentence] for sentence in pairs]
    predicted = [[b for _, b in sentence] for sentence in pairs]
    for strict, options in ((False, {}), (True, {"mode": "strict", "scheme": IOB2})):
        counts = count_entities(true, predicted, strict).counts.sum(axis=(0, 1))
        ours = precision_recall_f1(counts)
        options = options | {"zero_division": 0}
        theirs = [
            score(true, predicted, **options) for score in (precision_score, recall_score, f1_score)
        ]
        np.testing.assert_allclose(ours, 100 * np.array(theirs), atol=1e-9)


def test_scores_by_language_and_type():
    true = [["B-LOC", "O"], ["B-PER", "I-PER"], ["B-LOC", "B-PER"]]
    predicted = [["B-LOC", "O"], ["B-PER", "O"], ["B-LOC", "O"]]
    scores, counts = entity_scores(true, predicted, np.array([0, 1, 1]), ["de", "en", "fr"])
    assert counts.tolist() == [[1, 1, 1], [0, 1, 1], [1, 1, 2]]
    english = 100 * 2 * 1 / (2 + 3)
    assert scores["f1"]["per_language"] == {"de": 100.0, "en": pytest.approx(english)}
    assert scores["f1"]["mean"] == pytest.approx((100 + english) / 2)
    assert scores["f1"]["std"] == pytest.approx(
        (100 - english) / 2
    )  # of the population, not a sample
    assert scores["f1_per_type"] == {"LOC": 100.0, "PER": 0.0}


def test_an_orphan_starts_an_entity_except_in_strict_mode():
    true, predicted = [["B-LOC", "I-LOC"]], [["I-LOC", "I-LOC"]]
    scores, _ = entity_scores(true, predicted, np.zeros(1, int), ["de"])
    assert scores["f1"]["mean"] == 100
    assert scores["f1_strict"]["mean"] == 0


def test_accuracy_is_f1_of_single_answers():
    scores, counts = accuracy_scores(
        np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1]), np.array([0, 0, 0, 1]), ["a", "b"]
    )
    assert scores["accuracy"]["per_language"] == {"a": pytest.approx(200 / 3), "b": 0.0}
    assert counts[:, 0].tolist() == [1, 1, 0, 0]


def test_share_kept_with_its_interval():
    rng = np.random.default_rng(1)
    teacher, student = np.ones((2, 400, 3), int)
    student[:, 0] = rng.random(400) < 0.9
    language = np.repeat([0, 1], 200)
    kept = kept_interval(teacher, student, language)
    per_language = [student[language == i, 0].mean() for i in (0, 1)]
    assert kept["percent"] == pytest.approx(100 * np.mean(per_language))
    # the standard error of a share of 0.9 over 400 is 1.5 points
    assert kept["percent"] - 4.5 < kept["low"] < kept["percent"] - 1.5
    assert kept["percent"] + 1.5 < kept["high"] < kept["percent"] + 4.5
    assert kept_interval(teacher, student, language) == kept


def test_a_teacher_without_a_right_answer_keeps_nothing():
    teacher = np.array([[0, 1, 1]])
    assert kept_interval(teacher, teacher, np.zeros(1, int), samples=10) == {
        "percent": 0,
        "low": 0,
        "high": 0,
    }

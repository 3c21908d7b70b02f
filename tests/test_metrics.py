"""Scores against seqeval itself, and against counts by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from xtremedistil.data import schemes
from xtremedistil.scoring import metrics
from xtremedistil.scoring.comparison import difference_interval
from xtremedistil.scoring.metrics import (
    Truth,
    classes_of,
    kept_interval,
    score,
)
from xtremedistil.scoring.spans import count_entities

IOB2_TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER", "B-art-work", "I-art-work"]
IOBES_TAGS = ["S-PER", "E-PER", "S-LOC", "E-LOC", "X", "[PAD]", *IOB2_TAGS]
sentences = st.lists(
    st.lists(st.tuples(*[st.sampled_from(IOB2_TAGS)] * 2), max_size=8), min_size=1, max_size=6
)


def truth_of(tags, languages=None, names=IOB2_TAGS):
    return Truth.from_tags("ner", names, tags, languages or ["de"] * len(tags))


def spans_of(tags, strict):
    """What seqeval finds in one sentence."""
    if strict:
        return {entity.to_tuple()[1:] for entity in Entities([tags], IOB2).entities[0]}
    return set(get_entities(tags))


@pytest.mark.parametrize(("strict", "tags"), [(False, IOBES_TAGS), (True, IOB2_TAGS)])
def test_counts_are_seqevals_on_thousands_of_random_sentences(strict, tags):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 12, 3000)
    names = [name for name in tags if name not in ("X", "[PAD]")]  # markers are never chosen
    # mostly what the truth says, so that many entities agree
    true = [rng.choice(names, n).tolist() for n in lengths]
    found = [
        [b if rng.random() < 0.3 else a for a, b in zip(t, rng.choice(names, len(t)))] for t in true
    ]
    offsets = np.cumsum([0, *lengths])
    rows = [classes_of(t, tags) for t in (true, found)]
    counted = count_entities(*rows, offsets, tags, schemes.IOB2 if strict else None)
    assert counted.types == ("LOC", "PER", "art-work")
    assert counted.counts[..., 0].sum() > 1000
    for row, pair in zip(counted.counts, zip(true, found)):
        gold, guessed = (spans_of(t, strict) for t in pair)
        for kind, (correct, predicted, wanted) in zip(counted.types, row.tolist()):
            own = [{span for span in side if span[0] == kind} for side in (gold, guessed)]
            assert (correct, predicted, wanted) == (len(own[0] & own[1]), len(own[1]), len(own[0]))


@settings(max_examples=100, deadline=None)
@given(sentences)
def test_scores_are_those_of_seqevals_report_in_both_modes(pairs):
    true, found = ([[pair[side] for pair in sentence] for sentence in pairs] for side in (0, 1))
    truth = truth_of(true)
    scores, _ = score(truth, classes_of(found, IOB2_TAGS))
    for strict, name in ((False, "f1"), (True, "f1_strict")):
        options = {"mode": "strict", "scheme": IOB2} if strict else {}
        if not any(spans_of(tags, strict) for tags in true):
            continue  # seqeval has no report without a true entity
        report = classification_report(true, found, output_dict=True, zero_division=0, **options)
        average = report.pop("micro avg")
        assert scores[name]["mean"] == pytest.approx(100 * average["f1-score"])
        if not strict:
            assert scores["precision"]["mean"] == pytest.approx(100 * average["precision"])
            assert scores["recall"]["mean"] == pytest.approx(100 * average["recall"])
            for kind, value in scores["f1_per_type"].items():
                assert value == pytest.approx(100 * report.get(kind, {"f1-score": 0})["f1-score"])


def test_scores_by_language_and_type():
    true = [["B-LOC", "O"], ["B-PER", "I-PER"], ["B-LOC", "B-PER"]]
    found = [["B-LOC", "O"], ["B-PER", "O"], ["B-LOC", "O"]]
    scores, counts = score(truth_of(true, ["de", "en", "en"]), classes_of(found, IOB2_TAGS))
    assert counts.tolist() == [[1, 1, 1], [0, 1, 1], [1, 1, 2]]
    english = 100 * 2 * 1 / (2 + 3)
    assert scores["f1"]["per_language"] == {"de": 100.0, "en": pytest.approx(english)}
    assert scores["f1"]["mean"] == pytest.approx((100 + english) / 2)
    # of the population, not a sample
    assert scores["f1"]["std"] == pytest.approx((100 - english) / 2)
    assert scores["f1_per_type"] == {"LOC": 100.0, "PER": 0.0}


def test_an_orphan_starts_an_entity_except_in_strict_mode():
    scores, _ = score(truth_of([["B-LOC", "I-LOC"]]), classes_of([["I-LOC", "I-LOC"]], IOB2_TAGS))
    assert scores["f1"]["mean"] == 100
    assert scores["f1_strict"]["mean"] == 0


def test_an_entity_ends_with_its_sentence():
    scores, counts = score(
        truth_of([["B-LOC"], ["I-LOC", "O"]]), classes_of([["O"], ["I-LOC", "O"]], IOB2_TAGS)
    )
    assert counts.tolist() == [[0, 0, 1], [1, 1, 1]]
    assert scores["f1"]["mean"] == pytest.approx(100 * 2 / 3)


def test_details_are_left_out_where_nobody_reads_them(monkeypatch):
    strict = []
    monkeypatch.setattr(
        metrics, "count_entities", lambda *a, **k: (strict.append(k), count_entities(*a, **k))[1]
    )
    truth, found = truth_of([["B-LOC"]]), np.array([1])
    whole, short = score(truth, found)[0], score(truth, found, details=False)[0]
    assert short == {name: whole[name] for name in ("f1", "precision", "recall")}
    assert strict == [{}, {"strict": schemes.IOB2}, {}]


def test_accuracy_is_f1_of_single_answers():
    tags = [["bad"], ["good"], ["good"], ["bad"]]
    truth = Truth.from_tags("classification", ["bad", "good", "fair"], tags, ["a", "a", "a", "b"])
    scores, counts = score(truth, np.array([0, 1, 0, 1]))
    assert scores["accuracy"]["per_language"] == {"a": pytest.approx(200 / 3), "b": 0.0}
    assert counts[:, 0].tolist() == [1, 1, 0, 0]
    # of two answers "bad" one is right, as is one of two texts; of "good" too
    assert scores["f1_per_class"] == {"bad": 50.0, "good": 50.0, "fair": 0.0}
    assert scores["precision_per_class"] == scores["recall_per_class"] == scores["f1_per_class"]
    assert set(score(truth, np.array([0, 1, 0, 1]), details=False)[0]) == {"accuracy"}


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


def test_a_score_is_undefined_where_there_is_nothing_to_find():
    true = [["O", "O"], ["B-PER", "O"]]
    found = [["B-PER", "O"], ["B-PER", "O"]]
    scores, _ = score(truth_of(true, ["de", "en"]), classes_of(found, IOB2_TAGS))
    assert scores["f1"] == {"mean": 100.0, "std": 0.0, "per_language": {"de": None, "en": 100.0}}
    scores, _ = score(truth_of(true[:1], ["de"]), classes_of(found[:1], IOB2_TAGS))
    for name in ("f1", "precision", "recall", "f1_strict"):
        assert scores[name] == {"mean": None, "std": None, "per_language": {"de": None}}


def test_a_difference_is_that_of_the_same_sentences():
    """Of two sentences the first model finds both entities, the second one of them. Samples hold
    the easy one twice (a quarter of them: 100 less 100), both (100 less 50), or the hard one twice
    (a quarter: 100 less 0). In the other language there is nothing to find."""
    first = np.array([[1, 1, 1], [1, 1, 1], [0, 1, 0]])
    second = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 0]])
    language = np.array([0, 0, 1])
    assert difference_interval(first, second, language) == {"percent": 50, "low": 0, "high": 100}
    assert difference_interval(second, first, language) == {"percent": -50, "low": -100, "high": 0}
    nothing = {"percent": 0, "low": 0, "high": 0}  # though the score of either model varies
    assert difference_interval(second, second, language) == nothing
    assert difference_interval(first[2:], second[2:], language[:1]) is None

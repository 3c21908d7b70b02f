"""Spans of serving are the entities of scoring."""

import itertools

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities

from xtremedistil.serving.entities import begin_table, entity_type, find_spans

IOB = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
IOBES = ("O", "B-A", "I-A", "E-A", "S-A", "I-B-C")


def spans_of(texts, begins):
    """Of texts one after the other, by text."""
    text_of = np.repeat(np.arange(len(texts)), [len(tags) for tags in texts])
    tags = np.array([tag for tags in texts for tag in tags], np.int64)
    base = np.cumsum([0] + [len(tags) for tags in texts])
    found = [[] for _ in texts]
    for start, end in zip(*find_spans(tags, text_of, begins, 0), strict=True):
        text = text_of[start]
        found[text].append((start - base[text], end - base[text]))
    return found


@pytest.mark.parametrize("names", [IOB, IOBES])
def test_spans_equal_seqeval_on_every_short_sequence(names):
    texts = [t for n in range(5) for t in itertools.product(range(len(names)), repeat=n)]
    for tags, spans in zip(texts, spans_of(texts, begin_table(names)), strict=True):
        named = [names[tag] for tag in tags]
        found = [(entity_type(named[a]), a, b - 1) for a, b in spans]
        assert found == [tuple(entity) for entity in get_entities(named)], named


def test_an_orphan_begins_an_entity_and_a_new_type_too():
    (spans,) = spans_of([[2, 2, 4, 0, 3, 3]], begin_table(IOB))
    assert spans == [(0, 2), (2, 3), (4, 5), (5, 6)]


def test_no_words():
    assert spans_of([[], []], begin_table(IOB)) == [[], []]

"""Spans of serving are the entities of scoring."""

import itertools

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities

from xtremedistil.serving.entities import begin_table, entity_type, find_spans

IOB = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
IOBES = ("O", "B-A", "I-A", "E-A", "S-A", "I-B-C")


@pytest.mark.parametrize("names", [IOB, IOBES])
def test_spans_equal_seqeval_on_every_short_sequence(names):
    begins = begin_table(names).tolist()
    for length in range(5):
        for tags in itertools.product(range(len(names)), repeat=length):
            named = [names[tag] for tag in tags]
            found = [(entity_type(named[a]), a, b - 1) for a, b in find_spans(tags, begins, 0)]
            assert found == [tuple(entity) for entity in get_entities(named)], named


def test_an_orphan_begins_an_entity_and_a_new_type_too():
    begins = begin_table(IOB)
    assert find_spans(np.array([2, 2, 4, 0, 3, 3]), begins, 0) == [(0, 2), (2, 3), (4, 5), (5, 6)]

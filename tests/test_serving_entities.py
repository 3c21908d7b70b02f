"""Spans of serving are the entities of scoring."""

import itertools

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities

from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.serving.python.entities import begin_table, entity_types, find_spans, inside_table
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.students.folder import Codec
from xtremedistil.tokenization.registry import open_tokenizer

IOB = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
IOBES = ("O", "B-A", "I-A", "E-A", "S-A", "I-B-C")


@pytest.mark.parametrize("names", [IOB, IOBES])
def test_spans_equal_seqeval_on_every_short_sequence(names):
    begins = begin_table(names).tolist()
    for length in range(5):
        for tags in itertools.product(range(len(names)), repeat=length):
            named = [names[tag] for tag in tags]
            spans = find_spans(tags, begins, 0)
            found = [(entity_types(names)[tags[a]], a, b - 1) for a, b in spans]
            assert found == [tuple(entity) for entity in get_entities(named)], named


def test_an_orphan_begins_an_entity_and_a_new_type_too():
    begins = begin_table(IOB)
    assert find_spans(np.array([2, 2, 4, 0, 3, 3]), begins, 0) == [(0, 2), (2, 3), (4, 5), (5, 6)]


def test_a_tag_goes_on_inside_its_entity():
    assert inside_table(IOB) == [0, 2, 2, 4, 4]
    assert inside_table(("O", "B-A", "B-B", "I-B")) == [0, 1, 3, 3]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("in St. Louis.", ["St. Louis"]),
        ("St .", ["St"]),  # apart: a word by itself, with the best entity tag, O
        (". Louis", []),  # inside what did not begin: no legal tag
        ("St.. Louis", ["St.. Louis"]),
        ("in. Louis", []),
    ],
)
def test_what_the_network_takes_for_a_continuation_has_the_tag_before(text, found):
    tokenizer = open_tokenizer(vocabulary_dir())
    labels = LabelSet.from_data(["O", "B-LOC", "I-LOC"], "ner")
    tags = {"St": "B-LOC", "Louis": "I-LOC", ".": "X", "in": "O"}
    pieces = {tokenizer.encode([[word]]).__next__().ids[1]: tag for word, tag in tags.items()}

    def network(ids, lengths):
        logits = np.zeros((*ids.shape, len(labels)), np.float32)
        logits[..., labels.names.index("O")] = 1.1
        for piece, tag in pieces.items():
            logits[ids == piece, labels.names.index(tag)] = 2
        # The text's last period is none: "Louis."
        logits[np.arange(len(ids)), lengths - 2, labels.names.index("X")] *= text[-1] != "."
        return logits

    codec = Codec(tokenizer, np.arange(len(tokenizer.vocabulary), dtype=np.int32), labels)
    answer = Predictor(codec, network).tag(text)
    assert [entity.text for entity in answer.entities] == found

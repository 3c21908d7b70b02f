"""Rules of decoding on sequences by hand, and the best legal one among all that there are."""

import itertools

import numpy as np
import pytest
from seqeval.scheme import IOB2, Entities

from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.scoring.decoding import decode_legal, decode_with_markers

LABELS = LabelSet.from_data(["B-ORG", "B-PER", "O"], "ner")


def scores_of(*names, labels=LABELS):
    """A score of 1 for the named class of each word."""
    return np.eye(len(labels), dtype=np.float32)[[labels.names.index(name) for name in names]]


def named(classes, labels=LABELS):
    return [labels.names[i] for i in classes]


@pytest.mark.parametrize(
    ("best", "tags"),
    [
        (["B-ORG", "X", "X", "O"], ["B-ORG", "I-ORG", "I-ORG", "O"]),
        (["B-PER", "I-PER", "X"], ["B-PER", "I-PER", "I-PER"]),
        (["X", "O", "X"], ["O", "O", "O"]),
        (["B-ORG", "[SEP]", "X"], ["B-ORG", "O", "O"]),
        (["[CLS]", "[PAD]", "B-PER"], ["O", "O", "B-PER"]),
        (["B-ORG", "I-PER", "X"], ["B-ORG", "I-PER", "I-PER"]),
    ],
)
def test_x_continues_an_entity_and_other_markers_are_outside(best, tags):
    assert named(decode_with_markers(scores_of(*best), np.array([0, len(best)]), LABELS)) == tags


def test_x_continues_nothing_of_the_sentence_before():
    found = decode_with_markers(scores_of("B-ORG", "X", "X"), np.array([0, 1, 1, 3]), LABELS)
    assert named(found) == ["B-ORG", "O", "O"]


def test_without_markers_each_word_has_its_best_tag():
    labels = LabelSet(("O", "B-PER"))
    found = decode_with_markers(scores_of("B-PER", "O", labels=labels), np.array([0, 2]), labels)
    assert named(found, labels) == ["B-PER", "O"]


def test_a_type_that_x_cannot_continue_is_an_error():
    labels = LabelSet(("O", "B-PER", "X"))
    with pytest.raises(CheckpointError, match="types without it PER"):
        decode_with_markers(scores_of("O", "X", labels=labels), np.array([0, 2]), labels)


@pytest.mark.parametrize("decode", [decode_with_markers, decode_legal])
@pytest.mark.parametrize("names", [("O", "I-PER"), ("O", "S-PER"), ("O", "PER")])
def test_tags_of_another_scheme_are_an_error(decode, names):
    with pytest.raises(CheckpointError, match=f"Received: {names[1]}$"):
        decode(np.zeros((1, 2), np.float32), np.array([0, 1]), LabelSet(names))


def test_a_weaker_tag_is_taken_where_the_stronger_one_is_illegal():
    """B-ORG I-PER (2.0 + 1.0) is none; B-ORG I-ORG (2.0 + 0.8) is more than B-PER I-PER (1.5 + 1.0)
    and B-ORG B-PER (2.0 + 0.5)."""
    scores = np.full((2, len(LABELS)), -9, np.float32)
    for word, name, value in [
        (0, "B-ORG", 2.0),
        (0, "B-PER", 1.5),
        (1, "I-PER", 1.0),
        (1, "I-ORG", 0.8),
        (1, "B-PER", 0.5),
        (1, "X", 9.0),
    ]:
        scores[word, LABELS.names.index(name)] = value
    assert named(LABELS.decode(scores)) == ["B-ORG", "I-PER"]
    assert named(decode_legal(scores, np.array([0, 2]), LABELS)) == ["B-ORG", "I-ORG"]


def test_the_best_of_all_legal_sequences_is_found():
    """Sentences of 3, 0, 1, 4 and 2 words side by side; legal is what seqeval's strict IOB2 reads
    every entity tag of."""
    offsets = np.cumsum([0, 3, 0, 1, 4, 2])
    scores = np.random.default_rng(0).normal(size=(10, len(LABELS))).astype(np.float32)

    def is_legal(tags):
        read = Entities([[LABELS.names[i] for i in tags]], IOB2).entities[0]
        return sum(entity.end - entity.start for entity in read) == sum(
            LABELS.names[i] != "O" for i in tags
        )

    expected = []
    for start, end in itertools.pairwise(offsets):
        legal = filter(is_legal, itertools.product(LABELS.entity_ids, repeat=end - start))
        own = scores[start:end]
        expected += max(legal, key=lambda tags: own[np.arange(len(tags)), list(tags)].sum())
    found = decode_legal(scores, offsets, LABELS)
    assert found.tolist() == expected
    assert found.tolist() != LABELS.decode(scores).tolist()


def test_no_sentence_has_no_tags():
    scores = np.zeros((0, len(LABELS)), np.float32)
    assert decode_with_markers(scores, np.array([0]), LABELS).shape == (0,)
    assert decode_legal(scores, np.array([0]), LABELS).shape == (0,)

"""Tag schemes: recognised by their labels, made into spans and back, scored and served alike."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU as SEQEVAL_BILOU
from seqeval.scheme import IOBES, Entities

from xtremedistil.data.formats import Example
from xtremedistil.data.labeled import encode_labeled
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.data.schemes import BILOU, BIOES, IO, IOB1, IOB2, TYPES, Span, recognise
from xtremedistil.data.tag_schemes import recognise as recognise_data
from xtremedistil.data.tag_schemes import see, to_iob2
from xtremedistil.runtime.errors import CheckpointError, DataError
from xtremedistil.scoring import predictions
from xtremedistil.scoring.examples import evaluate
from xtremedistil.scoring.metrics import classes_of
from xtremedistil.scoring.spans import count_entities
from xtremedistil.serving.python.answers import Tagged
from xtremedistil.serving.python.entities import begin_table, entity_types, find_spans
from xtremedistil.tokenization.registry import open_tokenizer

# An entity of two words, one of one beside it of the same type, and one of another type.
SPANS = [Span("A", 0, 2), Span("A", 2, 3), Span("C", 4, 5)]
SPELLED = {
    IOB2: "B-A I-A B-A O B-C",
    IOB1: "I-A I-A B-A O I-C",
    BIOES: "B-A E-A S-A O S-C",
    BILOU: "B-A L-A U-A O U-C",
    IO: "I-A I-A I-A O I-C",
    TYPES: "A A A O C",
}
JOINED = [Span("A", 0, 3), Span("C", 4, 5)]


@pytest.mark.parametrize(("scheme", "tags"), SPELLED.items(), ids=lambda x: getattr(x, "name", ""))
def test_entities_and_their_tags(scheme, tags):
    tags = tags.split()
    assert scheme.from_spans(SPANS, 5) == tags
    assert scheme.to_spans(tags) == (JOINED if scheme in (IO, TYPES) else SPANS)
    assert scheme.respell(SPELLED[IOB2].split()) == tags


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ("O B-A I-A B-B I-B", IOB2),
        ("O B-A I-A B-B", IOB2),  # B is an entity of one word, always
        ("O B-A I-A I-B", IOB1),  # an entity of B begins with I
        ("O B-A I-A E-A S-A", BIOES),
        ("O B-A I-A L-A U-A B-L-1", BILOU),
        ("O I-A I-B", IO),
        ("O PER LOC", TYPES),
        ("O E-mail S-Bahn", TYPES),
        ("O B I", replace(IOB2, bare=True)),
        ("O B I E S", replace(BIOES, bare=True)),
        ("O B-ENTITY I-ENTITY", IOB2),
        ("O", IOB2),
    ],
)
def test_a_label_set_says_its_scheme(labels, scheme):
    assert recognise(labels.split()) == scheme


def test_prefixes_alone_are_tags_of_the_one_type_that_data_without_types_has():
    for tags in ("B I O B", "B E O S"):
        names = LabelSet(tuple(dict.fromkeys(["O", *tags.split()])))
        given = to_iob2(tags.split(), recognise_data(see([tags.split()])))
        assert [names.names[i] for i in names.encode(given, lambda i: "a:1")] == tags.split()
        assert names.scheme.to_spans(tags.split()) == [Span("ENTITY", 0, 2), Span("ENTITY", 3, 4)]


def test_prefixes_of_two_schemes_are_refused():
    with pytest.raises(CheckpointError, match=r"several tag schemes.*Received: B-A, E-A, L-A"):
        LabelSet(("O", "B-A", "L-A", "E-A"))


def test_any_tags_of_bioes_and_bilou_are_spans_as_seqeval_has_them():
    for length in range(1, 5):
        for tags in itertools.product(("O", "B-A", "I-A", "E-A", "S-A", "E-B"), repeat=length):
            expected = [Span(kind, a, b + 1) for kind, a, b in get_entities(list(tags))]
            assert BIOES.to_spans(tags) == expected
            other = [tag.replace("E-", "L-").replace("S-", "U-") for tag in tags]
            assert BILOU.to_spans(other) == expected


@pytest.mark.parametrize(
    ("names", "reference"),
    [
        (("O", "B-A", "I-A", "E-A", "S-A", "E-B"), IOBES),
        (("O", "B-A", "I-A", "L-A", "U-A", "L-B"), SEQEVAL_BILOU),
    ],
)
def test_strict_counts_are_of_what_is_well_formed_in_the_scheme(names, reference):
    scheme = recognise(names)
    sentences = [list(tags) for n in range(1, 5) for tags in itertools.product(names, repeat=n)]
    canonical = [scheme.canonical(name) for name in names]
    tags = classes_of(sentences, names)
    offsets = np.cumsum([0, *map(len, sentences)])
    counted = count_entities(tags, tags, offsets, canonical, strict=scheme)
    expected = [len(found) for found in Entities(sentences, reference).entities]
    assert counted.counts[..., 1].sum(axis=1).tolist() == expected


@pytest.mark.parametrize("names", [tags.split() for tags in SPELLED.values()])
def test_served_entities_are_the_scheme_s_spans(names):
    labels = LabelSet(tuple(dict.fromkeys([*names, "O", "X", "[CLS]"])))
    legal = [labels.names[i] for i in labels.entity_ids]
    types, begins = entity_types(legal), begin_table(legal)
    tags = [legal.index(name) for name in names]
    found = [Span(types[tags[a]], a, b) for a, b in find_spans(tags, begins, legal.index("O"))]
    assert found == labels.scheme.to_spans(names)


def test_labels_encode_tags_of_iob2_in_their_own_scheme():
    given = SPELLED[IOB2].split()
    for scheme, tags in SPELLED.items():
        labels = LabelSet(
            (*dict.fromkeys([*tags.split(), *scheme.respell(["B-A", "I-A", "I-A"])]),)
        )
        assert [labels.names[i] for i in labels.encode(given, lambda i: "a:1")] == tags.split()
    with pytest.raises(DataError, match=r"a:1: .*it knows O, A, C.*--label_map.*label='B-B'"):
        LabelSet(("O", "A", "C")).encode(["B-A", "B-B"], lambda i: "a:1")


def test_a_type_without_a_beginning_of_its_own_takes_neighbours_for_one():
    labels = LabelSet(("O", "I-A", "B-B", "I-B"))
    assert labels.scheme is IOB1
    assert labels.joins_neighbours
    assert [
        labels.names[i] for i in labels.encode(["B-A", "B-A", "B-B", "B-B"], lambda i: "a:1")
    ] == [
        "I-A",
        "I-A",
        "I-B",
        "B-B",
    ]
    assert not LabelSet(("O", "B-A", "I-A")).joins_neighbours


class Answering:
    """A predictor that gives each word of a sentence the tag that it spells."""

    task = "ner"

    def __init__(self, labels):
        self.labels = labels

    def tag_words(self, sentences):
        return [Tagged(" ".join(s), [], list(s), [], []) for s in sentences]


# Two entities side by side, then one: of answers only a scheme with beginnings can have them all.
GOLD = ["B-A", "B-A", "O", "B-A", "I-A"]


@pytest.mark.parametrize(
    ("labels", "answer", "counts", "strict"),
    [
        ("O B-A I-A E-A S-A", "S-A S-A O B-A E-A", [3, 3, 3], 100),
        ("O B-A I-A E-A S-A", "S-A S-A O I-A E-A", [3, 3, 3], 100 * 4 / 5),
        ("O B-A I-A L-A U-A", "U-A B-A O B-A L-A", [3, 3, 3], 100 * 4 / 5),
        ("O I-A", "I-A I-A O I-A I-A", [1, 2, 3], 100 * 2 / 5),
        ("O A", "A A O A A", [1, 2, 3], 100 * 2 / 5),
    ],
)
def test_data_of_iob2_scores_answers_of_any_scheme(labels, answer, counts, strict):
    labels = LabelSet(tuple(labels.split()))
    answer = answer.split()
    by_words = evaluate(Answering(labels), [Example(answer, GOLD, "de", "a", 1)]).scores

    example = Example(["Wien"] * len(GOLD), GOLD, "de", "a", 1)
    rows = encode_labeled([example], open_tokenizer(vocabulary_dir()), labels, ["de"])
    assert ("begins" in rows.pieces) == labels.joins_neighbours
    classes = np.zeros(rows.offsets[-1], np.int32)
    classes[rows.pieces["first"] > 0] = [labels.names.index(tag) for tag in answer]
    scores, counted = predictions.score(predictions.Prediction(classes), rows, labels, ["de"])
    assert counted.tolist() == [counts]
    for found in (scores, by_words):
        assert found["f1"]["mean"] == pytest.approx(100 * 2 * counts[0] / (counts[1] + counts[2]))
        assert found["f1_strict"]["mean"] == pytest.approx(strict)

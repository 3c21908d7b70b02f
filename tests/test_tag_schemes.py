"""Tag schemes: recognised by what is there, and the same entities in IOB2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil.data.tag_schemes import SCHEMES, SchemeError, recognise, see, to_iob2

IOB2 = ["O", "B-PER", "I-PER", "B-PER", "O", "B-LOC", "I-LOC", "B-PER"]
WRITTEN = {
    "iob2": "O B-PER I-PER B-PER O B-LOC I-LOC B-PER",
    "iob1": "O I-PER I-PER B-PER O I-LOC I-LOC I-PER",
    "bioes": "O B-PER E-PER S-PER O B-LOC E-LOC S-PER",
    "bilou": "O B-PER L-PER U-PER O B-LOC L-LOC U-PER",
    "brackets": "* (PER* *) (PER) * (LOC* *) (PER*)",
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_each_scheme_is_recognised_and_read_without_loss(scheme):
    tags = WRITTEN[scheme].split()
    assert recognise(see([tags])) == scheme
    assert to_iob2(tags, scheme) == IOB2


def test_neighbours_of_one_type_are_one_entity_in_io():
    tags = ["O", "PER", "PER", "O", "LOC", "PER", "work-of-art"]
    assert recognise(see([tags])) == "io"
    expected = ["O", "B-PER", "I-PER", "O", "B-LOC", "B-PER", "B-work-of-art"]
    assert to_iob2(tags, "io") == expected
    assert to_iob2(["I-PER", "I-PER", "O"], "io") == ["B-PER", "I-PER", "O"]


@pytest.mark.parametrize(
    ("written", "scheme", "expected"),
    [
        ("O B I B", "iob2", "O B-ENTITY I-ENTITY B-ENTITY"),
        ("O I I B", "iob1", "O B-ENTITY I-ENTITY B-ENTITY"),
        ("O B E S", "bioes", "O B-ENTITY I-ENTITY B-ENTITY"),
        ("O B L U", "bilou", "O B-ENTITY I-ENTITY B-ENTITY"),
    ],
)
def test_letters_without_types(written, scheme, expected):
    assert recognise(see([written.split()])) == scheme
    assert to_iob2(written.split(), scheme) == expected.split()


def test_the_edge_of_a_sentence_starts_an_entity():
    assert recognise(see([["O", "I-PER"], ["I-PER", "O"]])) == "iob1"
    assert recognise(see([["B-PER"], ["B-PER", "I-PER"]])) == "iob2"


@pytest.mark.parametrize(
    "tags",
    [
        ["O", "I-LOC", "B-PER"],  # orphans, and a B- that IOB1 has not: broken IOB2
        ["O", "O"],
        ["NNP", "VBZ"],  # no word is outside
        ["O", "B-PER", "PER"],
        ["O", "'", '"'],
    ],
)
def test_what_is_no_other_scheme_is_left_to_the_rules_of_iob2(tags):
    assert recognise(see([tags])) == "iob2"


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        ("O E-PER L-PER", "tags of several schemes: letters E, L"),
        ("o b-per", "a scheme's letter is a capital"),
        ("O B_PER", "has a hyphen after it"),
        ("O PER-B", "stands first"),
    ],
)
def test_tags_of_no_scheme(tags, rule):
    with pytest.raises(SchemeError, match=rule):
        recognise(see([tags.split()]))


@pytest.mark.parametrize(
    ("tags", "scheme", "word", "rule"),
    [
        ("B-PER O", "bioes", 1, "O after B-PER is not bioes"),
        ("O E-PER", "bioes", 1, "E-PER after O is not bioes"),
        ("I-PER", "bilou", 0, "I-PER after nothing is not bilou"),
        ("B-PER L-LOC", "bilou", 1, "L-LOC after B-PER"),
        ("O B-PER", "bioes", 1, "B-PER at a sentence's end"),
        ("O S-PER B-PER L-PER", "bilou", 1, "no tag of bilou"),
        ("* (PER* (LOC) *)", "brackets", 2, "a bracket in another"),
        ("* *)", "brackets", 1, "closes none"),
        ("(PER* *", "brackets", 1, "not closed"),
        ("* O", "brackets", 1, "no tag of brackets"),
        ("O B-PER '", "iob1", 2, "no tag of iob1"),
        ("O PER '", "io", 2, "no tag of io"),
    ],
)
def test_a_tag_that_breaks_its_scheme_is_found(tags, scheme, word, rule):
    with pytest.raises(SchemeError, match=rule) as caught:
        to_iob2(tags.split(), scheme)
    assert caught.value.word == word


def written(spans, scheme):
    """Tags of entities (type, length) in turn, each after a word outside or not."""
    tags, before = [], None
    for name, length, apart in spans:
        if apart:
            tags.append("O")
            before = None
        if scheme in ("iob2", "iob1"):
            letters = ["B" if scheme == "iob2" or before == name else "I", *"I" * (length - 1)]
        else:
            end, one = ("E", "S") if scheme == "bioes" else ("L", "U")
            letters = [one] if length == 1 else ["B", *"I" * (length - 2), end]
        tags += [f"{letter}-{name}" for letter in letters]
        before = name
    return tags


SPANS = st.tuples(st.sampled_from(["PER", "LOC"]), st.integers(1, 3), st.booleans())


@given(st.lists(st.lists(SPANS, min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_entities_survive(sentences):
    for scheme in sorted(set(SCHEMES) - {"io"}):
        tags = [written(spans, scheme) for spans in sentences]
        found = recognise(see(tags))
        expected = [written(spans, "iob2") for spans in sentences]
        assert [to_iob2(own, found) for own in tags] == expected

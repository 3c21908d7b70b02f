"""Many texts read at once, with what was read before remembered, are the texts read one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.serving.python import encoding
from xtremedistil.serving.python.encoding import Encoder, ranges
from xtremedistil.students.folder import Codec
from xtremedistil.tokenization.raw_words import find_words
from xtremedistil.tokenization.registry import open_tokenizer

RULES = open_tokenizer(vocabulary_dir())
ROWS = np.arange(len(RULES.vocabulary), dtype=np.int32)[::-1].copy()  # a row is not its piece
CODEC = Codec(RULES, ROWS, LabelSet.from_data(["O", "B-A"], "ner"))
SHARED = Encoder(CODEC)
HOSTILE = [
    "Anna (aus Köln) in  Paris,\tTX ",
    "",
    " ",
    "東京は、Tokyoです。 a\u00a0b\u3000c",
    "e\u0301 \u200b \x07 \ud800 U.S. " + "x" * 150,
    "Anna Anna Paris, Paris,",
]


def assert_read(found, texts, spans):
    """Compares with each text tokenized by itself, as training does."""
    clean = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    words = [[t[a:b] for a, b in places] for t, places in zip(clean, spans, strict=True)]
    expected = list(RULES.encode(words))
    assert found.counts.tolist() == [len(places) for places in spans]
    assert list(zip(found.starts, found.ends, strict=True)) == [s for p in spans for s in p]
    np.testing.assert_array_equal(found.first, np.concatenate([p.first for p in expected]))
    for row, pieces in enumerate(expected):
        a, b = found.rows.offsets[row : row + 2]
        np.testing.assert_array_equal(found.rows.pieces["ids"][a:b], ROWS[pieces.ids])


def test_hostile_texts_together_and_each_alone():
    assert_read(Encoder(CODEC).texts(HOSTILE), HOSTILE, [find_words(t) for t in HOSTILE])
    for text in HOSTILE:
        assert_read(SHARED.texts([text]), [text], [find_words(text)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1))
def test_any_texts_after_any_others(texts):
    assert_read(SHARED.texts(texts), texts, [find_words(text) for text in texts])


def test_known_words_stay_whole():
    sentences = [["(Paris),", "TX"], [], ["", "Paris"]]
    spans = [[(0, 8), (9, 11)], [], [(0, 0), (1, 6)]]
    assert_read(Encoder(CODEC).sentences(sentences), [" ".join(s) for s in sentences], spans)


@pytest.mark.parametrize("limit", ["_MOST_PARTS", "_MOST_CHARACTERS"])
def test_what_is_remembered_is_bounded_and_forgetting_changes_nothing(limit, monkeypatch):
    monkeypatch.setattr(encoding, limit, 50)
    encoder, sizes = Encoder(CODEC), []
    for number in range(60):
        text = f"Anna {number} went to Paris{number}"
        assert_read(encoder.texts([text]), [text], [find_words(text)])
        sizes.append(len(encoder._parts.index))
    assert max(sizes) <= 60
    assert any(b < a for a, b in itertools.pairwise(sizes))


def test_ranges():
    assert ranges(np.array([5, 0, 7]), np.array([2, 0, 3])).tolist() == [5, 6, 7, 8, 9]
    assert ranges(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []

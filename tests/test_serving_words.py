"""Words of raw text: the rule, and the same words from Python and from the graph."""

import itertools
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_text import CASED, HOSTILE
from tokenizers import normalizers

from xtremedistil.serving.graph.registry import graph_tokenizer
from xtremedistil.tokenization import raw_words
from xtremedistil.tokenization.raw_words import IDEOGRAPHS, find_words, ranges
from xtremedistil.tokenization.words import is_split_off, split_words


@pytest.fixture(scope="module")
def graph_words():
    tokenizer = graph_tokenizer(CASED)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def run(texts):
        return tokenizer.words(texts, raw=True)

    def words(texts):
        found = run(tf.constant(texts))
        places = zip(found.starts.to_list(), found.ends.to_list(), strict=True)
        return [list(zip(starts, ends, strict=True)) for starts, ends in places]

    return words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(Paris), really?", ["(", "Paris", ")", ",", "really", "?"]),
        ("J. R. Smith of the U.S.", ["J.", "R.", "Smith", "of", "the", "U.S."]),
        ("Jean-Pierre's 3.14 l'Oise", ["Jean-Pierre's", "3.14", "l'Oise"]),
        ("Plan B... «Élysée»", ["Plan", "B.", "..", "«", "Élysée", "»"]),
        ("''Paris'' -- wait...--!!", ["''", "Paris", "''", "--", "wait", "...", "--", "!", "!"]),
        ("== aa...b ``c`` **((d)) ==", ["==", "aa...b", "``", "c", "``", "**", *"((d))", "=="]),
        ("東京は、Tokyoです。", ["東", "京", "は、Tokyoです", "。"]),
        (" \t\u3000", []),
        ("", []),
    ],
)
def test_the_rule(text, words):
    assert [text[a:b] for a, b in find_words(text)] == words


def test_ideographs_are_those_of_bert():
    normalizer = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    blocks = [points[i : i + 256] for i in range(0, len(points), 256)]
    spaced = []
    for block in blocks:
        text = "".join(map(chr, block))
        if normalizer.normalize_str(text) != text:
            spaced += [c for c in block if normalizer.normalize_str(chr(c)) != chr(c)]
    joined = {c for first, last in IDEOGRAPHS for c in range(first, last + 1)}
    assert set(spaced) == joined


def test_no_letters_and_no_punctuation_are_left_out():
    left = map(chr, range(raw_words._NO_MORE_WORDS, 0x110000))
    assert not {unicodedata.category(c)[0] for c in left} & {"L", "P"}
    left = map(chr, range(raw_words._NO_MORE_PUNCTUATION, raw_words._NO_MORE_WORDS))
    assert "P" not in {unicodedata.category(c)[0] for c in left}


def test_classes_are_those_of_unicode():
    points = range(raw_words._NO_MORE_WORDS)
    category = [unicodedata.category(chr(c))[0] for c in points]
    ideographs = {c for first, last in IDEOGRAPHS for c in range(first, last + 1)}
    symbols = {c for c in range(33, 127) if not chr(c).isalnum()}
    marks = {c for c in points if category[c] == "P" and is_split_off(chr(c))}
    letters = {c for c in points if category[c] == "L"} - ideographs
    found = [
        {c for first, last in runs for c in range(first, last + 1)}
        for runs in raw_words._ranges_of_classes()
    ]
    assert found == [marks | symbols, letters]


def test_ranges_join_neighbours():
    assert ranges([5, 1, 2, 3, 9]) == ((1, 3), (5, 5), (9, 9))
    assert ranges([]) == ()


def test_the_graph_finds_the_same_words_in_hostile_text(graph_words):
    texts = [text.encode("utf-8", "replace").decode("utf-8") for text in HOSTILE]
    texts += ["a." * 40_000, "!" * 30_000, "-" * 30_000, "-." * 30_000, "a!" * 40_000]
    texts += ["x" * 100_000, "東" * 20_000]
    assert graph_words(texts) == [find_words(text) for text in texts]


def test_the_graph_knows_every_character_alike(graph_words):
    points = [c for c in range(1, 0x30000) if not 0xD800 <= c < 0xF900]
    texts = [
        " ".join(f"{chr(c)}a.{chr(c)} b{chr(c)}b {chr(c)}." for c in points[i : i + 2000])
        for i in range(0, len(points), 2000)
    ]
    for i in range(0, len(texts), 16):
        assert graph_words(texts[i : i + 16]) == [find_words(text) for text in texts[i : i + 16]]


TEXT = st.text(
    st.one_of(st.sampled_from(" .,!-aZé東京()'*`=\0\u200b\u0301"), st.characters(codec="utf-8")),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_the_graph_finds_the_same_words_in_any_text(graph_words, texts):
    assert graph_words(texts) == [find_words(text) for text in texts]


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_words_hold_everything_but_white_space(text):
    spans = find_words(text)
    assert "".join(text[a:b] for a, b in spans) == "".join(split_words(text))
    assert all(a < b for a, b in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=60))
@example("0\u2e43")  # punctuation to Python, and not to the tokenizer
def test_wordpieces_are_those_of_words_split_at_spaces(text):
    """On clean text the model reads the same pieces, whichever way words are found."""
    (raw,) = CASED.encode([[text[a:b] for a, b in find_words(text)]])
    (spaced,) = CASED.encode([split_words(text)])
    assert raw.ids.tolist() == spaced.ids.tolist()

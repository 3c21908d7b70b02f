"""The in-graph tokenizer equals the training tokenizer: all of Unicode, every language, hostile
text."""

import dataclasses
import glob
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil.data.formats import Rules, read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir, vocabulary_dir
from xtremedistil.serving.graph.registry import graph_tokenizer
from xtremedistil.tokenization.registry import open_tokenizer
from xtremedistil.tokenization.words import split_words

CASED = open_tokenizer(vocabulary_dir())
UNCASED = dataclasses.replace(CASED, lowercase=True, strip_accents=True)


class Pair:
    """The two tokenizers of one set of rules."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        graph = graph_tokenizer(tokenizer)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def run(texts):
            words = graph.words(texts, raw=False)
            ids, first = graph.sentences(graph.pieces(words.words))
            return words, ids, first

        self.run = run

    def differences(self, texts):
        """The texts whose pieces or word starts differ."""
        _, ids, first = self.run(tf.constant(texts))
        expected = list(self.tokenizer.encode([split_words(text) for text in texts]))
        flat_ids, flat_first = ids.values.numpy(), first.values.numpy()
        id_rows, first_rows = ids.row_splits.numpy(), first.row_splits.numpy()
        return [
            text
            for i, (text, pieces) in enumerate(zip(texts, expected, strict=True))
            if not np.array_equal(pieces.ids, flat_ids[id_rows[i] : id_rows[i + 1]])
            or not np.array_equal(pieces.first, flat_first[first_rows[i] : first_rows[i + 1]])
        ]


@pytest.fixture(scope="module", params=["cased", "uncased"])
def pair(request):
    return Pair(CASED if request.param == "cased" else UNCASED)


def test_every_code_point(pair):
    points = [
        chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000 and not 0xE000 <= c < 0xF800
    ]
    points = [
        c for c in points if not ord(c) >= 0xF0000
    ]  # the rest of private use is like its first part
    texts = [" ".join(f"a{c}B" for c in points[i : i + 500]) for i in range(0, len(points), 500)]
    assert pair.differences(texts) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language(pair, language):
    examples = read_examples(f"{corpus_dir()}/{language}/test.tsv.xz", "conll")
    assert pair.differences([" ".join(e.words) for e in examples]) == []


HOSTILE = [
    "",
    "   \t\n ",
    "e\u0301 \u0301 a\u0301\u0302\u0303",
    "zero\u200bwidth\u200d \u200b \ufeff",
    "bell\x07 \x00 nul\x00l \x1b[0m",
    "👩🏽‍🚀 👍🏿 🇩🇪🇫🇷 ❤️",
    "שלום (עולם) مرحبا، بالعالم",
    "mixed שלום Привет hello",
    "今日は東京へ行きます。北京大学",
    "ΟΔΟΣ Σ ΑΣ. İstanbul ẞ ﬁ ǅ",
    "x" * 101 + " " + "ё" * 100 + " " + "ё" * 101 + " " + "ก" * 100,
    "[CLS] [SEP] [MASK] [PAD] [UNK] ##s",
    "a\u00a0b\u3000c\u2028d\u0085e\x0bf\x1cg",
    "...!?¿¡«»„“”‘’—–-‐‑",
    "\ud7ff\ue000\ufffd\uffff",
]


def test_hostile_text(pair):
    assert (
        pair.differences([text.encode("utf-8", "replace").decode("utf-8") for text in HOSTILE])
        == []
    )


def test_a_very_long_line(pair):
    assert pair.differences(["Łódź, " * 20_000, "y" * 100_000]) == []


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), min_size=1, max_size=4)
)
def test_any_text(pair, texts):
    assert pair.differences(texts) == []


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_offsets_slice_the_text_to_its_words(pair, text):
    words, _, _ = pair.run(tf.constant([text]))
    raw = text.encode("utf-8")
    expected = split_words(text)
    found = [word.decode("utf-8") for word in words.words.values.numpy()]
    assert found == [word.replace("\0", "\1") for word in expected]
    places = zip(words.starts.values.numpy(), words.ends.values.numpy(), strict=True)
    assert [text[a:b] for a, b in places] == expected
    places = zip(words.byte_starts.values.numpy(), words.byte_ends.values.numpy(), strict=True)
    assert [raw[a:b].decode("utf-8") for a, b in places] == expected


def test_invalid_utf8_is_replaced_and_never_crashes(pair):
    texts = [
        b"br\xfc\xfcn",
        b"\xff\xfe\xfd",
        b"\xed\xa0\x80 surrogate",
        b"fine \xc3",
        b"\xf0\x9f\x98 cut",
    ]
    words, ids, _ = pair.run(tf.constant(texts))
    assert words.words.nrows() == ids.nrows() == 5
    assert words.words[0, 0].numpy().decode("utf-8") == "br\ufffd\ufffdn"
    slices = [
        [text[a:b] for a, b in zip(starts, ends, strict=True)]
        for text, starts, ends in zip(
            texts, words.byte_starts.to_list(), words.byte_ends.to_list(), strict=True
        )
    ]
    assert slices == [text.split() for text in texts]  # bytes of the text as it was given


def test_every_real_sentence(shared_data, minilm):
    pair = Pair(open_tokenizer(minilm))
    # some of the published data is not IOB2; 300 of each file
    rules = Rules(repair_iob2=True)
    files = [(path, "conll") for path in glob.glob(f"{shared_data}/wikiann/*/test.tsv")]
    files += [
        (f"{shared_data}/{name}.tsv", "classification") for name in ("sst2/dev", "ag_news/test")
    ]
    files.append((f"{shared_data}/xd_sample/dev_small.tsv", "tsv"))
    sentences = 0
    for path, kind in sorted(files):
        examples = itertools.islice(read_examples(path, kind, rules=rules), 300)
        texts = [" ".join(e.words) for e in examples]
        for i in range(0, len(texts), 2000):
            assert pair.differences(texts[i : i + 2000]) == []
        sentences += len(texts)
    assert sentences == 28 * 300 + 300 + 300 + 10

"""A student's folder opens with transformers' own AutoTokenizer, with the same pieces.

Not so for ModernBERT's, whose class is that of any `tokenizer.json` and takes no space from the
settings, nor for DeBERTa's Unigram, which transformers reads without its table of normalization.
"""

import os

import pytest

from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.tokenization.registry import open_tokenizer

GOLDEN = os.path.join(os.path.dirname(__file__), "golden")
# Text that spells a special token is not among them: transformers reads it as that token.
WORDS = (
    *(
        "Łukasz",
        "(aus",
        "e\u0301a\u0301",
        "👩🏽\u200d🚀",
        "שלום",
        "東京",
        "x" * 150,
        "\u200b",
        "bell\x07",
    ),
    *("ＡＢＣ", "ß²№", "a\u00adb", "ﬁ", "\ufffd", "don't", "İ\u0307", "क्षि", "1234567", "U.S.A."),
)


@pytest.mark.parametrize(
    "folder",
    [
        vocabulary_dir(),
        *(f"{GOLDEN}/{name}" for name in ("unigram-xlm-roberta", "unigram-camembert")),
        f"{GOLDEN}/bytes-roberta",
    ],
    ids=["wordpiece", "unigram", "camembert", "bpe"],
)
def test_pieces_are_those_of_transformers(folder, tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = open_tokenizer(folder)
    tokenizer.save(str(tmp_path))
    other = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    found = other([[word] for word in WORDS], is_split_into_words=True, add_special_tokens=False)
    expected = [ids.tolist() for ids, _ in tokenizer.encode_words([[word] for word in WORDS])]
    assert dict(zip(WORDS, found["input_ids"], strict=True)) == dict(
        zip(WORDS, expected, strict=True)
    )

"""WordPiece as a TensorFlow graph.

`tensorflow_text`'s own BERT tokenizer folds case and compatibility forms differently from the
reference (it differs on up to 6% of real sentences), so the reference's steps are rebuilt here one
by one. The character classes are read from the training tokenizer itself, code point by code point,
so that graph and training agree on all of Unicode.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import normalizers, pre_tokenizers

from xtremedistil.serving.graph.tokenizer import GraphTokenizer
from xtremedistil.tokenization.raw_words import ranges, re2_class
from xtremedistil.tokenization.wordpiece import WordPiece

_BLOCK = 256
_BLOCKS = range(0, 0x110000, _BLOCK)
_LETTER = "a"  # stays as it is under every rule


@dataclass(frozen=True)
class CharacterClasses:
    """RE2 classes of what BERT's steps treat alike.

    Attributes:
        removed: dropped by text cleaning.
        mark: dropped after decomposition.
        ideograph: surrounded by spaces.
        punctuation: a token of its own.
    """

    removed: str
    mark: str
    ideograph: str
    punctuation: str


@cache
def character_classes() -> CharacterClasses:
    """Asks the training tokenizer about every code point, block by block."""
    off = {
        "clean_text": False,
        "handle_chinese_chars": False,
        "strip_accents": False,
        "lowercase": False,
    }

    def changed(rule: str) -> dict[int, str]:
        """What becomes of the code points that one rule of the normalizer alters."""
        run = normalizers.BertNormalizer(**(off | {rule: True})).normalize_str
        found = {}
        for block in map(_code_points, _BLOCKS):
            after = run("".join(_LETTER + chr(c) for c in block)).split(_LETTER)[1:]
            if len(after) != len(block):  # something became an "a"
                after = [run(_LETTER + chr(c))[1:] for c in block]
            found |= {c: new for c, new in zip(block, after, strict=True) if new != chr(c)}
        return found

    def dropped(rule: str) -> list[int]:
        return [c for c, new in changed(rule).items() if not new]

    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    alone = []
    for block in map(_code_points, _BLOCKS):
        spans = split("".join(_LETTER + chr(c) for c in block) + _LETTER)
        alone += [ord(text) for text, (start, _) in spans if start % 2 and len(text) == 1]
    return CharacterClasses(
        removed=_class([0, *dropped("clean_text")]),
        mark=_class(dropped("strip_accents")),
        ideograph=_class(changed("handle_chinese_chars")),
        punctuation=_class(alone),
    )


def _code_points(start: int) -> list[int]:
    """Those of a block that can be in a text: no NUL, no surrogates."""
    return [c for c in range(max(start, 1), start + _BLOCK) if not 0xD800 <= c < 0xE000]


def _class(code_points: Iterable[int]) -> str:
    """An RE2 character class of code points."""
    return f"[{re2_class(ranges(code_points))}]"


class GraphWordPiece(GraphTokenizer):
    """The steps of BERT's tokenizer, one by one."""

    def __init__(self, tokenizer: WordPiece):
        super().__init__(tokenizer)
        self.tokenizer = tokenizer
        self.classes = character_classes()
        # Longer than any word that the rules allow: over-long words are replaced before they get
        # here.
        bytes_per_word = 4 * tokenizer.max_word_characters + 16
        self.wordpiece = tf_text.FastWordpieceTokenizer(
            list(tokenizer.renumbered),
            max_bytes_per_word=bytes_per_word,
            unknown_token=tokenizer.unknown,
            no_pretokenization=True,
        )

    def pieces(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        tokenizer, classes = self.tokenizer, self.classes
        flat = words.values
        if tokenizer.clean_text:
            flat = tf.strings.regex_replace(flat, classes.removed, "")
        if tokenizer.split_chinese:
            flat = tf.strings.regex_replace(flat, f"({classes.ideograph})", r" \1 ")
        if tokenizer.strip_accents:
            flat = tf.strings.regex_replace(tf_text.normalize_utf8(flat, "NFD"), classes.mark, "")
        if tokenizer.lowercase:
            # The reference folds each character by itself; ICU would turn a capital sigma at a
            # word's end into another one.
            flat = tf.strings.lower(tf.strings.regex_replace(flat, "Σ", "σ"), encoding="utf-8")
        tokens = tf_text.regex_split(flat, f"\\s|{classes.punctuation}", classes.punctuation)
        too_long = (
            tf.strings.length(tokens.values, unit="UTF8_CHAR") > tokenizer.max_word_characters
        )
        tokens = tokens.with_values(tf.where(too_long, tokenizer.unknown, tokens.values))
        ids = self.wordpiece.tokenize(tokens).merge_dims(1, 2)
        return words.with_values(tf.cast(self.at_least_one(ids), tf.int32))

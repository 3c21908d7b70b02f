"""WordPiece as a TensorFlow graph.

`tensorflow_text`'s own BERT tokenizer folds case and compatibility forms differently from the
reference (it differs on up to 6% of real sentences), so the reference's steps are rebuilt here one
by one. The character classes are read from the training tokenizer itself, code point by code point,
so that graph and training agree on all of Unicode.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import normalizers, pre_tokenizers

from xtremedistil.serving.graph.tokenizer import GraphTokenizer
from xtremedistil.tokenization.raw_words import ranges, re2_class
from xtremedistil.tokenization.wordpiece import WordPiece

_BLOCK = 256
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
    rules = ("clean_text", "strip_accents", "handle_chinese_chars")
    off = dict.fromkeys((*rules, "lowercase"), False)
    normalize = [normalizers.BertNormalizer(**off | {rule: True}).normalize_str for rule in rules]
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    removed, marks, ideographs, punctuation = ["\0"], [], [], []
    for characters in map(_block, range(0, 0x110000, _BLOCK)):
        text = _LETTER + _LETTER.join(characters)
        cleaned, stripped, spaced = (
            zip(characters, _each(run, text, characters), strict=True) for run in normalize
        )
        removed += [one for one, new in cleaned if not new]
        marks += [one for one, new in stripped if not new]
        ideographs += [one for one, new in spaced if one != new]
        pieces = split(text + _LETTER)
        punctuation += [one for one, (start, end) in pieces if start % 2 and end == start + 1]
    return CharacterClasses(*map(_class, (removed, marks, ideographs, punctuation)))


def _each(run: Callable[[str], str], text: str, characters: list[str]) -> list[str]:
    """What a rule makes of each character of a block."""
    found = run(text)
    if found == text:  # most blocks are left alone
        return characters
    parts = found.split(_LETTER)[1:]
    if len(parts) == len(characters):
        return parts
    return [run(_LETTER + one)[1:] for one in characters]  # some became an "a"


def _block(start: int) -> list[str]:
    """The characters that can be in a text: no NUL, no surrogates."""
    return [chr(c) for c in range(max(start, 1), start + _BLOCK) if not 0xD800 <= c < 0xE000]


def _class(characters: Iterable[str]) -> str:
    """An RE2 character class."""
    return f"[{re2_class(ranges(map(ord, characters)))}]"


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

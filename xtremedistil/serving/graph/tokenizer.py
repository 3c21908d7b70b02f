"""The training tokenization as a TensorFlow graph: raw strings in, wordpieces and word offsets out.

`tensorflow_text`'s own BERT tokenizer folds case and compatibility forms differently from the
reference (it differs on up to 6% of real sentences), so the reference's steps are rebuilt here one
by one. The character classes are read from the training tokenizer itself, code point by code point,
so that graph and training agree on all of Unicode. Words are those of raw text (`words`), or what
white space separates, as in training data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import normalizers, pre_tokenizers

from xtremedistil.serving.python.words import ranges, re2_class, re2_word
from xtremedistil.tokenization.wordpiece import WHITESPACE, WordPiece

_CODE_POINTS = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
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
    """Asks the training tokenizer about every code point (about a second, once)."""
    off = {
        "clean_text": False,
        "handle_chinese_chars": False,
        "strip_accents": False,
        "lowercase": False,
    }

    def changed(rule: str) -> list[int]:
        """Code points that one rule of the normalizer alters."""
        run = normalizers.BertNormalizer(**(off | {rule: True})).normalize_str
        found = []
        for start in range(0, len(_CODE_POINTS), _BLOCK):
            block = _CODE_POINTS[start : start + _BLOCK]
            text = "".join(_LETTER + chr(c) for c in block)
            if run(text) != text:  # most blocks are left alone
                found += [c for c in block if run(_LETTER + chr(c)) != _LETTER + chr(c)]
        return found

    accents = normalizers.BertNormalizer(**(off | {"strip_accents": True}))
    splitter = pre_tokenizers.BertPreTokenizer()
    joined = _LETTER.join(chr(c) for c in _CODE_POINTS)
    spans = {span for _, span in splitter.pre_tokenize_str(joined)}
    spaces = {ord(c) for c in joined if c.isspace()}
    cleaning = normalizers.BertNormalizer(**(off | {"clean_text": True}))
    return CharacterClasses(
        removed=_class(
            [0]
            + [
                c
                for c in changed("clean_text")
                if cleaning.normalize_str(_LETTER + chr(c)) == _LETTER
            ]
        ),
        mark=_class(
            c
            for c in changed("strip_accents")
            if accents.normalize_str(_LETTER + chr(c)) == _LETTER
        ),
        ideograph=_class(changed("handle_chinese_chars")),
        punctuation=_class(
            c for i, c in enumerate(_CODE_POINTS) if (2 * i, 2 * i + 1) in spans and c not in spaces
        ),
    )


def _class(code_points: Iterable[int]) -> str:
    """An RE2 character class of code points."""
    return f"[{re2_class(ranges(code_points))}]"


class Words(NamedTuple):
    """Words of texts, each ragged, `(batch, words)`.

    Attributes:
        words: the strings.
        starts, ends: int32: their first character and the one after their last.
        byte_starts, byte_ends: int32: the same in bytes of the text as it was given.
        tokens: `(batch, tokens)`: the words and the white space between them.
        is_word: bool: which of `tokens` are words.
    """

    words: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor
    byte_starts: tf.RaggedTensor
    byte_ends: tf.RaggedTensor
    tokens: tf.RaggedTensor
    is_word: tf.RaggedTensor


class GraphTokenizer(tf.Module):
    """Splits raw strings into words and wordpieces, in ops of TensorFlow and tensorflow_text
    alone."""

    def __init__(self, tokenizer: WordPiece):
        super().__init__(name="tokenizer")
        self.tokenizer = tokenizer
        self.classes = character_classes()
        # Longer than any word that the rules allow: over-long words are replaced before they get
        # here.
        bytes_per_word = 4 * tokenizer.max_word_characters + 16
        self.wordpiece = tf_text.FastWordpieceTokenizer(
            list(tokenizer.vocabulary),
            max_bytes_per_word=bytes_per_word,
            unknown_token=tokenizer.unknown,
            no_pretokenization=True,
        )

    def words(self, texts: tf.Tensor, raw: bool) -> Words:
        """Words, and where they begin and end.

        Args:
            texts: `(batch,)` strings. What is not UTF-8 in them is read as U+FFFD.
            raw: find the words of raw text (`words.find_words`); else white space separates them.
        """
        word = re2_word() if raw else f"[^{WHITESPACE}]+"
        # The op takes a zero byte for the end of the text; its neighbour is cleaned away just so.
        clean = tf.strings.regex_replace(valid_utf8(texts), r"\x{0}", "\x01")
        # Every character is in a token, white space too, so lengths add up to places.
        tokens, _, _ = tf_text.regex_split_with_offsets(clean, f"{word}|[{WHITESPACE}]+", "(?s).*")
        lengths = tf.strings.length(tokens.values, unit="UTF8_CHAR")
        ends = tf.cumsum(lengths)
        first = tf.gather(tf.concat([[0], ends], 0), tokens.row_starts())
        ends -= tf.repeat(first, tokens.row_lengths())
        is_word = tokens.with_values(
            tf.logical_not(tf.strings.regex_full_match(tokens.values, f"[{WHITESPACE}]+"))
        )
        words, starts, ends = (
            tf.ragged.boolean_mask(part, is_word)
            for part in (tokens, tokens.with_values(ends - lengths), tokens.with_values(ends))
        )
        _, places = tf.strings.unicode_decode_with_offsets(texts, "UTF-8", errors="replace")
        size = tf.strings.length(texts)[:, None]
        places = tf.concat([tf.cast(places, tf.int32), size], axis=1)
        byte_starts, byte_ends = _look_up(places, starts), _look_up(places, ends)
        return Words(words, starts, ends, byte_starts, byte_ends, tokens, is_word)

    def pieces(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        """Wordpieces of words.

        Args:
            words: ragged `(batch, words)` strings.

        Returns:
            Ragged `(batch, words, pieces)` int32 ids in the full vocabulary; every word has at
            least one.
        """
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
        unknown = tf.fill(
            [tf.size(flat), 1], tf.constant(tokenizer.id_of(tokenizer.unknown), ids.dtype)
        )
        empty = tf.cast(tf.equal(ids.row_lengths(), 0), tf.int64)
        ids = tf.concat([ids, tf.RaggedTensor.from_tensor(unknown, lengths=empty)], axis=1)
        return words.with_values(tf.cast(ids, tf.int32))

    def sentences(self, pieces: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Whole sentences, as models read them.

        Args:
            pieces: of `pieces`.

        Returns:
            Ragged `(batch, length)` int32 ids with [CLS] and [SEP], and ragged `(batch, words)`
            positions of the first piece of each word.
        """
        rows = pieces.nrows()
        marker = tf.ones([rows, 1], tf.int32)
        cls, sep = (
            self.tokenizer.id_of(piece) for piece in (self.tokenizer.cls, self.tokenizer.sep)
        )
        ids = tf.concat([cls * marker, pieces.merge_dims(1, 2), sep * marker], axis=1)
        counts = pieces.with_values(tf.cast(pieces.values.row_lengths(), tf.int32))
        before = tf.cumsum(counts.values, exclusive=True)
        starts = tf.gather(tf.concat([before, [0]], 0), pieces.row_starts())
        first = counts.with_values(before - tf.repeat(starts, counts.row_lengths()) + 1)
        return ids, first


def _look_up(table: tf.RaggedTensor, places: tf.RaggedTensor) -> tf.RaggedTensor:
    """`table[row, place]` of each place in each row."""
    base = tf.repeat(tf.cast(table.row_starts(), tf.int32), places.row_lengths())
    return places.with_values(tf.gather(table.values, base + places.values))


def valid_utf8(texts: tf.Tensor) -> tf.Tensor:
    """The same strings with what is not UTF-8 replaced by U+FFFD."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")

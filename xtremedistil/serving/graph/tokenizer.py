"""The training tokenization as a TensorFlow graph: raw strings in, pieces and word offsets out.

Words are those of raw text (`words`), or what white space separates, as in training data; the
pieces of a word are the business of the tokenizer's own kind.
"""

import abc
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.raw_words import re2_word
from xtremedistil.tokenization.words import WHITESPACE


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


class GraphTokenizer(tf.Module, abc.ABC):
    """Splits raw strings into words and pieces, in ops of TensorFlow and tensorflow_text alone."""

    def __init__(self, tokenizer: Tokenizer):
        super().__init__(name="tokenizer")
        self.special = tokenizer.special_ids

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

    @abc.abstractmethod
    def pieces(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        """Pieces of words.

        Args:
            words: ragged `(batch, words)` strings.

        Returns:
            Ragged `(batch, words, pieces)` int32 ids in the full vocabulary; every word has at
            least one (`at_least_one`).
        """

    def at_least_one(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """Pieces of words, `(words, pieces)`, with the unknown piece where a word has none."""
        unknown = tf.fill([pieces.nrows(), 1], tf.constant(self.special.unknown, pieces.dtype))
        empty = tf.cast(tf.equal(pieces.row_lengths(), 0), tf.int64)
        return tf.concat([pieces, tf.RaggedTensor.from_tensor(unknown, lengths=empty)], axis=1)

    def sentences(self, pieces: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Whole sentences, as models read them.

        Args:
            pieces: of `pieces`.

        Returns:
            Ragged `(batch, length)` int32 ids with the two markers, and ragged `(batch, words)`
            positions of the first piece of each word.
        """
        rows = pieces.nrows()
        marker = tf.ones([rows, 1], tf.int32)
        begin, end = self.special.begin * marker, self.special.end * marker
        ids = tf.concat([begin, pieces.merge_dims(1, 2), end], axis=1)
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

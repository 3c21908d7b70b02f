"""`data.windows` as a graph, so that a SavedModel reads any text in bounded memory, and as Python
does."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

# Wordpieces, padding included, that the network reads at once: some 160 MB for 200 units.
PIECES_AT_ONCE = 16 * 1024
# Texts that are read at once: fewer rows make smaller matrices, more of them more padding.
TEXTS_AT_ONCE = 16


class Windows(NamedTuple):
    """Texts in windows that overlap by half.

    Attributes:
        ids: ragged `(windows, length)`, each with [CLS] and [SEP].
        text: `(windows,)` int32: the text of each.
        begins: `(windows,)` int32: pieces of the text, after [CLS], before the window's first.
        inner: `(texts,)` int32: pieces of each text without [CLS] and [SEP].
        room: pieces of a window without [CLS] and [SEP].
    """

    ids: tf.RaggedTensor
    text: tf.Tensor
    begins: tf.Tensor
    inner: tf.Tensor
    room: int


def _half(room: int) -> int:
    return max(1, room // 2)


def _windows_of(inner: tf.Tensor, room: int) -> tf.Tensor:
    """How many windows texts of so many pieces need."""
    half = _half(room)
    return 1 + (tf.maximum(inner - room, 0) + half - 1) // half


def windows(ids: tf.RaggedTensor, limit: int) -> Windows:
    """Texts in windows of at most `limit` pieces.

    Args:
        ids: ragged `(texts, length)`, each with [CLS] and [SEP].
        limit: 3 or more.
    """
    room = limit - 2
    inner = tf.cast(ids.row_lengths(), tf.int32) - 2
    counts = _windows_of(inner, room)
    text = tf.repeat(tf.range(tf.size(counts)), counts)
    number = tf.range(tf.size(text)) - tf.gather(tf.cumsum(counts, exclusive=True), text)
    inner_of = tf.gather(inner, text)
    begins = tf.minimum(number * _half(room), tf.maximum(inner_of - room, 0))
    row = tf.gather(tf.cast(ids.row_starts(), tf.int32), text)
    first = row + 1 + begins
    places = tf.ragged.range(first, first + tf.minimum(inner_of - begins, room))
    markers = (tf.gather(ids.values, place)[:, None] for place in (row, row + 1 + inner_of))
    cls, sep = markers
    inside = places.with_values(tf.gather(ids.values, places.values))
    return Windows(tf.concat([cls, inside, sep], axis=1), text, begins, inner, room)


def find(found: Windows, text: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Where pieces are read: in the window where each stands farthest from an edge.

    Args:
        found: of `windows`.
        text: `(pieces,)` int32: the text of each.
        positions: `(pieces,)` int32: its position there, from 1, the first after [CLS].

    Returns:
        `(pieces,)` int32: places in the values of `found.ids`.
    """
    half, twice = _half(found.room), 2 * (positions - 1)
    inner = tf.gather(found.inner, text)
    counts = _windows_of(inner, found.room)
    # A piece leaves a window behind at the middle between its centre and the next one's. All but
    # the last window are `half` apart.
    regular = tf.clip_by_value(
        (twice - found.room - half) // (2 * half) + 1, 0, tf.maximum(counts - 2, 0)
    )
    last = (counts > 1) & ((counts - 2) * half + inner <= twice)
    before = tf.cumsum(_windows_of(found.inner, found.room), exclusive=True)
    window = tf.gather(before, text) + regular + tf.cast(last, tf.int32)
    starts = tf.gather(tf.cast(found.ids.row_starts(), tf.int32), window)
    return starts + positions - tf.gather(found.begins, window)


def in_parts(
    network: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    ids: tf.RaggedTensor,
    asked: tf.Tensor,
    classes: int,
    same_width: bool,
) -> tf.Tensor:
    """The network's answers to a few rows at a time, the shortest ones first, so that little of
    what it reads is padding.

    Args:
        network: `(batch, length)` ids, and bool, which of them are asked for, to the logits of
            those, `(asked, classes)`; or to `(batch, classes)`, if it answers per text.
        ids: ragged `(rows, length)`.
        asked: `(total pieces,)` bool, of the values of `ids`; all or none of a row if the network
            answers per text, its first one alone.
        classes: of the logits.
        same_width: pad all to the longest row, and read as many as may be, for XLA, which compiles
            for each shape.

    Returns:
        `(asked, classes)`, in the order of the values of `ids`.
    """
    lengths = tf.cast(ids.row_lengths(), tf.int32)
    longest = tf.maximum(tf.reduce_max(lengths), 1)
    step = tf.maximum(PIECES_AT_ONCE // longest, 1)
    step = step if same_width else tf.minimum(step, TEXTS_AT_ONCE)
    total = tf.size(lengths)
    order = tf.argsort(lengths, stable=True)
    numbers = tf.gather(ids.with_values(tf.range(tf.size(ids.values))), order)
    sorted_ids = numbers.with_values(tf.gather(ids.values, numbers.values))
    sorted_asked = numbers.with_values(tf.gather(asked, numbers.values))
    kept = tf.TensorArray(
        tf.float32, 0, dynamic_size=True, infer_shape=False, element_shape=[None, classes]
    )

    def read(start: tf.Tensor, kept: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        end = tf.minimum(start + step, total)
        shape = tf.stack([-1, longest if same_width else -1])
        rows, wanted = (part[start:end] for part in (sorted_ids, sorted_asked))
        logits = network(rows.to_tensor(0, shape=shape), wanted.to_tensor(False, shape=shape))
        return end, kept.write(kept.size(), logits)

    _, kept = tf.while_loop(
        lambda start, _: start < total, read, (tf.constant(0), kept), parallel_iterations=1
    )
    found = tf.ensure_shape(kept.concat(), [None, classes])
    return tf.gather(found, tf.argsort(tf.boolean_mask(numbers.values, sorted_asked.values)))

"""Entities of many sentences at once, from integer tags in one pass.

Where entities begin and end depends on a tag and the one before it alone, so seqeval's own rules
are tabulated over all pairs of tags, and looked up for all words of a test set together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from seqeval.metrics.sequence_labeling import end_of_chunk, start_of_chunk

_OUTSIDE = "O"


@dataclass(frozen=True)
class EntityCounts:
    """Entities of each sentence, by type.

    Attributes:
        types: names of the types that occur, in alphabetical order.
        counts: `(sentences, types, 3)` int64: correct, predicted, true.
    """

    types: tuple[str, ...]
    counts: np.ndarray


@dataclass(frozen=True)
class _Rules:
    """What is an entity, for one set of tags; the last row and column stand for a sentence's edge.

    Attributes:
        types: names, in alphabetical order.
        type_of: `(tags + 1,)` index into `types`.
        begins: `(tags + 1, tags + 1)` bool: an entity begins at the second of two neighbours.
        ends: the same: one may end between them.
        from_begin_alone: whether what ends must have begun, as in strict IOB2.
    """

    types: tuple[str, ...]
    type_of: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    from_begin_alone: bool


@dataclass(frozen=True)
class _Spans:
    """Entities: their sentences, their types, and a number that is the same for the same one."""

    sentence: np.ndarray
    type: np.ndarray
    key: np.ndarray


def count_entities(
    true: np.ndarray,
    predicted: np.ndarray,
    offsets: np.ndarray,
    names: Sequence[str],
    strict: bool = False,
) -> EntityCounts:
    """Counts the entities of each sentence.

    Args:
        true, predicted: `(words,)` indices into `names`, sentence after sentence; tags of IOB2 or
            IOBES.
        offsets: `(sentences + 1,)`: where the words of each sentence begin, and the last end.
        names: of the tags.
        strict: only well-formed IOB2 entities count (seqeval's mode `strict`); else an orphan I-
            starts one (its default, the conlleval rule).
    """
    rules = (_strict_rules if strict else _default_rules)(tuple(names))
    gold, guessed = (_find(tags, offsets, rules) for tags in (true, predicted))
    right = np.isin(gold.key, guessed.key, assume_unique=True)
    correct = _Spans(gold.sentence[right], gold.type[right], gold.key[right])
    shape = (len(offsets) - 1, len(rules.types))
    columns = [
        np.bincount(spans.sentence * shape[1] + spans.type, minlength=shape[0] * shape[1])
        for spans in (correct, guessed, gold)
    ]
    counts = np.stack(columns, axis=-1).reshape(*shape, 3).astype(np.int64)
    present = np.flatnonzero(counts.any(axis=(0, 2)))
    return EntityCounts(tuple(rules.types[i] for i in present), counts[:, present])


def _find(tags: np.ndarray, offsets: np.ndarray, rules: _Rules) -> _Spans:
    lengths = np.diff(offsets)
    number, edge = len(lengths), len(rules.type_of) - 1
    # one edge after each sentence, which is also before the next one
    text_of = np.repeat(np.arange(number), lengths + 1)
    now = np.full(len(text_of), edge)
    now[np.arange(len(tags)) + np.repeat(np.arange(number), lengths)] = tags
    before = np.concatenate([[edge], now[:-1]])
    position = np.arange(len(now))
    latest = np.maximum.accumulate(np.where(rules.begins[before, now], position, -1))
    last = np.flatnonzero(rules.ends[before, now]) - 1
    first = latest[last]
    if rules.from_begin_alone:  # the first end after each begin, and no end without one
        first, where = np.unique(first, return_index=True)
        begun = first >= 0
        first, last = first[begun], last[where[begun]]
    kind = rules.type_of[now[last]]
    key = (first * (len(now) + 1) + last) * len(rules.types) + kind
    return _Spans(text_of[first], kind, key)


@cache
def _default_rules(names: tuple[str, ...]) -> _Rules:
    tags = [_split(name, lambda rest: rest.split("-", maxsplit=1)[-1]) for name in names]
    return _tabulate(tags, start_of_chunk, end_of_chunk, from_begin_alone=False)


@cache
def _strict_rules(names: tuple[str, ...]) -> _Rules:
    """`B-X`, then every `I-X` that follows."""

    def begins(before: str, prefix: str, type_before: str, type_now: str) -> bool:
        return prefix == "B"

    def ends(before: str, prefix: str, type_before: str, type_now: str) -> bool:
        return before in "BI" and not (prefix == "I" and type_before == type_now)

    tags = [_split(name, lambda rest: rest.strip("-")) for name in names]
    return _tabulate(tags, begins, ends, from_begin_alone=True)


def _split(name: str, type_of: Callable[[str], str]) -> tuple[str, str]:
    """Prefix and type of a tag, as seqeval parts them."""
    return name[0], type_of(name[1:]) or "_"


def _tabulate(
    tags: list[tuple[str, str]],
    begins: Callable[[str, str, str, str], bool],
    ends: Callable[[str, str, str, str], bool],
    from_begin_alone: bool,
) -> _Rules:
    tags = [*tags, _split(_OUTSIDE, str)]
    types = tuple(sorted({name for _, name in tags}))
    tables = [
        np.array([[rule(a, b, type_a, type_b) for b, type_b in tags] for a, type_a in tags])
        for rule in (begins, ends)
    ]
    type_of = np.array([types.index(name) for _, name in tags])
    return _Rules(types, type_of, *tables, from_begin_alone)

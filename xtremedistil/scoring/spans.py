"""Entities of many sentences at once, from integer tags in one pass.

Where entities begin and end depends on a tag and the one before it alone, so seqeval's own rules
(which the spans of `data.schemes` equal) are tabulated over all pairs of tags, and looked up for
all words of a test set together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from seqeval.metrics.sequence_labeling import end_of_chunk, start_of_chunk

from xtremedistil.data.schemes import BIOES, NOTHING, Part, Scheme


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
        ends: the same: one ends between them.
        counted: the same: whether one counts whose first and last tags they are.
    """

    types: tuple[str, ...]
    type_of: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    counted: np.ndarray


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
    strict: Scheme | None = None,
) -> EntityCounts:
    """Counts the entities of each sentence.

    Args:
        true, predicted: `(words,)` indices into `names`, sentence after sentence.
        offsets: `(sentences + 1,)`: where the words of each sentence begin, and the last end.
        names: of the tags, as BIOES spells them (`Scheme.canonical`), those of IOB2 among them.
        strict: only entities that are well-formed in this scheme count; else an orphan I- starts
            one too (seqeval's default, the conlleval rule).
    """
    rules = _rules(tuple(names), strict)
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
    first = np.flatnonzero(rules.begins[before, now])
    last = np.flatnonzero(rules.ends[before, now]) - 1
    counted = rules.counted[now[first], now[last]]
    first, last = first[counted], last[counted]
    kind = rules.type_of[now[last]]
    key = (first * (len(now) + 1) + last) * len(rules.types) + kind
    return _Spans(text_of[first], kind, key)


@cache
def _rules(names: tuple[str, ...], strict: Scheme | None) -> _Rules:
    parts = [*map(BIOES.part, names), NOTHING]
    types = tuple(sorted({part.type for part in parts}))
    begins, ends = (
        np.array([[rule(*_as_seqeval(a, b)) for b in parts] for a in parts])
        for rule in (start_of_chunk, end_of_chunk)
    )
    counted = np.ones_like(begins)
    if strict is not None:
        roles = [part.role for part in parts]
        counted = np.array([[strict.is_well_formed(a, b) for b in roles] for a in roles])
    return _Rules(
        types,
        np.array([types.index(part.type) for part in parts]),
        begins,
        ends,
        counted,
    )


def _as_seqeval(before: Part, now: Part) -> tuple[str, str, str, str]:
    """Two neighbours as seqeval's rules take them."""
    return before.role, now.role, before.type, now.type

"""Tags of words to entity spans, by the rule of `data.schemes` that scores them too: an orphan I-
starts an entity."""

from collections.abc import Sequence

import numpy as np

from xtremedistil.data.schemes import INSIDE, OUTSIDE, begins, recognise


def entity_types(tags: Sequence[str]) -> list[str]:
    """The type that each tag names: `B-PER` gives `PER`; nothing for `O`.

    Args:
        tags: names of the tags that decoding may choose: together they say their scheme.
    """
    scheme = recognise(tags)
    return [scheme.part(tag).type for tag in tags]


def begin_table(tags: Sequence[str]) -> np.ndarray:
    """Where entities begin.

    Args:
        tags: names of the tags that decoding may choose, `O` among them.

    Returns:
        `(tags, tags)` bool: whether the second of two neighbours begins an entity. A text's first
        word has `O` before it.
    """
    parts = list(map(recognise(tags).part, tags))
    return np.array([[begins(before, now) for now in parts] for before in parts])


def inside_table(tags: Sequence[str]) -> list[int]:
    """For each tag, the one of a word that continues its entity: `I-LOC` for `B-LOC`.

    Args:
        tags: as for `begin_table`. A tag without an `I-` of its type stands for itself.
    """
    scheme, found = recognise(tags), []
    for number, tag in enumerate(tags):
        inside = scheme.tag(INSIDE, scheme.part(tag).type)
        found.append(tags.index(inside) if inside in tags and tag != OUTSIDE else number)
    return found


def find_spans(
    tags: np.ndarray, edges: np.ndarray, begins: np.ndarray, outside: int
) -> tuple[np.ndarray, np.ndarray]:
    """The entities of many texts.

    Args:
        tags: `(words,)` indices of tags, of all texts.
        edges: `(texts + 1,)` where each text's words begin, and the end of the last.
        begins: of `begin_table`.
        outside: the index of `O`.

    Returns:
        `(entities,)` int64 each: the first word of each entity, and its last.
    """
    before = np.roll(tags, 1)
    starts = edges[:-1]
    before[starts[starts < len(tags)]] = outside
    begin = begins[before, tags]
    inside = tags != outside
    goes_on = np.zeros_like(inside)
    goes_on[:-1] = inside[1:] & ~begin[1:]
    return np.flatnonzero(begin), np.flatnonzero(inside & ~goes_on)

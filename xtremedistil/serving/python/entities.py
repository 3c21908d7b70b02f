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


def find_spans(tags: np.ndarray, begins: np.ndarray, outside: int) -> list[tuple[int, int]]:
    """The entities of one text.

    Args:
        tags: `(words,)` indices of tags.
        begins: of `begin_table`.
        outside: the index of `O`.

    Returns:
        The first word of each entity and the one after its last.
    """
    spans, start, before = [], -1, outside
    for number, tag in enumerate(tags):
        if tag == before == outside:  # as most words are
            continue
        if start >= 0 and (tag == outside or begins[before][tag]):
            spans.append((start, number))
            start = -1
        if begins[before][tag]:
            start = number
        before = tag
    if start >= 0:
        spans.append((start, len(tags)))
    return spans

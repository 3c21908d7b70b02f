"""Tags of words to entity spans, by the conlleval rule that scores them too: an orphan I- starts an
entity."""

from collections.abc import Sequence

import numpy as np

OUTSIDE = "O"


def entity_type(tag: str) -> str:
    """The type that a tag names: `B-PER` gives `PER`; nothing for `O`."""
    return "" if tag == OUTSIDE else tag[1:].split("-", 1)[-1] or "_"


def _begins(before: str, tag: str) -> bool:
    if tag == OUTSIDE:
        return False
    if before == OUTSIDE or entity_type(before) != entity_type(tag):
        return True
    # IOB2 needs B alone; a ready-made teacher may speak IOBES, where E and S end an entity.
    return tag[0] in "BS" or before[0] in "ES"


def begin_table(tags: Sequence[str]) -> np.ndarray:
    """Where entities begin.

    Args:
        tags: names of the tags that decoding may choose, `O` among them.

    Returns:
        `(tags, tags)` bool: whether the second of two neighbours begins an entity. A text's first
        word has `O` before it.
    """
    return np.array([[_begins(before, tag) for tag in tags] for before in tags])


def inside_table(tags: Sequence[str]) -> list[int]:
    """For each tag, the one of a word that continues its entity: `I-LOC` for `B-LOC`.

    Args:
        tags: as for `begin_table`. A tag without an `I-` of its type stands for itself.
    """
    found = []
    for number, tag in enumerate(tags):
        inside = f"I-{entity_type(tag)}"
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

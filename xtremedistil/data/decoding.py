"""The tags of words from the scores of tags: the best sequence that the tag scheme allows.

The best tag of each word by itself may give `I-PER` after `O` or after `B-ORG`, which no data
holds. Mostly it does not, and is then the best sequence there is; where it does, the legal sequence
with the highest sum of scores is found (Viterbi 1967). What decoding is worth: docs/method.md.
"""

from collections.abc import Sequence

import numpy as np

from xtremedistil.data.schemes import NOTHING, recognise


def legal_steps(tags: Sequence[str]) -> np.ndarray | None:
    """Which tags may stand side by side.

    Args:
        tags: names of the tags that decoding may choose, `O` among them.

    Returns:
        `(tags + 1, tags + 1)` bool: whether the second of two neighbours may follow the first; the
        last row and column stand for a text's edge. None where every sequence is legal, or where an
        entity could be begun but never ended because its type lacks a tag.
    """
    scheme = recognise(tags)
    parts = [*map(scheme.part, tags), NOTHING]
    legal = np.array([[scheme.allows(before, now) for now in parts] for before in parts])
    return None if legal.all() or _is_stuck(legal) else legal


def _is_stuck(legal: np.ndarray) -> bool:
    """Whether from some tag no text can end."""
    ends = legal[:, -1].copy()
    for _ in range(len(legal)):
        ends |= (legal[:, :-1] & ends[None, :-1]).any(axis=1)
    return not ends.all()


def best_tags(scores: np.ndarray, edges: np.ndarray, legal: np.ndarray | None) -> np.ndarray:
    """The sequence of tags with the highest sum of scores among the legal ones.

    Logits serve as scores: their log-softmax takes the same number from all tags of a word, and so
    from all sequences.

    Args:
        scores: `(words, tags)`, text after text.
        edges: `(texts + 1,)`: where the words of each text begin, and those of the last end.
        legal: of `legal_steps`.

    Returns:
        `(words,)` int64 indices of tags.
    """
    best = scores.argmax(axis=1)
    if legal is None or not len(best):
        return best
    starts, ends, texts = edges[:-1], edges[1:], np.arange(len(edges) - 1)
    # the tags, with an edge before each text and behind the last: a text's steps go on into the
    # edge behind it, and from the edge of an empty text into the next one, which is legal
    chain = np.full(len(best) + len(edges), legal.shape[0] - 1)
    chain[np.arange(len(best)) + np.repeat(texts, ends - starts) + 1] = best
    wrong = np.flatnonzero(~legal[chain[:-1], chain[1:]])
    if not len(wrong):
        return best
    of_text = np.searchsorted(ends + texts, wrong)
    texts = of_text[np.append(True, of_text[1:] != of_text[:-1])]
    texts = texts[np.argsort(starts[texts] - ends[texts], kind="stable")]  # the longest first
    _viterbi(scores, starts[texts], (ends - starts)[texts], legal, best)
    return best


def _viterbi(
    scores: np.ndarray, starts: np.ndarray, lengths: np.ndarray, legal: np.ndarray, best: np.ndarray
) -> None:
    """Puts the best legal tags of some texts, the longest first, into `best`."""
    step = np.where(legal, 0.0, -np.inf)
    between, at_start, at_end = step[:-1, :-1], step[-1, :-1], step[:-1, -1]
    # so many texts have a word at each place, and they are the first ones
    active = np.searchsorted(-lengths, -np.arange(lengths[0])).tolist()
    came_from = np.zeros((len(active), len(starts), scores.shape[1]), np.intp)
    sums = np.repeat(at_start[None], len(starts), axis=0)
    texts = np.arange(len(starts))
    for place, number in enumerate(active):
        if place:
            reached = sums[:number, :, None] + between
            reached.argmax(axis=1, out=came_from[place, :number])
            np.maximum.reduce(reached, axis=1, out=sums[:number])
        sums[:number] += scores[starts[:number] + place]
    chosen = (sums + at_end).argmax(axis=1)
    for place in reversed(range(len(active))):
        number = active[place]
        best[starts[:number] + place] = chosen[:number]
        chosen[:number] = came_from[place, texts[:number], chosen[:number]]

"""Tags of words from class scores by rules other than the house's, to be compared with it.

Scoring and serving take the best entity tag of each word by itself (`LabelSet.decode`), which may
give `B-ORG I-PER`. Here are the rule of the authors' second code, in which markers may be chosen
too, and the best sequence of tags that is legal in IOB2. Both are pure functions of the scores at
the words' first pieces.
"""

import numpy as np

from xtremedistil.data.labels import CONTINUATION, MARKERS, LabelSet
from xtremedistil.runtime.errors import CheckpointError

_OUTSIDE = "O"


def decode_with_markers(scores: np.ndarray, offsets: np.ndarray, labels: LabelSet) -> np.ndarray:
    """The best class of each word, where X continues the entity before and other markers are O.

    Words with X in a row all continue the same entity; after O, and as the first of a sentence, X
    is O.

    Args:
        scores: `(words, classes)` at the words' first pieces, sentence after sentence.
        offsets: `(sentences + 1,)`: where the words of each sentence begin, and the last end.
        labels: the classes, of IOB2.

    Returns:
        `(words,)` int32 classes, of which none is a marker.

    Raises:
        CheckpointError: a type has no tag for its beginning, or none for what X would continue.
    """
    prefixes, types = _parse(labels)
    outside = labels.names.index(_OUTSIDE)
    inside = _insides(prefixes, types, outside)
    best = np.argmax(scores, axis=-1).astype(np.int32)
    continues = best == labels.marker(CONTINUATION)
    tags = np.where(np.isin(labels.names, MARKERS)[best], outside, best).astype(np.int32)
    if not continues.any():
        return tags
    if lacking := {types[i] for i in np.flatnonzero(prefixes == "B") if inside[i] < 0}:
        raise CheckpointError(
            "X continues an entity by its type's I- tag, which every type needs. Received: types "
            f"without it {', '.join(sorted(lacking))}"
        )
    position = np.arange(len(best))
    start = np.repeat(offsets[:-1], np.diff(offsets))
    entity = np.maximum.accumulate(np.where(continues, -1, position))
    continued = continues & (entity >= start)
    tags[continued] = inside[tags[entity[continued]]]
    return tags


def decode_legal(scores: np.ndarray, offsets: np.ndarray, labels: LabelSet) -> np.ndarray:
    """The sequence of entity tags with the highest sum of scores among those that IOB2 allows, in
    which I- follows B- or I- of its own type (Viterbi).

    Logits serve as they are: their log-softmax takes the same number from all tags of a word, and
    so from all sequences.

    Args:
        scores: `(words, classes)` logits at the words' first pieces, sentence after sentence.
        offsets: `(sentences + 1,)`: where the words of each sentence begin, and the last end.
        labels: the classes, of IOB2.

    Returns:
        `(words,)` int32 classes, of which none is a marker.

    Raises:
        CheckpointError: a type has no tag for its beginning.
    """
    prefixes, types = (values[labels.entity_ids] for values in _parse(labels))
    scores = scores[:, labels.entity_ids].astype(np.float64)
    begun = (prefixes != _OUTSIDE)[:, None] & (types[:, None] == types)
    step = np.where((prefixes != "I") | begun, 0.0, -np.inf)  # from a row's tag to a column's
    # the longest sentences first, so that those with a word at a place are the first ones
    lengths = np.diff(offsets)
    order = np.argsort(-lengths, kind="stable")
    starts, lengths = offsets[:-1][order], lengths[order]
    active = [np.searchsorted(-lengths, -place) for place in range(lengths.max(initial=0))]
    came_from = np.zeros(scores.shape, np.int16)
    tags = np.zeros(len(scores), np.int32)
    sums = np.where(prefixes == "I", -np.inf, 0.0) + np.zeros((len(starts), 1))
    for place, number in enumerate(active):
        words = starts[:number] + place
        if place:
            reached = sums[:number, :, None] + step
            came_from[words] = reached.argmax(axis=1)
            sums[:number] = reached.max(axis=1)
        sums[:number] += scores[words]
    chosen = sums.argmax(axis=1)
    for place in reversed(range(len(active))):
        number = active[place]
        words = starts[:number] + place
        tags[words] = chosen[:number]
        chosen[:number] = came_from[words, chosen[:number]]
    return labels.entity_ids[tags]


def _parse(labels: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """`(classes,)` prefixes `B`, `I` or `O`, and types; of markers and O `O` and no type."""
    split = [
        ("O", "") if name == _OUTSIDE or name in MARKERS else tuple(name.partition("-")[::2])
        for name in labels.names
    ]
    begun = {kind for prefix, kind in split if prefix == "B"}
    wrong = [
        name
        for name, (prefix, kind) in zip(labels.names, split, strict=True)
        if prefix not in ("B", "I", "O") or (prefix == "I" and kind not in begun)
    ]
    if wrong:
        raise CheckpointError(
            "decoding by IOB2 needs tags B- and I-, and B- for every type. Received: "
            f"{', '.join(wrong)}"
        )
    prefixes, types = zip(*split, strict=True)
    return np.array(prefixes), np.array(types)


def _insides(prefixes: np.ndarray, types: np.ndarray, outside: int) -> np.ndarray:
    """`(classes,)`: the class that continues each: I- of its type, -1 without one; O after O."""
    found = {kind: i for i, kind in enumerate(types) if prefixes[i] == "I"}
    return np.array(
        [
            outside if prefix == "O" else found.get(kind, -1)
            for prefix, kind in zip(prefixes, types, strict=True)
        ]
    )

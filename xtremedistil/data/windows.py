"""Sentences too long for a model, in windows that overlap by half.

Each piece is read from the window where it stands farthest from an edge, so nothing is lost at the
seams.
"""

import numpy as np

from xtremedistil.data.ragged import Ragged


def windows(rows: Ragged, limit: int) -> tuple[Ragged, np.ndarray, np.ndarray]:
    """Sentences in windows of at most `limit` pieces, each with [CLS] and [SEP].

    Args:
        rows: encoded sentences with `ids`.
        limit: pieces of a window, 3 or more.

    Returns:
        The windows; and for each piece of `rows`, the window to read it from and its position
        there.
    """
    ids, window_of, position_of = [], [], []
    for start, end in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        sentence = rows.pieces["ids"][start:end]
        inner = len(sentence) - 2
        room = limit - 2
        begins = (
            [0] if inner <= room else [*range(0, inner - room, max(1, room // 2)), inner - room]
        )
        centres = np.array(begins) + min(room, inner) / 2
        piece = np.arange(inner)
        best = np.searchsorted((centres[:-1] + centres[1:]) / 2, piece + 0.5)
        number = len(ids) + np.concatenate([[0], best, [len(begins) - 1]])
        position = np.concatenate(
            [[0], piece - np.array(begins)[best] + 1, [inner - begins[-1] + 1]]
        )
        window_of.append(number)
        position_of.append(position)
        for begin in begins:
            ids.append(
                np.concatenate([sentence[:1], sentence[1:-1][begin : begin + room], sentence[-1:]])
            )
    parts = Ragged.from_lists({"ids": ids}, {})
    return (
        parts,
        np.concatenate(window_of).astype(np.int64),
        np.concatenate(position_of).astype(np.int64),
    )

"""Variants of sentences, for a transfer set that is short of text: some pieces of a sentence give
way to others that mean nearly the same to the teacher.

The teacher answers on any text, so that text need not be real to be learned from: Jiao et al.
(2020, TinyBERT, Algorithm 1) replace words by neighbours in the same way, with a masked language
model and word vectors. Here the teacher's own table of pieces says which are near, and a piece is
replaced by one that is written alike: in the same script, as large, and at the same place of a
word. So a student also learns pieces that its text does not have.
"""

import unicodedata
from collections import defaultdict

import numpy as np

from xtremedistil.data.columns import blocks, gathered
from xtremedistil.data.ragged import Ragged
from xtremedistil.runtime.progress import progress
from xtremedistil.tokenization.base import Tokenizer

_NEIGHBOURS = 15
_SHARE = 0.3  # of the pieces that have neighbours
_PAIRS_AT_ONCE = 1 << 24


class Neighbours:
    """The pieces that may stand for each other.

    Attributes:
        near: `(V, 15)` int32: of each piece, itself where nothing is near.
    """

    def __init__(self, tokenizer: Tokenizer, table: np.ndarray, rows: Ragged):
        """Finds them by cosine, in the table less its mean.

        Args:
            tokenizer: of the pieces.
            table: `(V, D)` float32: the teacher's, padding first.
            rows: whose pieces' neighbours are wanted, in `ids`.
        """
        used = np.zeros(len(table), bool)
        for part in blocks(rows.pieces["ids"]):
            used[part] = True
        self.near = np.tile(np.arange(len(table), dtype=np.int32)[:, None], _NEIGHBOURS)
        groups = [(group, group[used[group]]) for group in _written_alike(tokenizer)]
        table = table - table.mean(axis=0)
        table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), np.float32(1e-12))
        total = sum(len(wanted) for _, wanted in groups)
        with progress("finding pieces for variants", total, "pieces") as bar:
            for group, wanted in groups:
                step, others = max(1, _PAIRS_AT_ONCE // len(group)), table[group].T.copy()
                for start in range(0, len(wanted), step):
                    some = wanted[start : start + step]
                    self.near[some] = _nearest(table[some] @ others, some, group)
                    bar.update(len(some))

    def vary(self, rows: Ragged, some: np.ndarray, rng: np.random.Generator) -> Ragged:
        """Some of the rows as variants.

        Args:
            rows: with `ids`.
            some: `(n,)` bool: those that change.
            rng: chooses what is replaced, and by what.
        """
        ids = rows.pieces["ids"]
        chosen = (rng.random(len(ids)) < _SHARE) & np.repeat(some, rows.lengths)
        others = self.near[ids, rng.integers(_NEIGHBOURS, size=len(ids))]
        pieces = {**rows.pieces, "ids": np.where(chosen, others, ids)}
        return Ragged(rows.offsets, pieces, rows.sentences)


def with_variants(rows: np.ndarray, number: int, total: int) -> np.ndarray:
    """Numbers of rows, of `total`, with those of `number` variants of each: `row + i * total`."""
    return gathered(part + i * total for i in range(number + 1) for part in blocks(rows))


def _nearest(cosines: np.ndarray, pieces: np.ndarray, group: np.ndarray) -> np.ndarray:
    """`(n, 15)`: the pieces of a group that are nearest to some of it, in no order.

    Args:
        cosines: `(n, group)`, changed in place.
        pieces: `(n,)`.
        group: ascending.
    """
    cosines[np.arange(len(pieces)), np.searchsorted(group, pieces)] = -np.inf
    return group[np.argpartition(-cosines, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]]


def _written_alike(tokenizer: Tokenizer) -> list[np.ndarray]:
    """Groups of pieces of letters alone, ascending in each."""
    groups = defaultdict(list)
    special = set(tokenizer.special_ids.all)
    for piece in range(len(tokenizer)):
        text = tokenizer.surface(piece)
        if piece in special or not text or not _is_word(text):
            continue
        script = unicodedata.name(text[0], "").partition(" ")[0]
        large = (text[0].isupper(), text.isupper())
        groups[tokenizer.continues_word(piece), script, large].append(piece)
    return [np.array(group, np.int32) for group in groups.values() if len(group) > _NEIGHBOURS]


def _is_word(text: str) -> bool:
    """Whether a text is of letters, and marks after the first of them, alone."""
    kinds = [unicodedata.category(character)[0] for character in text]
    return kinds[0] == "L" and set(kinds) <= {"L", "M"}

"""The classes that teacher and student predict.

A teacher that we fine-tune has, beside the entity tags, four marker classes (Section 6, "NER
Tags"): padding, the two sentence markers, and X for a word's second and later wordpieces. A
ready-made teacher keeps its own labels, which
mostly have no markers: pieces that would need one are then left out of label and logit losses.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xtremedistil.data.decoding import best_tags, legal_steps
from xtremedistil.data.schemes import BEGIN, INSIDE, IOB2, OUTSIDE, Scheme, recognise
from xtremedistil.runtime.errors import CheckpointError, DataError, listed

PAD, CLS, SEP, CONTINUATION = "[PAD]", "[CLS]", "[SEP]", "X"
MARKERS = (PAD, CLS, SEP, CONTINUATION)
IGNORED = -1


def unnamed(number: int) -> str:
    """What the library that saves checkpoints calls a class without a name."""
    return f"LABEL_{number}"


@dataclass(frozen=True)
class LabelSet:
    """Names of the classes, in the order of the logits.

    Attributes:
        names: every class.
        task: `ner` or `classification`.
    """

    names: tuple[str, ...]
    task: str = "ner"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if len(set(self.names)) != len(self.names) or len(self.entity_ids) < 2:
            raise CheckpointError(
                "labels must be two or more different names. Received: "
                f"{listed(self.names) or 'none'}"
            )
        if self.task == "ner" and OUTSIDE not in self.names:
            raise CheckpointError(f"NER labels must contain O. Received: {listed(self.names)}")
        _ = self.scheme  # raises where the labels are of several

    @classmethod
    def from_data(cls, labels: Iterable[str], task: str) -> "LabelSet":
        """The label set of a teacher that we fine-tune: the data's labels, sorted, and the markers
        for NER.

        Args:
            labels: every tag, or every class, that the data holds.
            task: `ner` or `classification`.
        """
        found = sorted(set(labels) - {"O"})
        if task == "classification":
            return cls(tuple(sorted(set(labels))), task)
        types = sorted({tag[2:] for tag in found})
        tags = tuple(f"{prefix}-{name}" for name in types for prefix in "BI")
        return cls((PAD, "O", *tags, CONTINUATION, CLS, SEP), task)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def is_unnamed(self) -> bool:
        """Whether the names say nothing of the classes."""
        return self.names == tuple(map(unnamed, range(len(self))))

    def fits(self, other: "LabelSet") -> bool:
        """Whether a head with these classes is one for other labels: the same, or as many if these
        have no names."""
        same_kind = (self.task, len(self)) == (other.task, len(other))
        return self == other or (self.is_unnamed and same_kind)

    def named_after(self, found: Iterable[str], where: str) -> "LabelSet":
        """The classes of texts with the names that data has for them, if these have none: in order,
        numbers by size.

        Args:
            found: every class that the data holds.
            where: the data, for the error.

        Raises:
            DataError: there are more classes, or fewer.
        """
        names = sorted(set(found))
        if all(name.isdecimal() for name in names):
            names.sort(key=int)
        if not self.is_unnamed or set(names) <= set(self.names):
            return self
        if len(names) != len(self):
            raise DataError(
                f"{where}: the teacher's head has {len(self)} classes without names, which stand "
                "for those of the data if there are as many; --label_map names them. Received: "
                f"{len(names)} classes, {listed(names)}"
            )
        pairs = ", ".join(f"{own}={name}" for own, name in zip(self.names, names, strict=True))
        from absl import logging  # here: it takes as long to import as a third of numpy

        logging.warning(
            "the teacher's head does not name its classes: they are taken for the data's in "
            "their order (%s). If that is not so, --label_map says how they are called",
            pairs,
        )
        return LabelSet(tuple(names), self.task)

    @cached_property
    def entity_ids(self) -> np.ndarray:
        """The classes that decoding may choose, as int32: all but the markers."""
        markers = MARKERS if self.task == "ner" else ()
        return np.array([i for i, name in enumerate(self.names) if name not in markers], np.int32)

    @cached_property
    def scheme(self) -> Scheme:
        """How tags spell entities; of classification nobody asks."""
        if self.task != "ner":
            return IOB2
        return recognise(self.names[i] for i in self.entity_ids)

    @property
    def joins_neighbours(self) -> bool:
        """Whether two entities of one type, one after the other, may have the tags of a single
        one: where a type has no tag of its own for a beginning."""
        if self.task != "ner":
            return False
        scheme = self.scheme
        types = {scheme.part(self.names[i]).type for i in self.entity_ids} - {""}
        beginnings = {scheme.tag(BEGIN, name) for name in types}
        return scheme.begin == scheme.inside or not beginnings <= set(self.names)

    @property
    def canonical_names(self) -> tuple[str, ...]:
        """The names as BIOES spells them, in which all schemes are scored; classes as they are."""
        if self.task != "ner":
            return self.names
        return tuple(map(self.scheme.canonical, self.names))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def marker(self, name: str) -> int:
        """The id of a marker class, or IGNORED where this set has none."""
        return self._index.get(name, IGNORED)

    @property
    def covers_every_piece(self) -> bool:
        """Whether a class applies to every piece: to texts always, to words' other pieces and
        the sentence markers only where this set has the markers for them."""
        needed = (CLS, SEP, CONTINUATION) if self.task == "ner" else ()
        return all(name in self._index for name in needed)

    def of_pieces(self, length: int, first: np.ndarray, classes: Sequence[int]) -> np.ndarray:
        """The class of each piece of a sentence.

        Args:
            length: number of pieces, the two sentence markers included.
            first: `(words,)` positions of words' first pieces.
            classes: `(words,)` ids of their tags.

        Returns:
            `(length,)` int16; IGNORED where no class applies.
        """
        out = np.full(length, self.marker(CONTINUATION), np.int16)
        out[first] = classes
        out[0], out[-1] = self.marker(CLS), self.marker(SEP)
        return out

    def encode(self, tags: Sequence[str], where: Callable[[int], str]) -> list[int]:
        """The ids of tags or of a class.

        Args:
            tags: names; of tags those of IOB2, whatever the scheme of this set.
            where: from the number of a tag to its file and line, for the error.

        Raises:
            DataError: a name is not in the set, or is a marker.
        """
        spelled = tags if self.scheme is IOB2 else self.scheme.respell(tags)
        ids = []
        for number, (tag, own) in enumerate(zip(tags, spelled, strict=True)):
            i = self._index.get(own)
            if i is None and self.scheme.between:  # a type that has no tag for a beginning
                i = self._index.get(self.scheme.tag(INSIDE, self.scheme.part(own).type))
            if i is None or (self.task == "ner" and own in MARKERS):
                raise DataError(self._unknown(tag, where(number)))
            ids.append(i)
        return ids

    def _unknown(self, name: str, where: str) -> str:
        legal = listed([self.names[i] for i in self.entity_ids])
        return (
            f"{where}: the teacher does not know this label; it knows {legal}. If it is one of "
            "these under another name, --label_map renames the teacher's; else use a teacher that "
            f"was trained on it. Received: label={name!r}"
        )

    @cached_property
    def legal_steps(self) -> np.ndarray | None:
        """Which of `entity_ids` may stand side by side (`decoding.legal_steps`)."""
        if self.task != "ner":
            return None
        return legal_steps([self.names[i] for i in self.entity_ids])

    def decode(self, logits: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """The best classes: of a text's words the best sequence that is legal; never a marker.

        Args:
            logits: `(words, classes)`, text after text, or `(texts, classes)`.
            edges: `(texts + 1,)`: where the words of each text begin, and those of the last end.

        Returns:
            `(words,)` or `(texts,)` int32 ids.
        """
        return self.entity_ids[best_tags(logits[:, self.entity_ids], edges, self.legal_steps)]

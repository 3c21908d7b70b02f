"""Sentences of different lengths, side by side in flat arrays, and their way into padded
batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import safetensors.numpy

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError


@dataclass(frozen=True)
class Ragged:
    """`n` sentences with `total` wordpieces together.

    Attributes:
        offsets: `(n + 1,)` int64; sentence `i` is `[offsets[i], offsets[i + 1])` of every array of
            `pieces`.
        pieces: arrays `(total, ...)`: one row per wordpiece.
        sentences: arrays `(n, ...)`: one row per sentence.
    """

    offsets: np.ndarray
    pieces: Mapping[str, np.ndarray]
    sentences: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """`(n,)` int64: wordpieces of each sentence."""
        return np.diff(self.offsets)

    def lengths_of(self, rows: np.ndarray) -> np.ndarray:
        """`lengths[rows]`, of however many sentences: the others are not looked at."""
        return self.offsets[rows + 1] - self.offsets[rows]

    @classmethod
    def from_lists(
        cls, pieces: Mapping[str, Sequence[np.ndarray]], sentences: Mapping[str, np.ndarray]
    ) -> "Ragged":
        """Lays arrays, one per sentence, end to end; the first mapping must name at least one
        array."""
        lists = list(pieces.values())
        offsets = np.concatenate([[0], np.cumsum([len(a) for a in lists[0]], dtype=np.int64)])
        joined = {
            k: np.concatenate(v) if len(v) else np.zeros(0, np.int32) for k, v in pieces.items()
        }
        return cls(
            offsets.astype(np.int64), joined, {k: np.asarray(v) for k, v in sentences.items()}
        )

    def take(self, rows: np.ndarray) -> "Ragged":
        """The sentences `rows`, in that order."""
        lengths = self.lengths_of(rows)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        source = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(
            offsets,
            {k: v[source] for k, v in self.pieces.items()},
            {k: v[rows] for k, v in self.sentences.items()},
        )

    def truncate(self, length: int) -> "Ragged":
        """Sentences of at most `length` pieces: what is too much goes from before the last piece,
        [SEP]."""
        if not len(self) or self.lengths.max() <= length:
            return self
        kept = np.minimum(self.lengths, length)
        offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        source = np.repeat(self.offsets[:-1] - offsets[:-1], kept) + np.arange(offsets[-1])
        source[offsets[1:] - 1] = self.offsets[1:] - 1
        return Ragged(offsets, {k: v[source] for k, v in self.pieces.items()}, self.sentences)

    def pad(self, rows: np.ndarray, length: int | None = None) -> dict[str, np.ndarray]:
        """A batch: every array of the sentences `rows`, with the pieces padded with zeros.

        Args:
            rows: `(batch,)` indices.
            length: pieces to pad to; None for those of the longest row.

        Returns:
            `pieces` as `(batch, length, ...)`, `sentences` as `(batch, ...)`, and `mask`, `(batch,
            length)` float32, 1 where a piece is real.
        """
        length = int(self.lengths[rows].max(initial=1)) if length is None else length
        batch = self._empty_batch(len(rows), length)
        self._put(batch, np.arange(len(rows)), rows)
        return batch

    def _empty_batch(self, number: int, length: int) -> dict[str, np.ndarray]:
        """A batch of `number` rows, all padding."""
        batch = {"mask": np.zeros((number, length), np.float32)}
        for name, values in self.pieces.items():
            batch[name] = np.zeros((number, length, *values.shape[1:]), values.dtype)
        for name, values in self.sentences.items():
            batch[name] = np.zeros((number, *values.shape[1:]), values.dtype)
        return batch

    def _put(self, batch: dict[str, np.ndarray], places: np.ndarray, rows: np.ndarray) -> None:
        """Copies the sentences `rows` to the rows `places` of a batch that is padding there."""
        column = np.arange(batch["mask"].shape[1])
        real = column < self.lengths[rows][:, None]
        index = np.where(real, self.offsets[rows][:, None] + column, 0)
        starts, sizes = self.offsets[rows].tolist(), real.sum(axis=1).tolist()
        batch["mask"][places] = real
        for name, values in self.pieces.items():
            target = batch[name]
            if values.ndim == 1:
                target[places] = np.where(real, values[index], 0)
                continue
            # Wide rows, such as states: one copy a sentence, and padding, the rest, is left alone
            for place, start, size in zip(places.tolist(), starts, sizes, strict=True):
                target[place, :size] = values[start : start + size]
        for name, values in self.sentences.items():
            batch[name][places] = values[rows]

    def to_bytes(self) -> bytes:
        """The whole as one safetensors file."""
        tensors = {"offsets": self.offsets}
        tensors |= {f"pieces.{k}": np.ascontiguousarray(v) for k, v in self.pieces.items()}
        tensors |= {f"sentences.{k}": np.ascontiguousarray(v) for k, v in self.sentences.items()}
        return safetensors.numpy.save(tensors)

    @classmethod
    def from_bytes(cls, content: bytes, path: str) -> "Ragged":
        """The inverse of `to_bytes`; arrays are views of `content`.

        Raises:
            ArtifactError: not a file of this kind (`path` names it).
        """
        try:
            tensors = safetensors.numpy.load(content)
            groups = {"pieces": {}, "sentences": {}}
            offsets = tensors.pop("offsets")
            for name, values in tensors.items():
                group, _, key = name.partition(".")
                groups[group][key] = values
        except (safetensors.SafetensorError, KeyError) as error:
            raise ArtifactError(f"{path}: not a file of encoded sentences ({error}).") from error
        return cls(offsets, **groups)

    def save(self, path: str) -> None:
        """Writes the whole to a file."""
        files.write_bytes(path, self.to_bytes())

    @classmethod
    def load(cls, path: str) -> "Ragged":
        """Reads what `save` wrote."""
        return cls.from_bytes(files.read_bytes(path), path)


class Chained:
    """Several `Ragged` one after the other, read as one; only batches are copied."""

    def __init__(self, parts: Sequence[Ragged]):
        self.parts = list(parts)
        self._starts = np.cumsum([0] + [len(part) for part in self.parts])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def lengths(self) -> np.ndarray:
        """`(n,)` int64: wordpieces of each sentence."""
        return np.concatenate([part.lengths for part in self.parts])

    def pad(self, rows: np.ndarray, length: int) -> dict[str, np.ndarray]:
        """A batch, as `Ragged.pad` makes it."""
        part_of = np.searchsorted(self._starts, rows, side="right") - 1
        batch = self.parts[0]._empty_batch(len(rows), length)
        for number in np.unique(part_of):
            places = np.flatnonzero(part_of == number)
            self.parts[number]._put(batch, places, rows[places] - self._starts[number])
        return batch

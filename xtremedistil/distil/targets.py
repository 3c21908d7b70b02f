"""What the teacher says of the transfer set: one pass, kept on disk, used by every epoch of stages
1 and 2.

Shard by shard, beside the shards of encoded sentences: logits, and the states of a block, in half
precision, for real pieces only. A shard appears whole, with its checksum, so that an interrupted
pass goes on with the next shard, and memory holds one shard whatever the size of the transfer set.
"""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil.data.batches import FEW_SHAPES, InShards, ordered_batches
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.shards import (
    Manifest,
    is_whole,
    read_shard,
    record_of,
    save_shard,
    shard_name,
)
from xtremedistil.data.transfer import VALIDATION, read_sentences
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, TrainingError
from xtremedistil.runtime.parts import DONE, Part
from xtremedistil.runtime.progress import progress

# Pieces of a batch of the teacher's pass: what stays in a core's cache, and what fills a GPU. On a
# core multilingual-e5-small runs at 87% of the rate of a large product, and with 4096 at 78%.
_CPU_PIECES, _GPU_PIECES = 2048, 4096

FLOAT16, INT8 = "float16", "int8"
WHOLE_KINDS = ("logits",)  # a hundredth of the states' bytes: never in fewer bits
SCALE = "scale"  # beside a target of eight bits, the step of each vector
_WRITERS = 2  # threads: what a shard takes is its checksum, and waiting for the disk
_WAITING_OUTPUTS = 8

# ids and mask, both (batch, length) -> the teacher's outputs by kind of target
TeacherForward = Callable[[np.ndarray, np.ndarray], Mapping[str, np.ndarray]]


def missing_targets(kinds: Sequence[str], names: Sequence[str], part: Part) -> dict[str, list[str]]:
    """Shards that lack a target, or have one of the wrong size, each with the kinds that it
    lacks."""
    missing: dict[str, list[str]] = {}
    for name in names:
        for kind in kinds:
            if not is_whole(part.path(kind, name)):
                missing.setdefault(name, []).append(kind)
    return missing


def make_targets(
    forward: TeacherForward,
    missing: Mapping[str, Sequence[str]],
    sentences: str,
    length: int,
    part: Part,
    precision: str = FLOAT16,
) -> None:
    """Runs the teacher once over the shards that lack targets.

    While it works on one, the next is read and the last ones are written: memory holds a few.

    Args:
        forward: the teacher.
        missing: of `missing_targets`.
        sentences: folder of shards of encoded sentences.
        length: pieces that training sees of a sentence.
        part: where the targets go, a folder per kind and a file per shard; size and checksum stand
            beside each.
        precision: `float16` or `int8`.
    """
    for kind in {kind for kinds in missing.values() for kind in kinds}:
        files.make_folder(part.path(kind))

    def read(name: str) -> Ragged:
        return read_sentences(sentences, name, set()).truncate(length)

    with ThreadPoolExecutor(1, "shard") as reader, ThreadPoolExecutor(_WRITERS, "target") as writer:
        names, writing = list(missing), collections.deque()
        coming = reader.submit(read, names[0]) if names else None
        for number, name in enumerate(progress("teacher targets", len(names), "shards", 0, names)):
            rows = coming.result()
            if number + 1 < len(names):
                coming = reader.submit(read, names[number + 1])
            for kind, target in teacher_outputs(forward, rows, missing[name], precision).items():
                writing.append(writer.submit(save_shard, target, part.path(kind, name)))
            while len(writing) > _WRITERS:
                writing.popleft().result()
        for written in writing:
            written.result()


def teacher_outputs(
    forward: TeacherForward, rows: Ragged, kinds: Sequence[str], precision: str = FLOAT16
) -> dict[str, Ragged]:
    """The teacher's outputs for some sentences, in half precision or less.

    The next batch is on the device while the last ones are put in their places.

    Args:
        forward: the teacher.
        rows: sentences with `ids`.
        kinds: which outputs.
        precision: `float16` or `int8`.

    Returns:
        By kind, a `Ragged` of that array: per piece, or per text if the teacher's output has no
            axis `length`.
    """
    rows = Ragged(rows.offsets, {"ids": rows.pieces["ids"]}, {})
    places = {kind: _Places(kind, rows, precision) for kind in kinds}
    batch_pieces = _GPU_PIECES if tf.config.list_logical_devices("GPU") else _CPU_PIECES
    with ThreadPoolExecutor(1, "outputs") as putter:
        putting: collections.deque[Future] = collections.deque()
        for chosen, batch in ordered_batches(rows, batch_pieces, multiple=FEW_SHAPES):
            outputs = forward(batch["ids"], batch["mask"])
            real = batch["mask"] > 0
            for kind in kinds:
                values = np.asarray(outputs[kind])
                putting.append(putter.submit(places[kind].put, chosen, real, values))
            while len(putting) > _WAITING_OUTPUTS:
                putting.popleft().result()
        for put in putting:
            put.result()
    return {kind: place.ragged() for kind, place in places.items()}


class _Places:
    """The outputs of one kind for the sentences of a shard, as they come in."""

    def __init__(self, kind: str, rows: Ragged, precision: str):
        self.kind, self.rows = kind, rows
        self.eight_bits = precision == INT8 and kind not in WHOLE_KINDS
        self.per_piece = True
        self.arrays: dict[str, np.ndarray] = {}

    def put(self, chosen: np.ndarray, real: np.ndarray, values: np.ndarray) -> None:
        """Keeps the values of a batch.

        Args:
            chosen: `(batch,)` rows.
            real: `(batch, length)` bool, set at real pieces.
            values: `(batch, length, width)` or `(batch, width)`.
        """
        self.per_piece, where = values.ndim == 3, chosen
        if self.per_piece:
            where = (self.rows.offsets[chosen][:, None] + np.arange(real.shape[1]))[real]
            values = values[real]
        if np.abs(values).max(initial=0) > np.finfo(np.float16).max or np.isnan(values).any():
            raise TrainingError(
                f"the teacher's {self.kind} do not fit half precision. Received: values up to "
                f"{np.abs(values).max()}"
            )
        if not self.eight_bits:
            self._into(self.kind, where, values.astype(np.float16))
            return
        numbers, scale = in_eight_bits(values)
        self._into(self.kind, where, numbers)
        self._into(SCALE, where, scale)

    def _into(self, name: str, where: np.ndarray, values: np.ndarray) -> None:
        if name not in self.arrays:
            number = int(self.rows.offsets[-1]) if self.per_piece else len(self.rows)
            self.arrays[name] = np.zeros((number, *values.shape[1:]), values.dtype)
        self.arrays[name][where] = values

    def ragged(self) -> Ragged:
        """All that was put."""
        if self.per_piece:
            return Ragged(self.rows.offsets, self.arrays, {})
        return Ragged(self.rows.offsets, {}, self.arrays)


def in_eight_bits(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as whole numbers of a step of their own: the largest element is 127 steps.

    Args:
        vectors: `(..., width)`.

    Returns:
        `(..., width)` int8, and the steps, `(...,)` float32.
    """
    scale = np.abs(vectors).max(axis=-1).astype(np.float32) / 127
    steps = vectors / np.maximum(scale, np.finfo(np.float32).tiny)[..., None]
    return np.rint(steps).astype(np.int8), scale


def of_target(found: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The float16 array of a stored target, if there is one among these arrays."""
    scale = found.get(SCALE)
    return [
        values if scale is None else (values * scale[..., None]).astype(np.float16)
        for name, values in found.items()
        if name != SCALE
    ]


def targets_bytes(
    shards: Manifest,
    widths: Mapping[str, int],
    length: int,
    per_text: bool,
    precision: str = FLOAT16,
) -> int:
    """About how many bytes the targets of some shards take on disk.

    Args:
        shards: of the transfer set.
        widths: of each kind of target: classes, or the teacher's width.
        length: pieces that training sees of a sentence.
        per_text: whether there is one target per text, and not per piece.
        precision: `float16` or `int8`.
    """
    read = np.minimum(shards.pieces, shards.sentences * length)
    positions = int((shards.sentences if per_text else read).sum())
    total = 8 * int(shards.sentences.sum()) * len(widths)  # offsets
    for kind, width in widths.items():
        eight_bits = precision == INT8 and kind not in WHOLE_KINDS
        total += positions * (width + 4 if eight_bits else 2 * width)
    return total


class _InSentenceShards:
    """What stored and live targets share: the sentences, in the shards of the transfer set."""

    def source(self) -> InShards:
        """The shards to train on."""
        return InShards(self.shards.sentences, lambda number: self._load(shard_name(number)))

    def validation(self) -> Ragged:
        """The held-out sentences."""
        return self._load(VALIDATION)

    def _sentences(self, name: str) -> Ragged:
        return read_sentences(self.sentences, name, self.verified).truncate(self.length)


@dataclass(frozen=True)
class StoredTargets(_InSentenceShards):
    """Transfer sentences with the teacher's targets, as a source of batches.

    Attributes:
        sentences: folder of shards of encoded sentences.
        shards: what they hold.
        part: folder of targets.
        kinds: which to read: the name in a batch, and the folder of the part.
        length: pieces that training sees of a sentence.
        rows: `(full vocabulary,)` row of each piece in the student's table.
    """

    sentences: str
    shards: Manifest
    part: Part
    kinds: Mapping[str, str]
    length: int
    rows: np.ndarray
    verified: set[str] = dataclasses.field(default_factory=set)

    def _load(self, name: str) -> Ragged:
        """One shard: `ids` are rows of the student's table."""
        rows = self._sentences(name)
        pieces, sentences = {**rows.pieces, "ids": self.rows[rows.pieces["ids"]]}, {}
        for kind, folder in self.kinds.items():
            path = self.part.path(folder, name)
            try:
                target = read_shard(path, self.verified, record_of(path))
            except ArtifactError:
                files.remove(self.part.path(DONE))  # so that the next run looks at every shard
                raise
            if not np.array_equal(target.offsets, rows.offsets):
                raise ArtifactError(
                    f"{path}: does not belong to the sentences of the same shard. Remove it."
                )
            for found, wanted in ((target.pieces, pieces), (target.sentences, sentences)):
                for values in of_target(found):
                    wanted[kind] = values
        return Ragged(rows.offsets, pieces, sentences)


@dataclass(frozen=True)
class LiveTargets(_InSentenceShards):
    """Transfer sentences whose targets the teacher gives inside each step: no disk, but a teacher's
    forward pass for every batch of every epoch.

    Attributes:
        sentences, shards, length, rows: as in `StoredTargets`.
        teacher: from full-vocabulary ids to outputs by kind.
        kinds: which of them a step wants.
    """

    sentences: str
    shards: Manifest
    teacher: Callable[..., Mapping[str, Any]]
    kinds: Sequence[str]
    length: int
    rows: np.ndarray
    verified: set[str] = dataclasses.field(default_factory=set)

    def _load(self, name: str) -> Ragged:
        """One shard: `ids` are rows of the student's table, `pieces` what the teacher reads."""
        rows = self._sentences(name)
        ids = rows.pieces["ids"]
        pieces = {**rows.pieces, "ids": self.rows[ids], "pieces": ids}
        return Ragged(rows.offsets, pieces, {})

    def complete(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """A batch with its targets, in the precision that stored ones have."""
        outputs = self.teacher(batch["pieces"], training=False)
        return {**batch, **{kind: tf.cast(outputs[kind], tf.float16) for kind in self.kinds}}

"""The teacher: an encoder of some family with a head, from a checkpoint or from scratch."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from xtremedistil.config import TeacherConfig
from xtremedistil.data.label_map import LabelMap
from xtremedistil.data.labels import LabelSet, unnamed
from xtremedistil.data.schemes import OUTSIDE
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError, ConfigError, listed
from xtremedistil.teachers.checkpoint import (
    Weights,
    find_folder,
    head_names,
    read_config,
    write_folder,
)
from xtremedistil.teachers.family import HEAD, WORD_EMBEDDINGS, EncoderConfig, Family, Tensors
from xtremedistil.teachers.join_classes import JoinClasses
from xtremedistil.teachers.registry import FAMILIES, family_of
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.registry import open_tokenizer, own_tokens

_SCRATCH = FAMILIES["bert"]


@dataclass(frozen=True)
class Checkpoint:
    """What a teacher is made from, known before anything is built.

    Attributes:
        folder: where the weights are; None for a teacher built from scratch.
        family: of the encoder.
        config: the encoder's shape.
        tokenizer: the tokenization.
        labels: the classes of its head, or None without a usable one.
        identity: stands for its content, as JSON values.
        groups: for each class, those of the head that it stands for; None where it is one of them.
    """

    folder: str | None
    family: Family[Any]
    config: EncoderConfig
    tokenizer: Tokenizer
    labels: LabelSet | None
    identity: dict[str, Any]
    groups: tuple[tuple[int, ...], ...] | None = None

    @property
    def added_tokens(self) -> tuple[str, ...]:
        """Tokens beyond the vocabulary, none of them special; text that spells one is text."""
        return own_tokens(self.folder, self.tokenizer) if self.folder else ()

    @property
    def table_rows(self) -> np.ndarray:
        """`(vocabulary_size,)`: the checkpoint's row of each of our rows of pieces. A table may
        have more rows than there are pieces; those stay where they are."""
        rows = np.arange(self.config.vocabulary_size)
        rows[: len(self.tokenizer)] = self.tokenizer.checkpoint_ids
        return rows


def open_checkpoint(config: TeacherConfig, task: str, embedded_vocabulary: str) -> Checkpoint:
    """Reads and checks all of a teacher but its weights.

    Args:
        config: `teacher` is a folder, a hub name, or `scratch`.
        task: `ner` or `classification`.
        embedded_vocabulary: tokenizer folder for a teacher from scratch that names none.

    Raises:
        CheckpointError: the folder is not a usable encoder of a known family with a known
            tokenizer.
        ConfigError: no teacher is named.
    """
    if not config.teacher:
        raise ConfigError(
            "--teacher must name a model folder or a hub name, such as "
            "google-bert/bert-base-multilingual-cased, or 'scratch' for a small one built here. "
            "Received: teacher=''"
        )
    if config.teacher == "scratch":
        return _from_scratch(config, config.teacher_vocabulary or embedded_vocabulary)
    folder = find_folder(config.teacher)
    content, path = read_config(folder)
    family = family_of(content.get("model_type"), path)
    weights = Weights(folder, family.prefix)
    shape = family.read_config(content, path, weights.__contains__, task)
    tokenizer = open_tokenizer(folder, config.strip_accents)
    if len(tokenizer) > shape.vocabulary_size:
        raise CheckpointError(
            f"{folder}: the tokenizer has more pieces than the embedding table has rows. "
            f"Received: {len(tokenizer)} pieces, {shape.vocabulary_size} rows"
        )
    identity = {
        "teacher": weights.checksum,
        "config": files.fingerprint(content),
        "tokenization": tokenizer.fingerprint,
    }
    final = family.heads[task].tensors(shape)[HEAD, "kernel"].name
    classes = (weights.shape(final) or (0,))[0]
    names = head_names(content, task, classes, path)
    if names is None:
        return Checkpoint(folder, family, shape, tokenizer, None, identity)
    groups = None
    if config.label_map:
        found = LabelMap.read(config.label_map).apply(names, task)
        identity["label map"] = dataclasses.asdict(found)
        names, groups = found.names, found.groups
    labels = _labels_of(names, config, task, path)
    return Checkpoint(folder, family, shape, tokenizer, labels, identity, groups)


def _labels_of(
    names: tuple[str, ...], config: TeacherConfig, task: str, path: str
) -> LabelSet | None:
    """The classes of a head; None where they cannot be used, and a new head is wanted anyway.

    Raises:
        CheckpointError: they are no tags of named entities.
    """
    nameless = any(unnamed(i) in names for i in range(len(names)))
    usable = not nameless if task == "classification" else not nameless and OUTSIDE in names
    if not usable and config.finetune == "always":
        return None
    if not usable and task == "ner":
        raise CheckpointError(
            f"{path}: a ready-made NER teacher must name its tags in id2label, O among them (O, "
            "B-PER, I-PER, ...). --label_map names them (LABEL_0=O); --finetune=always puts a new "
            f"head in place of this one. Received: {listed(names)}"
        )
    return LabelSet(names, task)


def _from_scratch(config: TeacherConfig, vocabulary: str) -> Checkpoint:
    tokenizer = open_tokenizer(vocabulary, config.strip_accents)
    shape = _SCRATCH.config(
        vocabulary_size=len(tokenizer),
        width=config.teacher_width,
        blocks=config.teacher_blocks,
        heads=config.teacher_heads,
        intermediate=config.teacher_intermediate,
    )
    identity = {
        "teacher": "scratch",
        "shape": vars(shape),
        "tokenization": tokenizer.fingerprint,
    }
    return Checkpoint(None, _SCRATCH, shape, tokenizer, None, identity)


def build_teacher(
    family: Family[Any],
    config: EncoderConfig,
    labels: LabelSet,
    layer: int | None = None,
    groups: tuple[tuple[int, ...], ...] | None = None,
) -> keras.Model:
    """The functional model.

    Args:
        family: of the encoder.
        config: its shape.
        labels: the classes of the head.
        layer: block whose output is given as `states`, counted from 1; None for none.
        groups: for each of `labels`, the head's classes that it stands for; None where it is one.

    Returns:
        A model from `ids`, `(batch, length)` int32, 0 where padded, to a dict: `logits`, `(batch,
        length, classes)` for NER and `(batch, classes)` for classification, and `states`, `(batch,
        length, width)` or, at the first piece, `(batch, width)`.

    Raises:
        ConfigError: no such block.
    """
    check_layer(layer, config.blocks)
    ids = keras.Input((None,), dtype="int32", name="ids")
    states = family.encode(config, ids)
    head = family.heads[labels.task]
    classes = len(labels) if groups is None else sum(map(len, groups))
    logits = head.build(config, head.read(config, states[-1], ids), classes)
    if groups is not None:
        logits = JoinClasses(groups, dtype="float32", name="named_classes")(logits)
    outputs = {"logits": logits}
    if layer is not None:
        outputs["states"] = states[layer] if labels.task == "ner" else states[layer][:, 0]
    return keras.Model(ids, outputs, name="teacher")


def word_table(model: keras.Model) -> np.ndarray:
    """`(V, D)` float32: the teacher's embedding of each piece, padding first."""
    return model.get_layer(WORD_EMBEDDINGS).embeddings.numpy()


def check_layer(layer: int | None, blocks: int) -> None:
    """Raises ConfigError unless a teacher of `blocks` blocks has block `layer`."""
    if layer is not None and not 1 <= layer <= blocks:
        raise ConfigError(
            f"--teacher_layer must be between 1 and {blocks}, the blocks of this teacher. "
            f"Received: teacher_layer={layer}"
        )


def load_teacher(
    checkpoint: Checkpoint,
    labels: LabelSet,
    layer: int | None = None,
    pieces: np.ndarray | None = None,
) -> keras.Model:
    """The teacher with its checkpoint's weights; the head too, if it is for these labels.

    Args:
        checkpoint: what it is made from; one with a folder, if `pieces` are given.
        labels: the classes of the head.
        layer: as in `build_teacher`.
        pieces: those that its table has, in this order, padding first: the model's ids are their
            places (`UsedPieces`). None for all.

    Raises:
        CheckpointError: a tensor is missing or has another shape.
        ConfigError: no such block.
    """
    config = checkpoint.config
    if pieces is not None:
        config = dataclasses.replace(config, vocabulary_size=len(pieces))
    own = checkpoint.labels is not None and checkpoint.labels.fits(labels)
    groups = checkpoint.groups if own else None
    model = build_teacher(checkpoint.family, config, labels, layer, groups)
    if checkpoint.folder is None:
        return model
    weights = Weights(checkpoint.folder, checkpoint.family.prefix)
    task = labels.task if own else None
    for (name, weight), tensor in _tensors(checkpoint, task).items():
        variable = getattr(model.get_layer(name), weight)
        values = tensor.from_checkpoint(weights.read(tensor.name), checkpoint.table_rows)
        wanted, cut = tuple(variable.shape), name == WORD_EMBEDDINGS and pieces is not None
        if cut:
            wanted = (checkpoint.config.vocabulary_size, *wanted[1:])
        if values.shape != wanted:
            raise CheckpointError(
                f"{weights.path}: {tensor.name} must have shape {wanted}, as config.json says "
                f"(kernels transposed). Received: {values.shape}"
            )
        variable.assign(values[pieces] if cut else values)
    return model


def count_parameters(checkpoint: Checkpoint, labels: LabelSet) -> tuple[int, int]:
    """Weights of a teacher, told without reading any: those of its table of pieces, and all others.

    Args:
        checkpoint: what it is made from.
        labels: the classes of its head, whose final layer is counted and nothing else of it.
    """
    config = checkpoint.config
    table = config.vocabulary_size * config.embedding_width
    if checkpoint.folder is None:  # small: built from the flags
        return table, build_teacher(checkpoint.family, config, labels).count_params() - table
    weights = Weights(checkpoint.folder, checkpoint.family.prefix)
    shapes = (weights.shape(tensor.name) for tensor in _tensors(checkpoint, None).values())
    encoder = sum(math.prod(shape) for shape in shapes if shape is not None)
    return table, encoder - table + (config.width + 1) * len(labels)


def read_table(checkpoint: Checkpoint) -> np.ndarray:
    """`(V, D)` float32: a checkpoint's embedding of each piece, without the rest of it.

    Raises:
        CheckpointError: it is missing.
    """
    weights = Weights(checkpoint.folder, checkpoint.family.prefix)
    tensor = checkpoint.family.tensors(checkpoint.config)[WORD_EMBEDDINGS, "embeddings"]
    return tensor.from_checkpoint(weights.read(tensor.name), checkpoint.table_rows)


def _tensors(checkpoint: Checkpoint, task: str | None) -> Tensors:
    """The weights of an encoder, with those of its head for a task."""
    family, config = checkpoint.family, checkpoint.config
    return family.tensors(config) | (family.heads[task].tensors(config) if task else {})


def save_teacher(
    folder: str,
    model: keras.Model,
    checkpoint: Checkpoint,
    labels: LabelSet,
    table: np.ndarray | None = None,
) -> tuple[str, ...]:
    """Writes a fine-tuned teacher as a Hugging Face folder.

    Args:
        folder: where to.
        model: the teacher.
        checkpoint: what it was made from.
        labels: the classes of its head.
        table: `(V, D)`, in place of that of a model with fewer pieces.

    Returns:
        The names of the files.
    """

    def values(layer: str, weight: str) -> np.ndarray:
        if layer == WORD_EMBEDDINGS and table is not None:
            return table
        return getattr(model.get_layer(layer), weight).numpy()

    tensors = {
        tensor.name: tensor.to_checkpoint(values(layer, weight), checkpoint.table_rows)
        for (layer, weight), tensor in _tensors(checkpoint, labels.task).items()
    }
    config = checkpoint.family.write_config(checkpoint.config, labels.task)
    names = write_folder(folder, tensors, config, labels)
    return (*names, *checkpoint.tokenizer.save(folder))

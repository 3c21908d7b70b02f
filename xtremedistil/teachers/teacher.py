"""The teacher: a BERT encoder with a linear head, from a checkpoint or from scratch."""

import os
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import safetensors.numpy
from keras import layers

from xtremedistil.config import TeacherConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError, ConfigError
from xtremedistil.teachers import bert
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.registry import open_tokenizer


@dataclass(frozen=True)
class Checkpoint:
    """What a teacher is made from, known before anything is built.

    Attributes:
        folder: where the weights are; None for a teacher built from scratch.
        config: the encoder's shape.
        tokenizer: the tokenization.
        labels: the classes of its head, or None without a usable one.
        identity: stands for its content, as JSON values.
    """

    folder: str | None
    config: bert.BertConfig
    tokenizer: Tokenizer
    labels: LabelSet | None
    identity: dict[str, Any]


def open_checkpoint(config: TeacherConfig, task: str, embedded_vocabulary: str) -> Checkpoint:
    """Reads and checks all of a teacher but its weights.

    Args:
        config: `teacher` is a folder, a hub name, or `scratch`.
        task: `ner` or `classification`.
        embedded_vocabulary: tokenizer folder for a teacher from scratch that names none.

    Raises:
        CheckpointError: the folder is not a usable WordPiece BERT.
        ConfigError: no teacher is named.
    """
    if not config.teacher:
        raise ConfigError(
            "--teacher must name a model folder or a hub name, such as "
            "google-bert/bert-base-multilingual-cased, or 'scratch' for a small one built here. "
            "Received: teacher=''"
        )
    if config.teacher == "scratch":
        tokenizer = open_tokenizer(
            config.teacher_vocabulary or embedded_vocabulary, config.strip_accents
        )
        shape = bert.BertConfig(
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
        return Checkpoint(None, shape, tokenizer, None, identity)
    folder = bert.find_folder(config.teacher)
    content, path = bert.read_config(folder)
    weights = os.path.join(folder, bert.WEIGHTS)
    names = _tensor_names(folder)
    pooler = task == "classification" and _has(
        names, "pooler.dense.weight"
    )  # tags are read without one
    shape = bert.BertConfig.from_hugging_face(content, path, pooler)
    tokenizer = open_tokenizer(folder, config.strip_accents)
    if len(tokenizer) > shape.vocabulary_size:
        raise CheckpointError(
            f"{folder}: the tokenizer has more pieces than the embedding table has rows. "
            f"Received: {len(tokenizer)} pieces, {shape.vocabulary_size} rows"
        )
    identity = {
        "teacher": files.checksum(weights),
        "config": files.fingerprint(content),
        "tokenization": tokenizer.fingerprint,
    }
    labels = _labels(content, task, path) if _has(names, "classifier.weight") else None
    return Checkpoint(folder, shape, tokenizer, labels, identity)


def _has(names: set[str], name: str) -> bool:
    return name in names or f"bert.{name}" in names


def _tensor_names(folder: str) -> set[str]:
    path = os.path.join(folder, bert.WEIGHTS)
    if not files.exists(path):
        bert.read_tensors(folder)  # raises, with what to do
    with files.open_read(path) as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= files.size(path) else b""
    return set(files.parse_json(header, path)) - {"__metadata__"}


def _labels(content: dict, task: str, path: str) -> LabelSet | None:
    """The classes of a checkpoint's head, if the head is for this task."""
    kinds = {"ner": "ForTokenClassification", "classification": "ForSequenceClassification"}
    architectures = content.get("architectures") or [f"Bert{kinds[task]}"]
    if not any(name.endswith(kinds[task]) for name in architectures):
        return None
    named = {int(i): name for i, name in (content.get("id2label") or {}).items()}
    names = tuple(named[i] for i in sorted(named))
    if task == "ner" and (not names or all(name.startswith("LABEL_") for name in names)):
        raise CheckpointError(
            f"{path}: a ready-made NER teacher must name its tags in id2label (O, B-PER, I-PER, "
            f"...). Received: {', '.join(names) or 'no names'}"
        )
    return LabelSet(names, task) if names else None


def build_teacher(
    config: bert.BertConfig, labels: LabelSet, layer: int | None = None
) -> keras.Model:
    """The functional model.

    Args:
        config: the encoder's shape.
        labels: the classes of the head.
        layer: block whose output is given as `states`, counted from 1; None for none.

    Returns:
        A model from `ids`, `(batch, length)` int32, to a dict: `logits`, `(batch, length, classes)`
        for NER and `(batch, classes)` for classification, and `states`, `(batch, length, width)`
        or, at [CLS], `(batch, width)`.

    Raises:
        ConfigError: no such block.
    """
    check_layer(layer, config.blocks)
    ids = keras.Input((None,), dtype="int32", name="ids")
    states = bert.encode(config, ids)
    top = states[-1]
    if labels.task == "classification":
        top = top[:, 0]
        if config.pooler:
            top = layers.Dense(config.width, "tanh", name="pooler")(top)
    top = layers.Dropout(config.dropout, name="head_dropout")(top)
    start = keras.initializers.TruncatedNormal(stddev=0.02)
    head = layers.Dense(len(labels), kernel_initializer=start, dtype="float32", name="head")
    outputs = {"logits": head(top)}
    if layer is not None:
        outputs["states"] = states[layer] if labels.task == "ner" else states[layer][:, 0]
    return keras.Model(ids, outputs, name="teacher")


def check_layer(layer: int | None, blocks: int) -> None:
    """Raises ConfigError unless a teacher of `blocks` blocks has block `layer`."""
    if layer is not None and not 1 <= layer <= blocks:
        raise ConfigError(
            f"--teacher_layer must be between 1 and {blocks}, the blocks of this teacher. "
            f"Received: teacher_layer={layer}"
        )


def load_teacher(checkpoint: Checkpoint, labels: LabelSet, layer: int | None = None) -> keras.Model:
    """The teacher with its checkpoint's weights; the head too, if it is for these labels."""
    model = build_teacher(checkpoint.config, labels, layer)
    if checkpoint.folder is not None:
        tensors = bert.read_tensors(checkpoint.folder)
        path = os.path.join(checkpoint.folder, bert.WEIGHTS)
        bert.assign(model, checkpoint.config, tensors, path)
        if checkpoint.labels == labels:
            head = model.get_layer("head")
            head.kernel.assign(tensors["classifier.weight"].T)
            head.bias.assign(tensors["classifier.bias"])
    return model


def save_teacher(
    folder: str, model: keras.Model, checkpoint: Checkpoint, labels: LabelSet
) -> tuple[str, ...]:
    """Writes a fine-tuned teacher as a Hugging Face folder.

    Returns:
        The names of the files.
    """
    head = model.get_layer("head")
    tensors = bert.collect(model, checkpoint.config)
    tensors["classifier.weight"] = np.ascontiguousarray(head.kernel.numpy().T)
    tensors["classifier.bias"] = head.bias.numpy()
    files.write_bytes(
        os.path.join(folder, bert.WEIGHTS), safetensors.numpy.save(tensors, {"format": "pt"})
    )
    config = bert.config_bytes(checkpoint.config, labels.names, labels.task)
    files.write_bytes(os.path.join(folder, bert.CONFIG), config)
    return (bert.WEIGHTS, bert.CONFIG, *checkpoint.tokenizer.save(folder))

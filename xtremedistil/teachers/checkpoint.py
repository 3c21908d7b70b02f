"""A Hugging Face model folder: what all families have in common.

`config.json`, and the weights as safetensors, in one file or in several with an index. Only headers
are read when a folder is opened; tensors come one at a time, as float32, so that a large teacher is
never in memory twice.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.numpy

from xtremedistil.data.labels import LabelSet, unnamed
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, CheckpointError, listed
from xtremedistil.tokenization.registry import tokenizer_files

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_INDEX, _SHARDS = "model.safetensors.index.json", "model-*.safetensors"
_MOST_HEADER_BYTES = 100_000_000
# bfloat16, which numpy lacks, is the upper half of a float32.
_BFLOAT16 = "BF16"
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", _BFLOAT16: "<u2"}
_KINDS = {"ner": "ForTokenClassification", "classification": "ForSequenceClassification"}


@dataclass(frozen=True)
class _Stored:
    """Where a tensor is: its file, the bytes there from `begin` to `end`, its type and shape."""

    path: str
    begin: int
    end: int
    type: str
    shape: tuple[int, ...]

    def read(self) -> np.ndarray:
        """The values, as float32."""
        with files.open_read(self.path) as file:
            file.seek(self.begin)
            content = file.read(self.end - self.begin)
        values = np.frombuffer(content, _TYPES[self.type]).reshape(self.shape)
        if self.type == _BFLOAT16:
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32, copy=False)


class Weights:
    """The tensors of a checkpoint, by name.

    Names are those of the family, whose prefix a checkpoint without a head leaves out; older
    checkpoints call the weights of layer normalizations gamma and beta.
    """

    def __init__(self, folder: str, prefix: str):
        """Reads the headers.

        Args:
            folder: the model folder.
            prefix: of the family's names.

        Raises:
            CheckpointError: no safetensors, or damaged ones.
        """
        self.folder, self.prefix = folder, prefix
        if files.exists(os.path.join(folder, WEIGHTS)):
            self.names: tuple[str, ...] = (WEIGHTS,)
        elif files.exists(os.path.join(folder, _INDEX)):
            self.names = _shards(os.path.join(folder, _INDEX))
        else:
            raise CheckpointError(
                f"{folder}: no {WEIGHTS}. Pickled weights (.bin) are never opened, since opening "
                "them can run code: convert them where you trust them, with transformers' "
                f"save_pretrained. Received: {listed(files.list_folder(folder))}"
            )
        self._stored: dict[str, _Stored] = {}
        for name in self.names:
            self._stored |= _read_header(os.path.join(folder, name))

    @property
    def path(self) -> str:
        """The file, or of several the folder, to name in errors."""
        return os.path.join(self.folder, self.names[0]) if len(self.names) == 1 else self.folder

    @cached_property
    def checksum(self) -> str:
        """Stands for the content of all files."""
        sums = {name: files.checksum(os.path.join(self.folder, name)) for name in self.names}
        return sums[WEIGHTS] if WEIGHTS in sums else files.fingerprint(sums)

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a tensor; None where there is no such one."""
        found = self._find(name)
        return None if found is None else found.shape

    def read(self, name: str) -> np.ndarray:
        """The values of a tensor, as float32.

        Raises:
            CheckpointError: there is no such tensor, or one of integers.
        """
        found = self._find(name)
        if found is None:
            raise CheckpointError(
                f"{self.path}: the weights lack a tensor of the model. Received: no {name}"
            )
        if found.type not in _TYPES:
            raise CheckpointError(
                f"{self.path}: {name} must be one of {', '.join(_TYPES)}. Received: {found.type}"
            )
        return found.read()

    def _find(self, name: str) -> _Stored | None:
        for known in (name, name.removeprefix(self.prefix)):
            old = known.replace("LayerNorm.weight", "LayerNorm.gamma")
            for spelled in (known, old.replace("LayerNorm.bias", "LayerNorm.beta")):
                if spelled in self._stored:
                    return self._stored[spelled]
        return None


def _shards(index: str) -> tuple[str, ...]:
    """The files that an index names, in order."""
    content = files.read_json(index)
    listed = content.get("weight_map") if isinstance(content, dict) else None
    names = list(listed.values()) if isinstance(listed, dict) else []
    if not names or any(os.path.basename(str(name)) != name for name in names):
        raise CheckpointError(
            f"{index}: weight_map must name files that lie beside it. Received: {listed!r:.80}"
        )
    return tuple(sorted(set(names)))


def _read_header(path: str) -> dict[str, _Stored]:
    """What a safetensors file holds.

    Raises:
        CheckpointError: it is not whole, or is no such file.
    """
    try:
        whole = files.size(path)
        with files.open_read(path) as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= min(whole, _MOST_HEADER_BYTES) else b""
        content, start = files.parse_json(header, path), 8 + length
        stored = {
            name: _Stored(path, *(start + i for i in t["data_offsets"]), t["dtype"], (*t["shape"],))
            for name, t in content.items()
            if name != "__metadata__"
        }
        sound = all(start <= s.begin <= s.end <= whole and _fits(s) for s in stored.values())
        sound &= max((s.end for s in stored.values()), default=start) == whole
    except (OSError, ArtifactError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error}).") from error
    if not sound:
        raise CheckpointError(
            f"{path}: not a whole safetensors file. Received: {whole:,} bytes, whose header "
            "describes others"
        )
    return stored


def _fits(stored: _Stored) -> bool:
    """Whether a tensor's bytes are those of its shape; of types that are not read, unknown."""
    numbers = (stored.begin, stored.end, *stored.shape)
    if not all(type(number) is int and number >= 0 for number in numbers):
        return False
    if stored.type not in _TYPES:
        return True
    size = np.dtype(_TYPES[stored.type]).itemsize
    return stored.end - stored.begin == size * math.prod(stored.shape)


def find_folder(name: str) -> str:
    """The local folder of a checkpoint, from a folder or a hub name.

    Raises:
        CheckpointError: no such folder, and the hub cannot be reached or does not have it.
    """
    if files.is_folder(name):
        return name
    if name.startswith(("/", ".", "~")):
        raise CheckpointError(f"--teacher: there is no such folder. Received: teacher={name!r}")
    import huggingface_hub  # only for hub names: it opens connections

    wanted = [CONFIG, WEIGHTS, _INDEX, _SHARDS, *tokenizer_files()]
    try:
        return huggingface_hub.snapshot_download(name, allow_patterns=wanted)
    except Exception as error:  # many kinds, one meaning: it cannot be had from here
        raise CheckpointError(
            "--teacher must be a model folder, or a hub name that can be reached from here "
            f"({type(error).__name__}). Without a network, download the model elsewhere "
            "(config.json, model.safetensors and the tokenizer's files), copy the folder here and "
            f"give its path. Received: teacher={name!r}"
        ) from error


def is_model_folder(folder: str) -> bool:
    """Whether a folder has weights that can be read."""
    return any(files.exists(os.path.join(folder, name)) for name in (WEIGHTS, _INDEX))


def read_config(folder: str) -> tuple[dict[str, Any], str]:
    """The JSON object of a checkpoint's `config.json`, and its path.

    Raises:
        CheckpointError: the folder has none.
    """
    path = os.path.join(folder, CONFIG)
    if not files.exists(path):
        received = listed(files.list_folder(folder)) or "an empty folder"
        raise CheckpointError(f"{folder}: a model folder needs {CONFIG}. Received: {received}")
    content = files.read_json(path)
    if not isinstance(content, dict):
        raise CheckpointError(
            f"{path}: a JSON object is wanted. Received: {type(content).__name__}"
        )
    return content, path


def head_names(
    content: Mapping[str, Any], task: str, classes: int, path: str
) -> tuple[str, ...] | None:
    """The names of the classes of a checkpoint's head, or None where the head is for another task.

    Args:
        content: of `config.json`.
        task: `ner` or `classification`.
        classes: that the head has. The library that saves such folders does not write names that it
            made up, if there are two: they are `LABEL_0` and on.
        path: of the file, for errors.

    Raises:
        CheckpointError: it does not name as many classes as there are.
    """
    architectures = content.get("architectures") or [_KINDS[task]]
    if classes < 2 or not any(name.endswith(_KINDS[task]) for name in architectures):
        return None  # one class is a number to estimate
    named = content.get("id2label") or {i: unnamed(i) for i in range(classes)}
    with_ids = {str(i): name for i, name in named.items()} if isinstance(named, dict) else {}
    names = tuple(with_ids.get(str(i)) for i in range(classes))
    if len(with_ids) != classes or not all(isinstance(name, str) and name for name in names):
        raise CheckpointError(
            f"{path}: id2label must name the {classes} classes of the head, from 0 on. Received: "
            f"id2label={named!r:.200}"
        )
    return names


def write_folder(
    folder: str, tensors: dict[str, np.ndarray], config: Mapping[str, Any], labels: LabelSet
) -> tuple[str, ...]:
    """Writes weights, and a `config.json` that names the labels.

    Returns:
        The names of the files.
    """
    content = safetensors.numpy.save(tensors, {"format": "pt"})
    files.write_bytes(os.path.join(folder, WEIGHTS), content)
    named = {
        "id2label": {str(i): name for i, name in enumerate(labels.names)},
        "label2id": {name: i for i, name in enumerate(labels.names)},
    }
    files.write_json(os.path.join(folder, CONFIG), {**config, **named})
    return (WEIGHTS, CONFIG)

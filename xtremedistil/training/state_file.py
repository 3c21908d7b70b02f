"""Named tensors as a safetensors file that is written and read one tensor at a time, so that the
state of a large teacher needs no second copy of itself in memory, on any file system.

The last tensor, `sha256`, is the checksum of all bytes before its own.
"""

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError

_BLOCK = 1 << 24  # bytes that are written, or checked, at once
_SEAL = "sha256"
_SEAL_BYTES = hashlib.sha256().digest_size
_DTYPES = {
    "BOOL": np.dtype(bool),
    "U8": np.dtype("uint8"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class Tensor:
    """A tensor whose values are fetched when it is their turn.

    Attributes:
        dtype: of its values.
        shape: likewise.
        values: fetches them.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    values: Callable[[], np.ndarray]


def write_state(path: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a file, whole or not at all.

    Args:
        path: the file.
        tensors: by name.
        metadata: texts by name.

    Raises:
        ArtifactError: the disk is full.
    """
    header: dict[str, dict] = {"__metadata__": dict(metadata)}
    end = 0
    seal = Tensor(np.dtype("uint8"), (_SEAL_BYTES,), lambda: np.frombuffer(digest.digest(), "u1"))
    for name, tensor in {**tensors, _SEAL: seal}.items():
        start, end = end, end + math.prod(tensor.shape) * tensor.dtype.itemsize
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    content = json.dumps(header).encode("utf-8")
    content += b" " * (-len(content) % 8)
    digest = hashlib.sha256()
    with files.writing(path, needed=8 + len(content) + end) as file:
        for part in (len(content).to_bytes(8, "little"), content):
            digest.update(part)
            file.write(part)
        for tensor in (*tensors.values(), seal):
            values = np.asarray(tensor.values(), tensor.dtype, order="C")
            view = memoryview(values.reshape(-1).view(np.uint8))
            for start in range(0, len(view), _BLOCK):
                block = bytes(view[start : start + _BLOCK])
                file.write(block)
                digest.update(block)


@dataclass(frozen=True)
class StateReader:
    """An open file of `write_state`.

    Attributes:
        file: where its bytes are.
        first: the byte where tensors begin.
        header: dtype, shape and offsets of each tensor.
        metadata: texts by name.
    """

    file: BinaryIO
    first: int
    header: Mapping[str, dict]
    metadata: Mapping[str, str]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor; KeyError if there is none of that name."""
        return tuple(self.header[name]["shape"])

    def values(self, name: str) -> np.ndarray:
        """A tensor's values, read now."""
        start, end = self.header[name]["data_offsets"]
        self.file.seek(self.first + start)
        values = np.frombuffer(self.file.read(end - start), _DTYPES[self.header[name]["dtype"]])
        return values.reshape(self.shape(name))


@contextlib.contextmanager
def reading_state(path: str) -> Iterator[StateReader]:
    """Opens what `write_state` wrote, once its checksum is found right.

    Raises:
        ArtifactError: it is not there, or truncated or altered.
    """
    with files.open_read(path) as file:
        digest, left = hashlib.sha256(), files.size(path) - _SEAL_BYTES
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            digest.update(block)
            left -= len(block)
        if left or file.read() != digest.digest():
            raise ArtifactError(f"{path}: truncated, or altered since it was written.")
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        header = files.parse_json(file.read(length), path)
        yield StateReader(file, 8 + length, header, header.pop("__metadata__"))

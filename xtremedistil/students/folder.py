"""A student's folder without its network: its sizes, its weights by name, and what turns text into
ids and logits into labels. Needs no TensorFlow, so that a deployed student can do without."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError, XtremeDistilError
from xtremedistil.students.shape import StudentShape
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.kind import TokenizerFolder, TokenizerKind
from xtremedistil.tokenization.registry import TOKENIZERS

BUNDLE, WEIGHTS = "bundle.json", "weights.safetensors"
_ROWS, _FORMAT = "rows.safetensors", 2
# Of the JSON that begins a safetensors file, of `rows`: a row number for every piece that any table
# could have, and of any other file. What is larger is not read, be it for its checksum.
_MOST_HEADER_BYTES, _MOST_ROWS_BYTES, _MOST_FILE_BYTES = 1 << 20, 1 << 25, 1 << 31
_TASKS = ("ner", "classification")  # as in `config`, which takes long to import
_FIRST_KIND = "wordpiece"  # of every tokenizer when descriptions did not name its kind
# What a description that is not one may cause on its way to a model.
_MALFORMED = (
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
    ArithmeticError,
    SafetensorError,
)
KIND = "a student's folder"
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Codec:
    """Text to a student's ids, and its logits to labels.

    Attributes:
        tokenizer: the tokenization, with the full vocabulary.
        rows: `(full vocabulary,)` int32: each piece's row in the student's table.
        labels: its classes.
    """

    tokenizer: Tokenizer
    rows: np.ndarray
    labels: LabelSet

    def save(self, folder: str) -> tuple[str, ...]:
        """Writes tokenization and rows.

        Returns:
            The names of the files.
        """
        rows = safetensors.numpy.save({"rows": self.rows})
        files.write_bytes(os.path.join(folder, _ROWS), rows)
        return (_ROWS, *self.tokenizer.save(folder))

    def describe(self) -> dict[str, Any]:
        """What the files of `save` do not say, as JSON values."""
        return {
            "tokenizer": self.tokenizer.kind,
            "task": self.labels.task,
            "labels": list(self.labels.names),
        }

    @classmethod
    def load(cls, folder: str, description: Mapping[str, Any]) -> "Codec":
        """Reads what `save` wrote and `describe` said.

        Args:
            folder: where the files are.
            description: of `describe`, and the `files` that belong to the folder: no other is read.

        Raises:
            ArtifactError: there is no such kind of tokenizer, or vocabulary and rows do not fit
                each other.
        """
        labels, task = description["labels"], description["task"]
        if task not in _TASKS or not all(isinstance(name, str) for name in labels):
            raise ArtifactError(
                f"{folder}: a task is one of {', '.join(_TASKS)}, and labels are names. Received: "
                f"task={task!r}"
            )
        rows = safetensors.numpy.load(files.read_bytes(os.path.join(folder, _ROWS)))["rows"]
        kind = _tokenizer_kind(description, folder)
        tokenizer = kind.open(TokenizerFolder(folder, description["files"]), "checkpoint")
        if rows.dtype != np.int32 or rows.shape != (len(tokenizer),) or rows.min() < 0:
            raise ArtifactError(
                f"{folder}: every piece of the vocabulary needs a row. Received: "
                f"{len(tokenizer)} pieces, rows {rows.dtype} {rows.shape}"
            )
        return cls(tokenizer, rows, LabelSet(tuple(labels), task))


def student_in(folder: str) -> str:
    """The folder of the student, where a run's folder is given."""
    inner = os.path.join(folder, "student")
    if not files.exists(os.path.join(folder, BUNDLE)) and files.is_folder(inner):
        return inner
    return folder


def _tokenizer_kind(description: Mapping[str, Any], path: str) -> TokenizerKind:
    """The kind of tokenizer that a description names; `path` is for the error."""
    name = description.get("tokenizer", _FIRST_KIND)
    if name not in TOKENIZERS:
        raise ArtifactError(
            f"{path}: this version reads tokenizers of kind {', '.join(TOKENIZERS)}. Received: "
            f"tokenizer={name!r}"
        )
    return TOKENIZERS[name]


def describe_files(folder: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Size and checksum of each file, by name."""
    return {name: files.describe_file(os.path.join(folder, name)) for name in names}


def read_described(
    folder: str,
    name: str,
    kind: str,
    versions: Sequence[int],
    needed: tuple[str, ...],
    read: Callable[[dict[str, Any]], _Read],
) -> _Read:
    """Reads a folder that one JSON file describes.

    Args:
        folder: the folder.
        name: of the JSON file, which holds `format` and `files`.
        kind: what the folder should be, for the errors.
        versions: each `format` that is understood.
        needed: files that must be among those described, beside those of the tokenization.
        read: makes the result from the JSON file's content, once the files are checked.

    Raises:
        ArtifactError: a file is missing, altered, or of another format.
    """
    path = os.path.join(folder, name)
    if not files.exists(path):
        received = ", ".join(files.list_folder(folder)) or "an empty or missing folder"
        raise ArtifactError(f"{folder}: not {kind}: no {name}. Received: {received}")
    content = files.read_json(path)
    with descriptions_checked(path, kind):
        if content["format"] not in versions:
            legal = " or ".join(map(str, versions))
            raise ArtifactError(
                f"{path}: this version reads format {legal} of {kind}. Received: "
                f"format={content['format']!r}"
            )
        for file in (_ROWS, *_tokenizer_kind(content, path).saves, *needed):
            if file not in content["files"]:
                raise ArtifactError(f"{path}: {file} is not among its files.")
        for file in content["files"]:
            _check_size(os.path.join(folder, file), file, path)
        for file, described in content["files"].items():
            files.check_file(os.path.join(folder, file), described)
        return read(content)


def _check_size(path: str, name: str, description: str) -> None:
    """Whether a described file lies beside its description, and is no larger than any that is read:
    asked of all of them before one is read."""
    if os.path.basename(name) != name:
        raise ArtifactError(f"{description}: a file lies beside it. Received: {name!r}")
    most = _MOST_ROWS_BYTES if name == _ROWS else _MOST_FILE_BYTES
    if files.exists(path) and (found := files.size(path)) > most:
        raise ArtifactError(f"{path}: has at most {most:,} bytes. Received: {found:,} bytes")


@contextlib.contextmanager
def descriptions_checked(path: str, kind: str) -> Iterator[None]:
    """Turns what a description that is not one may cause into an error that names its file.

    Args:
        path: the file that holds it.
        kind: what it should describe.

    Raises:
        ArtifactError: something went wrong inside the block.
    """
    try:
        yield
    except XtremeDistilError:
        raise
    except _MALFORMED as error:
        raise ArtifactError(f"{path}: not a description of {kind} ({error!r}).") from error


@dataclass(frozen=True)
class StudentFolder:
    """A student's folder, read and checked, but for its network.

    Attributes:
        folder: where it is.
        shape: its sizes.
        head: which of the two heads it kept.
        codec: what surrounds the network.
    """

    folder: str
    shape: StudentShape
    head: str
    codec: Codec

    @classmethod
    def load(cls, folder: str) -> "StudentFolder":
        """Reads a folder that `Bundle.save` wrote.

        Raises:
            ArtifactError: a file is missing, altered, or of another format.
        """

        def read(content: dict[str, Any]) -> "StudentFolder":
            shape = _read_shape(content, folder)
            codec = Codec.load(folder, content)
            labels = codec.labels
            fits = (labels.task, len(labels)) == (shape.task, shape.classes)
            if codec.rows.max() >= shape.vocabulary_size or not fits:
                raise ArtifactError(f"{folder}: vocabulary, labels and weights do not fit.")
            return cls(folder, shape, content["head"], codec)

        needed = (WEIGHTS,)
        return read_described(folder, BUNDLE, KIND, (1, _FORMAT), needed, read)

    def save_description(self, names: tuple[str, ...]) -> None:
        """Writes the JSON file that describes the folder; its files must be there."""
        content = {
            "format": _FORMAT,
            "shape": self.shape.to_dict(),
            "head": self.head,
            **self.codec.describe(),
            "files": describe_files(self.folder, names),
        }
        files.write_json(os.path.join(self.folder, BUNDLE), content)

    def weights(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        return safetensors.numpy.load(files.read_bytes(os.path.join(self.folder, WEIGHTS)))


def _read_shape(content: Mapping[str, Any], folder: str) -> StudentShape:
    """A described shape, compared with the file of weights before anything of it is built.

    Raises:
        ArtifactError: they have different numbers of weights, weights of another type, name or
            shape, or the sizes are no sizes.
    """
    try:
        shape = StudentShape(**content["shape"])
    except ConfigError as error:
        raise ArtifactError(f"{os.path.join(folder, BUNDLE)}: {error}") from error
    path = os.path.join(folder, WEIGHTS)
    with files.open_read(path) as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= _MOST_HEADER_BYTES else b""
    tensors = files.parse_json(header, path)
    found = sum(math.prod(t["shape"]) for name, t in tensors.items() if name != "__metadata__")
    # The bytes count too: a header alone may tell of more weights than any memory holds.
    whole = 8 + length + found * np.dtype(np.float32).itemsize
    if shape.deployed_parameters != found or files.size(path) != whole:
        raise ArtifactError(
            f"{path}: {found:,} weights in {files.size(path):,} bytes, which are not those of the "
            f"described student. Received: shape={shape.to_dict()}"
        )
    expected = _tensors_of(shape, content["head"])
    for name, wanted in expected.items():
        if name not in tensors or (*tensors[name]["shape"],) != wanted:
            raise ArtifactError(
                f"{path}: the described student has {name} {wanted}. Received: "
                f"{tensors.get(name, 'no such weights')}"
            )
    if not all(t["dtype"] == "F32" for name, t in tensors.items() if name != "__metadata__"):
        raise ArtifactError(f"{path}: weights are float32. Received: others")
    return shape


def _tensors_of(shape: StudentShape, head: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a student's weights by name, but for those of encoders that know them only once
    they are built."""
    tensors = {"embeddings/embeddings": (shape.vocabulary_size, shape.embedding_dim)}
    width = shape.states_width
    if shape.heads_on == "projection":
        tensors["projection/kernel"] = (width, shape.teacher_width)
        tensors["projection/bias"] = (shape.teacher_width,)
        width = shape.teacher_width
    tensors[f"{head}/kernel"], tensors[f"{head}/bias"] = (width, shape.classes), (shape.classes,)
    return tensors

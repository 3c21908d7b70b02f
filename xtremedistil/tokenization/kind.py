"""How a kind of tokenizer is recognised and opened."""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError, XtremeDistilError
from xtremedistil.tokenization.base import Tokenizer

# The largest published file of a tokenizer has some 35 million.
_MOST_BYTES = 1 << 27


class TokenizerFolder:
    """The files of a folder that a tokenizer may be read from.

    Attributes:
        folder: where they are.
        names: their names.
    """

    def __init__(self, folder: str, names: Collection[str] | None = None):
        """Reads nothing yet.

        Args:
            folder: a Hugging Face model folder, or a student's.
            names: the files that may be read; None for all that there are.
        """
        self.folder = folder
        self.names = tuple(files.list_folder(folder) if names is None else names)
        self._read: dict[str, dict[str, Any]] = {}

    def path(self, name: str) -> str:
        """The path of a file."""
        return os.path.join(self.folder, name)

    def read_bytes(self, name: str) -> bytes:
        """The whole content of a file.

        Raises:
            CheckpointError: it is larger than any tokenizer's.
        """
        path = self.path(name)
        if files.exists(path) and files.size(path) > _MOST_BYTES:
            raise CheckpointError(
                f"{path}: a file of a tokenizer has at most {_MOST_BYTES:,} bytes. Received: "
                f"{files.size(path):,} bytes"
            )
        return files.read_bytes(path)

    def read_json(self, name: str) -> dict[str, Any]:
        """The JSON object in a file, read once; an empty one where there is no such file.

        Raises:
            CheckpointError: the file holds something else, or is larger than any tokenizer's.
            ArtifactError: it is not JSON.
        """
        if name not in self.names:
            return {}
        if name not in self._read:
            content = files.parse_json(self.read_bytes(name), self.path(name))
            if not isinstance(content, dict):
                raise CheckpointError(
                    f"{self.path(name)}: a JSON object is wanted. Received: "
                    f"{type(content).__name__}"
                )
            self._read[name] = content
        return self._read[name]


@contextlib.contextmanager
def refusing_malformed(path: str) -> Iterator[None]:
    """Turns what reading a tokenizer that is not one may cause into an error that names its file.

    Args:
        path: the file, or the folder.

    Raises:
        CheckpointError: something went wrong inside the block.
    """
    try:
        yield
    except XtremeDistilError:
        raise
    # The tokenizers library raises plain exceptions, sentencepiece RuntimeError and OSError.
    except Exception as error:
        raise CheckpointError(f"{path}: not the file of a tokenizer ({error!r}).") from error


@dataclass(frozen=True)
class TokenizerKind:
    """A kind of tokenizer.

    Attributes:
        name: of the kind, as a student's folder records it.
        reads: names of the files that such a tokenizer may be read from.
        saves: names of the files that `Tokenizer.save` writes, whatever the checkpoint.
        recognises: whether the tokenizer of a folder is of this kind.
        open: reads one, given the folder and `checkpoint`, `yes` or `no`: whether accents are
            stripped. Raises CheckpointError where the files are not as they must be, and
            ConfigError where the rule cannot be overridden.
    """

    name: str
    reads: tuple[str, ...]
    saves: tuple[str, ...]
    recognises: Callable[[TokenizerFolder], bool]
    open: Callable[[TokenizerFolder, str], Tokenizer]

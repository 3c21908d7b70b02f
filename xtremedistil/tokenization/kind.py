"""How a kind of tokenizer is recognised and opened."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.tokenization.base import Tokenizer


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
        """The whole content of a file."""
        return files.read_bytes(self.path(name))

    def read_json(self, name: str) -> dict[str, Any]:
        """The JSON object in a file, read once; an empty one where there is no such file.

        Raises:
            CheckpointError: the file holds something else.
        """
        if name not in self.names:
            return {}
        if name not in self._read:
            content = files.read_json(self.path(name))
            if not isinstance(content, dict):
                raise CheckpointError(
                    f"{self.path(name)}: a JSON object is wanted. Received: "
                    f"{type(content).__name__}"
                )
            self._read[name] = content
        return self._read[name]


@dataclass(frozen=True)
class TokenizerKind:
    """A kind of tokenizer.

    Attributes:
        name: of the kind, as a student's folder records it.
        reads: names of the files that such a tokenizer may be read from.
        saves: names of the files that `Tokenizer.save` writes.
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

"""What a format of exports is, as one record. A new format is a file beside `litert.py` with a
record, and a line in `registry.py`."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.python.predictor import Network
from xtremedistil.students.folder import StudentFolder
from xtremedistil.students.shape import StudentShape

NONE, INT8 = "none", "int8"


@dataclass(frozen=True)
class Settings:
    """How an export is written.

    Attributes:
        quantize: `none`, or `int8` for weights of 8 bits.
        jit_compile: compile its network with XLA.
    """

    quantize: str = NONE
    jit_compile: bool = False


@dataclass(frozen=True)
class Export:
    """A format of exports.

    Attributes:
        name: as `--format` says it.
        title: as texts say it.
        write: writes a student's export to a folder, and gives the names of its files.
        open: from the folder and a number of threads (0 for every core) to its network.
        graph: the file that holds its network.
        signature: its inputs and outputs, for the card: `inputs` and `outputs`, by name `type`,
            `shape` and `meaning`.
        marks: files by which a folder without a card that names its format is known.
        quantize: what it can do to weights.
        compiles: whether its network can be compiled with XLA.
        refuses: why it cannot write students of a shape; "" if it can.
        window: wordpieces that its graph reads at once; None: as many as the kind of student.
        libraries: modules that it needs beside the package's own.
        extra: what to ask pip for to have them.
        not_loaded: why `load` does not read its folder; "" if it does.
        build: a student's network in this format without a folder (student, quantization,
            threads), where it is a backend of `load`; None where it is not.
        is_fast: whether this machine runs it faster than the backends after it; asked when `load`
            chooses, and not before.
    """

    name: str
    title: str
    write: Callable[[StudentFolder, str, Settings], tuple[str, ...]]
    open: Callable[[str, int], Network]
    graph: str
    signature: Callable[[StudentFolder], Mapping[str, Any]]
    marks: tuple[str, ...] = ()
    quantize: tuple[str, ...] = (NONE,)
    compiles: bool = False
    refuses: Callable[[StudentShape], str] = lambda shape: ""
    window: int | None = None
    libraries: tuple[str, ...] = ()
    extra: str = ""
    not_loaded: str = ""
    build: Callable[[StudentFolder, str, int], Network] | None = None
    is_fast: Callable[[], bool] = lambda: True

    @property
    def is_installed(self) -> bool:
        """Whether the libraries that it needs are there."""
        return not self._missing

    @property
    def _missing(self) -> list[str]:
        return [name for name in self.libraries if importlib.util.find_spec(name) is None]

    def check_installed(self) -> None:
        """Raises ConfigError unless the libraries that it needs are there."""
        if self._missing:
            raise ConfigError(
                f"{self.title} needs {', '.join(self.libraries)}: pip install "
                f"'xtremedistil[{self.extra}]'. Received: no module {', '.join(self._missing)}"
            )

    def check_student(self, shape: StudentShape) -> None:
        """Raises ConfigError if it cannot write students of a shape."""
        if reason := self.refuses(shape):
            raise ConfigError(
                f"{self.title} cannot hold this student: {reason}. Export it as saved_model. "
                f"Received: encoder={shape.encoder}"
            )


def needs_lstm(shape: StudentShape) -> str:
    """Why a format whose graph is one bidirectional LSTM refuses a student; "" if it does not."""
    return "" if shape.kind.lstm else "its graph is one bidirectional LSTM"

"""The card of an export: what it was made from, what goes in and out, what its comparison with the
student found, and its files with their checksums."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.serving.exports.record import Export, Settings
from xtremedistil.serving.python.predictor import WINDOW_PIECES, Network, Predictor
from xtremedistil.students.folder import (
    WEIGHTS,
    Codec,
    StudentFolder,
    describe_files,
    read_described,
)

CARD = "card.json"
# Format 1 had a card of another name for each format, and named neither format nor student.
_FORMATS = (1, 2)


def write_card(
    export: Export,
    student: StudentFolder,
    folder: str,
    settings: Settings,
    found: Mapping[str, Any],
    names: Sequence[str],
) -> None:
    """Writes an export's card.

    Args:
        export: its format.
        student: what it was made from.
        folder: of the export.
        settings: how it was written.
        found: of `check.compare`.
        names: of its files.
    """
    shape, codec = student.shape, student.codec
    content = {
        "format": _FORMATS[-1],
        "export": export.name,
        "quantize": settings.quantize,
        "jit_compile": settings.jit_compile,
        "student": {
            "shape": shape.to_dict(),
            "head": student.head,
            "parameters": shape.deployed_parameters,
            "weights": files.checksum(os.path.join(student.folder, WEIGHTS)),
        },
        "vocabulary": {"pieces": len(codec.rows), "fingerprint": codec.tokenizer.fingerprint},
        **codec.describe(),
        **export.signature(student),
        "window": export.window or shape.kind.window,
        "check": dict(found),
        "files": describe_files(folder, tuple(names)),
    }
    files.write_json(os.path.join(folder, CARD), content)


def load_export(export: Export, folder: str, threads: int = 0) -> Predictor:
    """A predictor from an export's folder.

    Args:
        export: its format.
        folder: the folder.
        threads: that one call may use; 0 for every core.

    Raises:
        ArtifactError: a file is missing, truncated, altered, or of another format.
        ConfigError: the format is not loaded, or a library that it needs is not installed.
    """
    if export.not_loaded:
        raise ConfigError(f"{folder}: {export.title}: {export.not_loaded}")
    export.check_installed()

    def read(content: dict[str, Any]) -> Predictor:
        codec = Codec.load(folder, content)
        window = _checked_window(content, export, folder)
        network = export.open(folder, threads)
        _check_fits(network, codec, os.path.join(folder, export.graph))
        return Predictor(codec, network, window)

    cards = (CARD, *export.marks)
    name = next((card for card in cards if files.exists(os.path.join(folder, card))), CARD)
    return read_described(folder, name, export.title, _FORMATS, (export.graph,), read)


def _checked_window(content: Mapping[str, Any], export: Export, folder: str) -> int:
    """Pieces that the network reads at once: two markers, something between them, and no more than
    its graph has room for."""
    window = content.get("window", export.window or WINDOW_PIECES)
    most = export.window or math.inf
    if type(window) is not int or not 3 <= window <= most:
        raise ArtifactError(
            f"{folder}: a window has from 3 to {most} pieces. Received: window={window!r}"
        )
    return window


def _check_fits(network: Network, codec: Codec, path: str) -> None:
    """Asks the network for one text of one piece, which has the last row that the vocabulary uses:
    a network of another student would give no answer, or one of another shape."""
    classes = len(codec.labels)
    expected = (1, 1, classes) if codec.labels.task == "ner" else (1, classes)
    try:
        found = network(codec.rows.max().reshape(1, 1), np.ones(1, np.int32)).shape
    except Exception as error:  # each format's runtime has its own
        raise ArtifactError(
            f"{path}: the network does not read the vocabulary's rows. Received: last row "
            f"{codec.rows.max():,} ({str(error).strip().splitlines()[:1]})"
        ) from error
    if found != expected:
        raise ArtifactError(
            f"{path}: its answer to one piece has not the shape {expected} of the labels. "
            f"Received: {found}"
        )


def describe_ids(codec: Codec, batch: str | int, length: str | int) -> dict[str, Any]:
    """Inputs `ids` and `lengths`, as a graph reads them that knows nothing of text.

    Args:
        codec: of the student.
        batch, length: sizes, or names of free ones.
    """
    special, spelled = codec.tokenizer.special_ids, codec.tokenizer.surface
    padding = codec.tokenizer.checkpoint_specials.padding
    swapped = f" (0 and {padding} having changed places)" if padding else ""
    return {
        "ids": {
            "type": "int32",
            "shape": [batch, length],
            "meaning": "rows of the student's table: `rows` of rows.safetensors at each piece's id "
            f"in the tokenizer{swapped}, from {spelled(special.begin)} to {spelled(special.end)}; "
            "then 0 as padding",
        },
        "lengths": {
            "type": "int32",
            "shape": [batch],
            "meaning": "pieces of each text, the two markers included",
        },
    }


def describe_logits(student: StudentFolder, batch: str | int, length: str | int) -> dict[str, Any]:
    """The output `logits` of such a graph."""
    meaning = "scores of `labels` before softmax"
    axes: list[str | int] = [batch, len(student.codec.labels)]
    if student.shape.task == "ner":
        meaning += "; a word's tag is read at its first piece"
        axes.insert(1, length)
    return {"logits": {"type": "float32", "shape": axes, "meaning": meaning}}

"""The formats of exports that there are."""

import os

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.serving.exports.card import CARD
from xtremedistil.serving.exports.litert import LITERT
from xtremedistil.serving.exports.native import NATIVE
from xtremedistil.serving.exports.onnx_folder import ONNX
from xtremedistil.serving.exports.record import Export
from xtremedistil.serving.exports.saved_model import SAVED_MODEL

EXPORTS = {export.name: export for export in (SAVED_MODEL, NATIVE, ONNX, LITERT)}


def quantizations() -> tuple[str, ...]:
    """All that any export can do to weights."""
    return tuple(dict.fromkeys(name for export in EXPORTS.values() for name in export.quantize))


def backends() -> dict[str, Export]:
    """The formats that run a student's folder without being written, the fastest first."""
    return {name: export for name, export in EXPORTS.items() if export.build is not None}


def export_in(folder: str) -> Export | None:
    """The format of the export that a folder holds; None if it holds none.

    Raises:
        ArtifactError: its card names a format that this version does not know.
    """
    card = os.path.join(folder, CARD)
    described = files.read_json(card) if files.exists(card) else {}
    if isinstance(described, dict) and (name := described.get("export")) is not None:
        if not isinstance(name, str) or name not in EXPORTS:
            raise ArtifactError(
                f"{card}: this version reads exports as {', '.join(EXPORTS)}. Received: "
                f"export={name!r}"
            )
        return EXPORTS[name]
    for export in EXPORTS.values():
        if any(files.exists(os.path.join(folder, mark)) for mark in export.marks):
            return export
    return None

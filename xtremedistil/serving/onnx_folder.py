"""An ONNX export as a folder: the graph, what turns text into ids and logits into labels, and a
card that describes its inputs and outputs."""

import os
from typing import Any

from xtremedistil import artifacts
from xtremedistil.models.folder import Codec, StudentFolder, describe_files, read_described
from xtremedistil.serving.onnx_model import OnnxModel
from xtremedistil.serving.predictor import Predictor

CARD, GRAPH = "card.json", "student.onnx"
_FORMAT = 1


def write_onnx(student: StudentFolder, folder: str, quantize: str) -> None:
    """Writes a student's export.

    Args:
        student: the student.
        folder: must be there.
        quantize: `none` or `int8`.
    """
    from xtremedistil.serving.onnx_graph import build  # an extra: onnx may not be installed

    model = build(student.shape, student.weights(), student.head, quantize)
    artifacts.write_bytes(os.path.join(folder, GRAPH), model.SerializeToString())
    write_card(folder, student, quantize, (GRAPH, *student.codec.save(folder)), {})


def write_card(
    folder: str,
    student: StudentFolder,
    quantize: str,
    files: tuple[str, ...],
    check: dict[str, Any],
) -> None:
    """Writes the card of an export, `check` being what its comparison with the student found."""
    ner = student.shape.task == "ner"
    axes = ["batch", "length", "classes"] if ner else ["batch", "classes"]
    rules = student.codec.rules
    content = {
        "format": _FORMAT,
        "quantize": quantize,
        **student.codec.describe(),
        "inputs": {
            "ids": {
                "type": "int32",
                "shape": ["batch", "length"],
                "meaning": "rows of the student's table: `rows` of rows.safetensors at each "
                f"wordpiece of vocab.txt, from {rules.cls} to {rules.sep}; then 0 as padding",
            },
            "lengths": {
                "type": "int32",
                "shape": ["batch"],
                "meaning": "wordpieces of each text, the two markers included",
            },
        },
        "outputs": {
            "logits": {
                "type": "float32",
                "shape": axes,
                "meaning": "scores of `labels` before softmax"
                + ("; a word's tag is read at its first wordpiece" if ner else ""),
            }
        },
        "check": check,
        "files": describe_files(folder, files),
    }
    artifacts.write_json(os.path.join(folder, CARD), content)


def load_onnx(folder: str, threads: int = 0) -> Predictor:
    """A predictor from an ONNX export.

    Raises:
        ArtifactError: a file is missing, truncated, altered, or of another format.
        ConfigError: onnxruntime is not installed.
    """

    def read(content: dict[str, Any]) -> Predictor:
        path = os.path.join(folder, GRAPH)
        network = OnnxModel(artifacts.read_bytes(path), path, threads)
        return Predictor(Codec.load(folder, content), network)

    return read_described(folder, CARD, "an ONNX export", _FORMAT, read)

"""An ONNX export as a folder: the graph, what turns text into ids and logits into labels, and a
card that describes its inputs and outputs."""

import os
from typing import Any

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.onnx_model import OnnxModel
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.students.folder import Codec, StudentFolder, describe_files, read_described

CARD, GRAPH = "card.json", "student.onnx"
_FORMAT = 1


def write_onnx(student: StudentFolder, folder: str, quantize: str) -> None:
    """Writes a student's export.

    Args:
        student: the student.
        folder: where it goes.
        quantize: `none` or `int8`.

    Raises:
        ConfigError: the student is not a BiLSTM, or onnx is not installed.
    """
    model = build_onnx(student, quantize)
    files.make_folder(folder)
    files.write_bytes(os.path.join(folder, GRAPH), model)
    names = (GRAPH, *student.codec.save(folder))
    ner = student.shape.task == "ner"
    axes = ["batch", "length", "classes"] if ner else ["batch", "classes"]
    tokenizer = student.codec.tokenizer
    special = tokenizer.special_ids
    begin, end = tokenizer.surface(special.begin), tokenizer.surface(special.end)
    padding = tokenizer.checkpoint_specials.padding
    swapped = f" (0 and {padding} having changed places)" if padding else ""
    content = {
        "format": _FORMAT,
        "quantize": quantize,
        **student.codec.describe(),
        "inputs": {
            "ids": {
                "type": "int32",
                "shape": ["batch", "length"],
                "meaning": "rows of the student's table: `rows` of rows.safetensors at each "
                f"piece's id in the tokenizer{swapped}, from {begin} to {end}; then 0 as padding",
            },
            "lengths": {
                "type": "int32",
                "shape": ["batch"],
                "meaning": "pieces of each text, the two markers included",
            },
        },
        "outputs": {
            "logits": {
                "type": "float32",
                "shape": axes,
                "meaning": "scores of `labels` before softmax"
                + ("; a word's tag is read at its first piece" if ner else ""),
            }
        },
        "check": {},
        "files": describe_files(folder, names),
    }
    files.write_json(os.path.join(folder, CARD), content)


def record_check(path: str, report: dict[str, Any]) -> None:
    """Adds to an export's card, the file `path`, what its comparison with the student found."""
    files.write_json(path, {**files.read_json(path), "check": report})


def build_onnx(student: StudentFolder, quantize: str) -> bytes:
    """The ONNX file of a student; raises as `write_onnx` does."""
    try:
        from xtremedistil.serving.exports.onnx_graph import build  # an extra: only ONNX needs it
    except ImportError as error:
        raise ConfigError(
            f"writing ONNX needs onnx: pip install 'xtremedistil[onnx]'. Received: {error}"
        ) from error
    return build(student.shape, student.weights(), student.head, quantize).SerializeToString()


def load_onnx(folder: str, threads: int = 0) -> Predictor:
    """A predictor from an ONNX export.

    Raises:
        ArtifactError: a file is missing, truncated, altered, or of another format.
        ConfigError: onnxruntime is not installed.
    """

    def read(content: dict[str, Any]) -> Predictor:
        path = os.path.join(folder, GRAPH)
        network = OnnxModel(files.read_bytes(path), path, threads)
        return Predictor(Codec.load(folder, content), network)

    return read_described(folder, CARD, "an ONNX export", _FORMAT, (GRAPH,), read)

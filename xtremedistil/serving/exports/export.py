"""Exports of a student, each compared with the student before it is handed over."""

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremedistil.data.formats import Example, detect_format, read_examples
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sample import LANGUAGES, corpus_dir
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.scoring.metrics import Truth, score
from xtremedistil.serving.exports import litert, onnx_folder
from xtremedistil.serving.exports.litert import load_litert, write_litert
from xtremedistil.serving.exports.onnx_folder import load_onnx, record_check, write_onnx
from xtremedistil.serving.python.keras_network import keras_network
from xtremedistil.serving.python.predictor import Network, Predictor
from xtremedistil.students.folder import Codec, StudentFolder

QUANTIZE = {"saved_model": ("none",), "onnx": ("none", "int8"), "litert": ("none", "int8")}
FORMATS = tuple(QUANTIZE)
_CHECKED_TEXTS = 1000
_CARDS = {"onnx": onnx_folder.CARD, "litert": litert.CARD}


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        model: a student's folder.
        output: folder of the export; what is there is replaced when the new one is whole.
        format: `saved_model`, `onnx` or `litert`.
        quantize: `none`, or `int8` for `onnx` and `litert`.
        data: a labeled file; the check then reads its first texts and reports F1 or accuracy too.
            Without one the check reads the embedded sample corpus.
        jit_compile: compile the SavedModel's network with XLA.
    """

    model: str
    output: str
    format: str = "saved_model"
    quantize: str = "none"
    data: str = ""
    jit_compile: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(
                f"format is one of {', '.join(FORMATS)}. Received: format={self.format!r}"
            )
        if self.quantize not in QUANTIZE[self.format]:
            raise ConfigError(
                f"quantize is one of {', '.join(QUANTIZE[self.format])} for {self.format}; int8 "
                f"is for onnx and litert. Received: quantize={self.quantize!r}"
            )
        if self.jit_compile and self.format != "saved_model":
            raise ConfigError(
                f"jit_compile is for saved_model. Received: format={self.format} jit_compile=True"
            )


def export(options: ExportOptions) -> dict[str, Any]:
    """Writes an export and compares it with its student.

    Returns:
        What `check` found.

    Raises:
        ArtifactError: the student's folder is damaged.
        ConfigError: the student has no such export.
        DataError: the labeled file is damaged.
    """
    student = StudentFolder.load(options.model)
    examples = _examples(options, student.shape.task)
    part = files.beside(options.output, "new")
    files.remove(part)
    try:
        whole = Predictor(student.codec, keras_network(options.model), student.shape.kind.window)
        # the labels of the embedded corpus are not the student's
        report = check(whole, _write(student, part, options), examples, bool(options.data))
        if options.format != "saved_model":
            record_check(os.path.join(part, _CARDS[options.format]), report)
        files.remove(options.output)
        files.rename(part, options.output)
    finally:
        files.remove(part)
    return report


def _write(student: StudentFolder, folder: str, options: ExportOptions) -> Predictor:
    """Writes the export, and loads it from there."""
    if options.format == "onnx":
        write_onnx(student, folder, options.quantize)
        return load_onnx(folder)
    if options.format == "litert":
        write_litert(student, folder, options.quantize)
        return load_litert(folder)
    from xtremedistil.serving.graph.saved_model import export_saved_model  # needs TensorFlow

    export_saved_model(options.model, folder, options.jit_compile)
    return Predictor(student.codec, saved_model_network(folder), student.shape.kind.window)


def _examples(options: ExportOptions, task: str) -> list[Example]:
    if options.data:
        kind = detect_format(options.data, task)
        return list(itertools.islice(read_examples(options.data, kind), _CHECKED_TEXTS))
    each = -(-_CHECKED_TEXTS // len(LANGUAGES))
    paths = (os.path.join(corpus_dir(), language, "test.tsv.xz") for language in LANGUAGES)
    parts = (itertools.islice(read_examples(path, "conll"), each) for path in paths)
    return list(itertools.islice(itertools.chain.from_iterable(parts), _CHECKED_TEXTS))


def saved_model_network(folder: str) -> Network:
    """The network of a SavedModel on disk."""
    import tensorflow as tf  # here, not above: an ONNX export is loaded without
    import tensorflow_text  # noqa: F401  (registers the ops that the SavedModel holds)

    loaded = tf.saved_model.load(folder)
    predict = loaded.signatures["predict"]

    def network(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return predict(ids=tf.constant(ids))["logits"].numpy()

    network.loaded = loaded  # the signature alone does not keep its variables
    return network


def check(
    student: Predictor, exported: Predictor, examples: Sequence[Example], labeled: bool
) -> dict[str, Any]:
    """Compares an export with its student on the same texts.

    Args:
        student, exported: both, of one codec.
        examples: texts with their words and labels.
        labeled: whether the labels are of the student's task.

    Returns:
        `texts`, `max_logit_difference` and `mean_logit_difference` over all wordpieces (texts for
        classification), `identical_tags` in percent, and `student` and `export`: F1 (the mean of
        the languages) or accuracy, in percent.
    """
    codec = student.codec
    pieces = list(codec.tokenizer.encode([example.words for example in examples]))
    rows = Ragged.from_lists({"ids": [codec.rows[p.ids] for p in pieces]}, {})
    labels = codec.labels
    if labels.task == "ner":
        first = [p.first + start for p, start in zip(pieces, rows.offsets, strict=False)]
        places = np.concatenate(first)
    else:
        places = np.arange(len(rows))
    logits = [predictor.logits(rows) for predictor in (student, exported)]
    tags = [labels.decode(values[places]) for values in logits]
    difference = np.abs(logits[0] - logits[1])
    scores = [_score(found, examples, codec) for found in tags] if labeled else []
    return {
        "texts": len(examples),
        "max_logit_difference": float(difference.max(initial=0)),
        "mean_logit_difference": float(difference.mean()) if difference.size else 0.0,
        "identical_tags": 100 * float(np.mean(tags[0] == tags[1])) if len(places) else 100.0,
        **dict(zip(("student", "export"), scores, strict=False)),
    }


def _score(found: np.ndarray, examples: Sequence[Example], codec: Codec) -> float:
    """F1 or accuracy in percent."""
    true = [example.tags for example in examples]
    names = list(dict.fromkeys([*codec.labels.names, *(tag for own in true for tag in own)]))
    truth = Truth.from_tags(codec.labels.task, names, true, [e.language for e in examples])
    scores, _ = score(truth, found, details=False)
    return scores["f1" if codec.labels.task == "ner" else "accuracy"]["mean"]

"""The models whose speed is compared: teachers of two sizes and a student with random weights, each
in the forms in which it can be served."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xtremedistil.benchmark.exported import exported
from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime import files
from xtremedistil.serving.exports.card import write_card
from xtremedistil.serving.exports.native import NATIVE
from xtremedistil.serving.exports.onnx_model import onnxruntime
from xtremedistil.serving.exports.record import INT8, Export, Settings
from xtremedistil.serving.exports.saved_model import SAVED_MODEL
from xtremedistil.serving.python.predictor import Network
from xtremedistil.students.bundle import Bundle
from xtremedistil.students.folder import WEIGHTS, StudentFolder
from xtremedistil.students.shape import StudentShape
from xtremedistil.students.student import LABEL_HEAD, build_student, deployed
from xtremedistil.teachers.bert_onnx import build_bert
from xtremedistil.teachers.encoder import PostNormConfig
from xtremedistil.teachers.registry import FAMILIES
from xtremedistil.teachers.teacher import build_teacher
from xtremedistil.tokenization.base import Tokenizer

_BERT = FAMILIES["bert"]
# google-bert/bert-base-multilingual-cased.
MULTILINGUAL_BERT = _BERT.config(119_547, 768, 12, 12, 3072)
# intfloat/multilingual-e5-small: a BERT with XLM-R's pieces.
MULTILINGUAL_E5_SMALL = _BERT.config(250_037, 384, 12, 12, 1536)
PLAIN_TEACHER, PLAIN_STUDENT = "teacher, tf.function", "student, tf.function"
# Words of WikiAnn are 0.44 of the wordpieces: 14 of 32.
_WORDS = np.linspace(1, 30, 14).astype(np.int32)
Log = Callable[[str], None]


@dataclass(frozen=True)
class Candidate:
    """A model in one form.

    Attributes:
        name: of model and form.
        run: from `(batch, 32)` int32 ids to logits, when it returns.
        parameters: weights.
        bytes: of the file that holds them.
        is_export: whether it is a student's export, read whole.
    """

    name: str
    run: Callable[[np.ndarray], Any]
    parameters: int
    bytes: int
    is_export: bool = False


@dataclass(frozen=True)
class TeacherSize:
    """A teacher of which only the sizes are real.

    Attributes:
        name: what the names of its forms begin with.
        config: the encoder's shape.
        compiled: whether it is measured with XLA too.
        file: what the names of its files begin with.
    """

    name: str
    config: PostNormConfig
    compiled: bool
    file: str

    @property
    def pooler(self) -> int:
        """Weights of its pooler, which count, as in the paper's 179M, although no tag is read from
        it."""
        return self.config.width * (self.config.width + 1)


TEACHERS = (
    TeacherSize("teacher", MULTILINGUAL_BERT, True, "bert"),
    TeacherSize("e5-sized teacher", MULTILINGUAL_E5_SMALL, False, "e5"),
)


def _compiled(model: Callable, jit_compile: bool = False) -> Callable[[np.ndarray], Any]:
    run = tf.function(lambda ids: model(ids, training=False), jit_compile=jit_compile or None)
    return lambda ids: run(tf.constant(ids)).numpy()


def teacher_candidates(
    size: TeacherSize, labels: LabelSet, folder: str, threads: int, log: Log
) -> list[Candidate]:
    """A teacher as a plain `tf.function`, with XLA if so wished, and in ONNX Runtime, float32 and
    int8.

    Args:
        size: of the teacher.
        labels: the classes of its head.
        folder: for its files.
        threads: of ONNX Runtime.
        log: is told what is being done.
    """
    import onnx  # an extra, as the next one
    from onnxruntime.quantization import QuantType, quantize_dynamic

    log(f"building the {size.name}")
    model = build_teacher(_BERT, size.config, labels)
    logits = keras.Model(model.input, model.output["logits"])
    count = model.count_params() + size.pooler
    plain = f"{size.name}, tf.function"
    forms = [Candidate(plain, _compiled(logits), count, 4 * count)]
    if size.compiled:
        forms.append(Candidate(f"{plain} + XLA", _compiled(logits, True), count, 4 * count))
    paths = [os.path.join(folder, f"{size.file}_{form}.onnx") for form in ("float32", "int8")]
    graph = build_bert(size.config, {v.path: v.numpy() for v in model.weights})
    files.write_bytes(paths[0], graph.SerializeToString())
    del graph
    log("quantizing it")
    # Types cannot be inferred through ONNX Runtime's own operators: all are float.
    types = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    logging.disable(logging.INFO)  # it says so of each of the hundreds of tensors
    try:
        # 7 bits for the same reason as the student's (`onnx_graph`): a fair comparison
        settings = {"weight_type": QuantType.QInt8, "reduce_range": True}
        quantize_dynamic(paths[0], paths[1], **settings, extra_options=types)
    finally:
        logging.disable(logging.NOTSET)
    for path, form in zip(paths, ("float32", "int8"), strict=True):
        session = _session(path, threads)
        forms.append(
            Candidate(
                f"{size.name}, ONNX Runtime {form}",
                lambda ids, session=session: session.run(None, {"ids": ids})[0],
                count,
                files.size(path),
            )
        )
    return forms


def _session(path: str, threads: int) -> Any:
    library = onnxruntime()
    options = library.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return library.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def student_candidates(
    shape: StudentShape, tokenizer: Tokenizer, labels: LabelSet, folder: str, threads: int, log: Log
) -> list[Candidate]:
    """A student as a plain `tf.function`, with XLA, as a SavedModel with and without XLA, in ONNX
    Runtime, float32 and int8, and in the native kernel, if it is built, on one thread too; in int8
    as `tag` runs it too.

    Args:
        shape: its sizes.
        tokenizer, labels: its tokenization and classes; pieces are the first rows of its table.
        folder: for its files; the student goes to `student/` in it, and each export to a folder
            with its title.
        threads: of ONNX Runtime and the native kernel.
        log: is told what is being done.
    """
    log("building and exporting the student")
    model, student = save_random_student(shape, tokenizer, labels, folder)
    weights = files.size(os.path.join(student.folder, WEIGHTS))
    compiled = Candidate(
        "student, tf.function + XLA", _compiled(model, True), shape.deployed_parameters, weights
    )
    exports = export_candidates(student, folder, exported(), threads)
    return [plain_candidate(model, student), compiled, *exports]


def save_random_student(
    shape: StudentShape, tokenizer: Tokenizer, labels: LabelSet, folder: str
) -> tuple[keras.Model, StudentFolder]:
    """A student with random weights, from ids to logits, and the same on disk, in `student/`.

    Args:
        shape: its sizes.
        tokenizer, labels: its tokenization and classes; pieces are the first rows of its table.
        folder: where.
    """
    model = deployed(build_student(shape, 0.0, fused=False), LABEL_HEAD)
    rows = np.arange(len(tokenizer), dtype=np.int32)
    path = os.path.join(folder, "student")
    Bundle(model, shape, LABEL_HEAD, tokenizer, rows, labels).save(path)
    return model, StudentFolder.load(path)


def plain_candidate(model: keras.Model, student: StudentFolder) -> Candidate:
    """A student's model as a plain `tf.function`."""
    weights = files.size(os.path.join(student.folder, WEIGHTS))
    return Candidate(PLAIN_STUDENT, _compiled(model), student.shape.deployed_parameters, weights)


def export_candidates(
    student: StudentFolder,
    folder: str,
    exports: Sequence[tuple[str, Export, Settings]],
    threads: int,
) -> list[Candidate]:
    """A student's exports; the native kernel on one thread too, and int8 as `tag` runs it too.

    Args:
        student: what is exported.
        folder: for the exports, each in a folder with its title.
        exports: which, as `exported` gives them.
        threads: of ONNX Runtime and the native kernel.
    """
    count = student.shape.deployed_parameters
    weights = files.size(os.path.join(student.folder, WEIGHTS))
    forms = []
    for title, export, settings in exports:
        path = os.path.join(folder, title)
        names = export.write(student, path, settings)
        write_card(export, student, path, settings, {}, names)
        # a SavedModel has its weights beside its graph
        size = weights if export is SAVED_MODEL else files.size(os.path.join(path, export.graph))
        numbers = {threads: title}
        if export is NATIVE and threads > 1:  # its second thread has to pay, where others use all
            numbers = {threads: f"{title}, {threads} threads", 1: f"{title}, 1 thread"}
        for number, told in numbers.items():
            network, name = export.open(path, number), f"student, {told}"
            forms.append(Candidate(name, partial(_read, network), count, size, is_export=True))
            if settings.quantize == INT8:
                run = partial(_read_at_words, network)
                forms.append(Candidate(f"{name}, where words begin", run, count, size))
    return forms


def _read(network: Network, ids: np.ndarray) -> np.ndarray:
    return network(ids, np.full(len(ids), ids.shape[1], np.int32))


def _read_at_words(network: Any, ids: np.ndarray) -> np.ndarray:
    """What `tag` and `predict` ask for: logits where words begin."""
    batch, length = ids.shape
    places = np.arange(batch)[:, None] * length + _WORDS
    return network.at(ids, np.full(batch, length, np.int32), places.ravel())

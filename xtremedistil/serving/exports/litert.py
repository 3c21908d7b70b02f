"""A student for small devices: LiteRT, with its built-in operations alone.

The graph has one fixed shape, one text of 32 wordpieces, because other shapes would need
operations that the plain runtime lacks. Longer texts are read in windows. The time steps are a
loop: unrolled, the file was as large and took four times as long to make.
"""

import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.serving.exports.card import describe_ids, describe_logits
from xtremedistil.serving.exports.record import INT8, NONE, Export, Settings, needs_lstm
from xtremedistil.students.folder import StudentFolder
from xtremedistil.students.kind import LstmCell
from xtremedistil.students.shape import StudentShape

GRAPH = "student.tflite"
LENGTH = 32


def _write(student: StudentFolder, folder: str, settings: Settings) -> tuple[str, ...]:
    model = convert(student.shape, student.weights(), student.head, settings.quantize)
    files.make_folder(folder)
    files.write_bytes(os.path.join(folder, GRAPH), model)
    return (GRAPH, *student.codec.save(folder))


def _open(folder: str, threads: int) -> "LiteModel":
    path = os.path.join(folder, GRAPH)
    return LiteModel(files.read_bytes(path), path, threads)


def _signature(student: StudentFolder) -> dict[str, Any]:
    return {
        "inputs": describe_ids(student.codec, 1, LENGTH),
        "outputs": describe_logits(student, 1, LENGTH),
    }


class LiteModel:
    """A student as a function from ids to logits. Needs ai-edge-litert, and no TensorFlow."""

    def __init__(self, content: bytes, path: str, threads: int = 0):
        """Args:
            content: the file.
            path: names it in errors.
            threads: that one call may use; 0 lets the runtime choose.

        Raises:
            ArtifactError: not a whole model.
        """
        from ai_edge_litert.interpreter import Interpreter  # an extra: only LiteRT needs it

        try:
            interpreter = Interpreter(model_content=content, num_threads=threads or None)
            self.signature = interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(
                f"{path}: LiteRT cannot read it as a model. Received: {len(content):,} bytes "
                f"({error})"
            ) from error
        self.one_at_a_time = threading.Lock()

    def __call__(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Logits.

        Args:
            ids: `(batch, length)` int32 rows of the student's table, 0 where padded; at most
                `LENGTH` long.
            lengths: `(batch,)` int32.

        Returns:
            `(batch, length, classes)`, or `(batch, classes)`.
        """
        padded = np.zeros((len(ids), LENGTH), np.int32)
        padded[:, : ids.shape[1]] = ids
        with self.one_at_a_time:
            found = [
                self.signature(ids=row[None], lengths=length[None])["logits"][0]
                for row, length in zip(padded, lengths.astype(np.int32), strict=True)
            ]
        logits = np.stack(found)
        return logits[:, : ids.shape[1]] if logits.ndim == 3 else logits


def convert(
    shape: StudentShape, weights: Mapping[str, np.ndarray], head: str, quantize: str
) -> bytes:
    """The LiteRT file of a student whose encoder is one bidirectional LSTM.

    Args:
        shape: its sizes.
        weights: by name, as in its folder.
        head: the head that it kept.
        quantize: `none` or `int8`.
    """
    import tensorflow as tf  # here, not above: an export runs without

    cells = shape.kind.lstm(weights)

    def one_way(x: tf.Tensor, cell: LstmCell[np.ndarray]) -> tf.Tensor:
        """States `(LENGTH, units)` of inputs `(LENGTH, width)`."""
        recurrent = tf.constant(cell.recurrent_kernel)
        inputs = tf.matmul(x, cell.kernel) + cell.bias

        def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, states: tf.Tensor) -> tuple:
            now = tf.slice(inputs, [t, 0], [1, 4 * shape.hidden_size])
            i, f, new, o = tf.split(now + tf.matmul(h, recurrent), 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(new)
            h = tf.sigmoid(o) * tf.tanh(c)
            return t + 1, h, c, tf.tensor_scatter_nd_update(states, [[t]], h)

        zeros = tf.zeros([1, shape.hidden_size])
        start = (tf.constant(0), zeros, zeros, tf.zeros([LENGTH, shape.hidden_size]))
        return tf.while_loop(lambda t, *_: t < LENGTH, step, start, maximum_iterations=LENGTH)[3]

    def back_to_front(x: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Padding stays last."""
        return tf.reverse_sequence(x[None], lengths, 1)[0]

    @tf.function(
        input_signature=[
            tf.TensorSpec([1, LENGTH], tf.int32, name="ids"),
            tf.TensorSpec([1], tf.int32, name="lengths"),
        ]
    )
    def logits(ids: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.gather(tf.constant(weights["embeddings/embeddings"]), ids[0])
        forward = one_way(x, cells[0])
        backward = one_way(back_to_front(x, lengths), cells[1])
        if shape.task == "classification":
            parts = [tf.gather(way, lengths - 1) for way in (forward, backward)]
        else:
            parts = [forward, back_to_front(backward, lengths)]
        states = tf.concat(parts, axis=-1)
        if shape.heads_on == "projection":
            states = tf.matmul(states, weights["projection/kernel"]) + weights["projection/bias"]
            if shape.projection == "gelu":
                states = tf.nn.gelu(states, approximate=True)
        scores = tf.matmul(states, weights[f"{head}/kernel"]) + weights[f"{head}/bias"]
        return {"logits": scores if shape.task == "classification" else scores[None]}

    module = tf.Module()
    module.logits = logits
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [logits.get_concrete_function()], module
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize == INT8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


LITERT = Export(
    name="litert",
    title="a LiteRT export",
    write=_write,
    open=_open,
    graph=GRAPH,
    signature=_signature,
    marks=("litert.json",),  # the card of format 1
    quantize=(NONE, INT8),
    refuses=needs_lstm,
    window=LENGTH,
    libraries=("ai_edge_litert",),
    extra="litert",
)

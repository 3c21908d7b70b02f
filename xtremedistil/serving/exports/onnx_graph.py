"""A student as an ONNX graph, written node by node from its weights: one fused bidirectional LSTM.

Inputs: `ids`, `(batch, length)` int32 rows of the student's table, 0 where padded, and `lengths`,
`(batch,)` int32. Output: `logits`, `(batch, length, classes)`, or `(batch, classes)` for
classification; at padding they mean nothing.

The int8 graph quantizes weights per output column and activations as they come, all but the head,
which is small. Two things make its answer for a text independent of the texts beside it in the
batch, although the LSTM op takes the range of its activations from the whole batch. The embedding
has a column that is always at the top of the range (its weights are zero), so the range of the
LSTM's input is always 0 to 255, and that input is exact. Two more LSTM units always give 1 and -1
(nothing reads them), so the range of the states is always -1 to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xtremedistil.serving.exports.record import INT8, NONE
from xtremedistil.students.shape import StudentShape

OUTPUT = "logits"
_OPSET, _IR = 20, 9
_CONTRIB = "com.microsoft"
# Weights have 7 bits: without VNNI, processors add two products of uint8 and int8 in 16 bits, and
# 2 * 255 * 64 is the most that fits there. With 8 bits sums saturate, and tags change.
_WEIGHT_TOP = 63
_LARGE = 20.0  # the sigmoid and the tanh of it are 1 in float32, or nearly
_CONSTANT_UNITS = 2
# Names of what the part of the network above the LSTM reads: its states, or their codes in int8.
_STATES, _CODES = "states", "states_uint8"


@dataclass
class _Graph:
    """Nodes and constants, as they are added."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes) -> str:
        self.nodes.append(
            helper.make_node(op, inputs, [output], output, domain=domain, **attributes)
        )
        return output

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def build(
    shape: StudentShape, weights: Mapping[str, np.ndarray], head: str, quantize: str = NONE
) -> onnx.ModelProto:
    """The graph of a student whose encoder is one bidirectional LSTM.

    Args:
        shape: its sizes.
        weights: by name, as in its folder.
        head: the head that it kept.
        quantize: `none` or `int8`.
    """
    graph, int8 = _Graph(), quantize == INT8
    ids = graph.add("Transpose", ["ids"], "ids_by_step", perm=[1, 0])
    states = (_int8_states if int8 else _float_states)(graph, shape, weights, ids)
    units = shape.hidden_size + (_CONSTANT_UNITS if int8 else 0)
    kernel, bias = _head_matrix(shape, weights, head)
    if _has_activation(shape):
        states = (_int8_projection if int8 else _float_projection)(graph, shape, weights, states)
        states = graph.add("Gelu", [states], "representation", approximate="tanh")
    else:
        kernel = _for_units(kernel, units)
    scores = graph.add("MatMul", [states, graph.constant("head", kernel)], "scores")
    graph.add("Add", [scores, graph.constant("head_bias", bias)], OUTPUT)
    return _model(graph, shape, int8)


def at_places(content: bytes) -> bytes:
    """A graph that `build` made for NER, changed to compute the logits of some pieces alone.

    Projection and head, a third of the work, are needed only where a word begins.

    Args:
        content: the ONNX file.

    Returns:
        One with a third input `places`, `(asked,)` int32 positions in the flat `(batch * length,)`
        ids, and `logits`, `(asked, classes)`; it shares no memory with the first.
    """
    model = onnx.load_model_from_string(content)
    graph = model.graph
    nodes = list(graph.node)
    # In int8 it is the codes that are chosen from, as they are four times smaller.
    made = {name for node in nodes for name in node.output}
    source = _CODES if _CODES in made else _STATES
    for node in nodes:
        for number, name in enumerate(node.input):
            if name == source:
                node.input[number] = "asked"
    last = next(i for i, node in enumerate(nodes) if source in node.output)
    flat = numpy_helper.from_array(np.array([-1, _width_of(model)]), "flat")
    graph.initializer.append(flat)
    chosen = [
        helper.make_node("Reshape", [source, "flat"], ["by_piece"], "by_piece"),
        helper.make_node("Gather", ["by_piece", "places"], ["asked"], "asked"),
    ]
    del graph.node[:]
    graph.node.extend([*nodes[: last + 1], *chosen, *nodes[last + 1 :]])
    graph.input.append(helper.make_tensor_value_info("places", TensorProto.INT32, ["asked"]))
    classes = graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["asked", classes])
    )
    return model.SerializeToString()


def _width_of(model: onnx.ModelProto) -> int:
    """Units of both directions."""
    (joined,) = (c for c in model.graph.initializer if c.name == "joined")
    return int(numpy_helper.to_array(joined)[-1])


def _model(graph: _Graph, shape: StudentShape, int8: bool) -> onnx.ModelProto:
    batch = ["batch", "length"]
    out = [*(batch[:1] if _reads_last(shape) else batch), shape.classes]
    made = helper.make_graph(
        graph.nodes,
        "student",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT32, batch),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, batch[:1]),
        ],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, out)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)][: 1 + int8]
    model = helper.make_model(
        made, opset_imports=opsets, ir_version=_IR, producer_name="xtremedistil"
    )
    onnx.checker.check_model(model)
    return model


def _reads_last(shape: StudentShape) -> bool:
    return shape.task == "classification"


def _has_activation(shape: StudentShape) -> bool:
    """Whether gelu stands between projection and head; else the two are one matrix."""
    return shape.heads_on == "projection" and shape.projection == "gelu"


def _head_matrix(
    shape: StudentShape, weights: Mapping[str, np.ndarray], head: str
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of the head; a linear projection below it is multiplied in."""
    kernel, bias = weights[f"{head}/kernel"], weights[f"{head}/bias"]
    if shape.heads_on == "projection" and not _has_activation(shape):
        wide = kernel.astype(np.float64)
        bias = (bias + weights["projection/bias"] @ wide).astype(np.float32)
        kernel = (weights["projection/kernel"] @ wide).astype(np.float32)
    return kernel, bias


def _for_units(kernel: np.ndarray, units: int) -> np.ndarray:
    """A kernel on the states of both directions, with zeros for units that nothing reads."""
    by_direction = kernel.reshape(2, -1, kernel.shape[-1])
    more = units - by_direction.shape[1]
    return np.pad(by_direction, ((0, 0), (0, more), (0, 0))).reshape(-1, kernel.shape[-1])


def _lstm_weights(shape: StudentShape, weights: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """Kernels `(2, inputs, 4, units)` and `(2, units, 4, units)` and biases `(2, 4, units)` of both
    directions, with the gates in ONNX's order: input, output, forget, cell (Keras: i, f, c, o)."""
    cells = shape.kind.lstm(weights)
    parts = []
    for name in ("kernel", "recurrent_kernel", "bias"):
        both = np.stack([getattr(cell, name) for cell in cells])
        parts.append(both.reshape(*both.shape[:-1], 4, -1)[..., [0, 3, 1, 2], :])
    return tuple(parts)


def _lstm(
    graph: _Graph, shape: StudentShape, op: str, inputs: list[str], units: int, domain: str = ""
) -> str:
    """Adds the LSTM of both directions; gives `(batch, length, 2 units)`, or for classification the
    last states, `(batch, 2 units)`."""
    last = _reads_last(shape)
    outputs = ["", "last_states"] if last else ["all_states"]
    settings = {"hidden_size": units, "direction": "bidirectional"}
    graph.nodes.append(helper.make_node(op, inputs, outputs, "lstm", domain=domain, **settings))
    perm = [1, 0, 2] if last else [2, 0, 1, 3]
    by_text = graph.add("Transpose", outputs[-1:], "states_by_text", perm=perm)
    sizes = np.array([0, 2 * units] if last else [0, 0, 2 * units])
    return graph.add("Reshape", [by_text, graph.constant("joined", sizes)], _STATES)


def _float_states(
    graph: _Graph, shape: StudentShape, weights: Mapping[str, np.ndarray], ids: str
) -> str:
    table = graph.constant("embeddings", weights["embeddings/embeddings"])
    x = graph.add("Gather", [table, ids], "embedded")
    kernel, recurrent, bias = _lstm_weights(shape, weights)

    def by_gate(values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:2], -1).transpose(0, 2, 1)

    flat = bias.reshape(2, -1)
    inputs = [
        x,
        graph.constant("kernel", by_gate(kernel)),
        graph.constant("recurrent_kernel", by_gate(recurrent)),
        graph.constant("bias", np.concatenate([flat, np.zeros_like(flat)], axis=1)),
        "lengths",
    ]
    return _lstm(graph, shape, "LSTM", inputs, shape.hidden_size)


def _float_projection(
    graph: _Graph, shape: StudentShape, weights: Mapping[str, np.ndarray], states: str
) -> str:
    matrix = graph.constant("projection", weights["projection/kernel"])
    bias = graph.constant("projection_bias", weights["projection/bias"])
    return graph.add("Add", [graph.add("MatMul", [states, matrix], "product"), bias], "projected")


def _quantized(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights as int8 codes around zero, and the scale of each column (the axis that is summed
    over has none)."""
    scale = np.abs(values).max(axis=axis, keepdims=True) / _WEIGHT_TOP
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.round(values / scale).astype(np.int8), scale.squeeze(axis)


def _int8_states(
    graph: _Graph, shape: StudentShape, weights: Mapping[str, np.ndarray], ids: str
) -> str:
    """Embeddings in uint8 with a scale and a zero per column, and the LSTM on them as they are:
    scales and zeros go into its kernel and its bias."""
    table = weights["embeddings/embeddings"]
    low, high = table.min(axis=0), table.max(axis=0)
    scale = np.maximum(high - low, 1e-12) / 255
    codes = np.round((table - low) / scale).astype(np.uint8)
    top = np.full((len(codes), 1), 255, np.uint8)
    codes = graph.constant("embeddings", np.concatenate([codes, top], axis=1))
    x = graph.add("Gather", [codes, ids], "embedded")
    x = graph.add("Cast", [x], "embedded_float", to=TensorProto.FLOAT)

    kernel, recurrent, bias = _lstm_weights(shape, weights)
    more = (0, _CONSTANT_UNITS)
    still = (0, 0)
    kernel = np.pad(kernel * scale[:, None, None], (still, (0, 1), still, more))
    recurrent = np.pad(recurrent, (still, more, still, more))
    kernel, kernel_scale = _quantized(kernel.reshape(2, kernel.shape[1], -1), 1)
    recurrent, recurrent_scale = _quantized(recurrent.reshape(2, recurrent.shape[1], -1), 1)
    zero = np.append(-low / scale, 0.0)
    shift = np.einsum("e,deg->dg", zero, kernel.astype(np.float64)) * kernel_scale
    bias = np.pad(bias, (still, still, more))
    bias[:, :3, shape.hidden_size :] = _LARGE  # gates wide open
    bias[:, 3, shape.hidden_size :] = np.array([_LARGE, -_LARGE])
    bias = bias.reshape(2, -1) - shift
    inputs = [
        x,
        graph.constant("kernel", kernel),
        graph.constant("recurrent_kernel", recurrent),
        graph.constant("bias", np.concatenate([bias, np.zeros_like(bias)], 1).astype(np.float32)),
        "lengths",
        *("", "", ""),
    ]
    for name, scales in (("kernel", kernel_scale), ("recurrent_kernel", recurrent_scale)):
        inputs.append(graph.constant(f"{name}_scale", scales.astype(np.float32)))
        inputs.append(graph.constant(f"{name}_zero", np.zeros(scales.shape, np.int8)))
    units = shape.hidden_size + _CONSTANT_UNITS
    return _lstm(graph, shape, "DynamicQuantizeLSTM", inputs, units, _CONTRIB)


def _int8_projection(
    graph: _Graph, shape: StudentShape, weights: Mapping[str, np.ndarray], states: str
) -> str:
    """States are between -1 and 1, so their scale is fixed."""
    padded = _for_units(weights["projection/kernel"], shape.hidden_size + _CONSTANT_UNITS)
    kernel, scale = _quantized(padded, 0)
    unit = graph.constant("states_scale", np.array(1 / 127, np.float32))
    zero = graph.constant("states_zero", np.array(128, np.uint8))
    codes = graph.add("QuantizeLinear", [states, unit, zero], _CODES)
    inputs = [
        codes,
        graph.constant("projection", kernel),
        unit,
        graph.constant("projection_scale", scale),
        zero,
        graph.constant("projection_zero", np.zeros(scale.shape, np.int8)),
        graph.constant("projection_bias", weights["projection/bias"]),
    ]
    return graph.add("MatMulIntegerToFloat", inputs, "projected", _CONTRIB)

"""BERT with a linear head per token as ONNX, in ONNX Runtime's fused operators: what a student's
speed is compared with. Inference of unpadded text, which is what latency is measured on.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xtremedistil.teachers.bert import BertConfig

_OPSET, _IR, _CONTRIB = 20, 9, "com.microsoft"


def build_bert(config: BertConfig, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The graph.

    Args:
        config: the encoder's shape; its activation must be gelu.
        weights: by the path of the Keras teacher's variables, with the head `head`.

    Returns:
        A model from `ids`, `(batch, length)` int32, to `logits`, `(batch, length, classes)`.
    """
    nodes, constants = [], []

    def add(op: str, inputs: list[str], output: str, domain: str = "", **attributes) -> str:
        nodes.append(helper.make_node(op, inputs, [output], output, domain=domain, **attributes))
        return output

    def constant(name: str, values: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(name: str) -> str:
        return constant(name, weights[name])

    def dense(x: str, layer: str) -> str:
        return add("MatMul", [x, weight(f"{layer}/kernel")], f"{layer}/product")

    def norm(x: str, skipped: str, bias: str, layer: str) -> str:
        inputs = [x, skipped, weight(f"{layer}/gamma"), weight(f"{layer}/beta"), bias]
        settings = {"epsilon": config.epsilon}
        return add("SkipLayerNormalization", inputs, layer, _CONTRIB, **settings)

    x = add("Gather", [weight("word_embeddings/embeddings"), "ids"], "pieces")
    place = weights["positions/position"] + weights["positions/token_type"][0]
    shape = add("Shape", ["ids"], "shape", start=1, end=2)
    zero, one = constant("zero", np.array([0])), constant("one", np.array([1]))
    here = add("Slice", [constant("positions", place), zero, shape, zero, one], "places")
    x = add("Add", [x, here], "embedded")
    scale, shift = weight("embeddings_norm/gamma"), weight("embeddings_norm/beta")
    x = add("LayerNormalization", [x, scale, shift], "embeddings_norm", epsilon=config.epsilon)
    for number in range(1, config.blocks + 1):
        block = f"block_{number}"
        joined = {
            part: np.concatenate([weights[f"{block}_{n}/{part}"] for n in _QKV], axis=-1)
            for part in ("kernel", "bias")
        }
        inputs = [x, *(constant(f"{block}_qkv/{part}", v) for part, v in joined.items())]
        y = add("Attention", inputs, f"{block}_attention", _CONTRIB, num_heads=config.heads)
        y = dense(y, f"{block}_attention_output")
        x = norm(y, x, weight(f"{block}_attention_output/bias"), f"{block}_attention_norm")
        y = dense(x, f"{block}_intermediate")
        y = add("BiasGelu", [y, weight(f"{block}_intermediate/bias")], f"{block}_gelu", _CONTRIB)
        y = dense(y, f"{block}_output")
        x = norm(y, x, weight(f"{block}_output/bias"), f"{block}_output_norm")
    x = add("Add", [dense(x, "head"), weight("head/bias")], "scores")
    axes = ["batch", "length"]
    classes = weights["head/bias"].shape[0]
    graph = helper.make_graph(
        nodes,
        "bert",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, axes)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [*axes, classes])],
        constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR)


_QKV = ("query", "key", "value")

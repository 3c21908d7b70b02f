"""A BERT encoder as a Keras functional model, and its checkpoint: the only place that knows how one
is laid out.

Devlin et al. (2019), post-layer-normalization, as in the published checkpoints: the exact
`hidden_act` and `layer_norm_eps` of `config.json`. Checked against the reference implementation at
1e-5, padding included. Left out: token types other than 0 (the method reads single texts) and the
pre-training heads.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import safetensors.numpy
from keras import layers, ops

from xtremedistil.layers.attention import IsReal, SelfAttention
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError

WEIGHTS, CONFIG = "model.safetensors", "config.json"

_ACTIVATIONS = {
    "gelu": lambda x: keras.activations.gelu(x, approximate=False),
    "gelu_new": lambda x: keras.activations.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: keras.activations.gelu(x, approximate=True),
    "relu": keras.activations.relu,
    "silu": keras.activations.silu,
    "swish": keras.activations.silu,
}

# Our layer and weight <- the checkpoint's tensor; kernels are stored transposed there.
_EMBEDDING_TENSORS = {
    ("word_embeddings", "embeddings"): "embeddings.word_embeddings.weight",
    ("positions", "position"): "embeddings.position_embeddings.weight",
    ("positions", "token_type"): "embeddings.token_type_embeddings.weight",
    ("embeddings_norm", "gamma"): "embeddings.LayerNorm.weight",
    ("embeddings_norm", "beta"): "embeddings.LayerNorm.bias",
}
_BLOCK_LAYERS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}


@dataclass(frozen=True)
class BertConfig:
    """The shape of an encoder, in the words of this project.

    Attributes:
        vocabulary_size, width, blocks, heads, intermediate, max_positions, token_types: sizes.
        activation: `hidden_act` of the checkpoint.
        epsilon: of the layer normalizations.
        dropout, attention_dropout: rates.
        pooler: whether a tanh layer reads [CLS] before a classification head.
    """

    vocabulary_size: int
    width: int
    blocks: int
    heads: int
    intermediate: int
    max_positions: int = 512
    token_types: int = 2
    activation: str = "gelu"
    epsilon: float = 1e-12
    dropout: float = 0.1
    attention_dropout: float = 0.1
    pooler: bool = False

    def to_hugging_face(self, labels: tuple[str, ...], task: str) -> dict[str, Any]:
        """The content of a `config.json` that `from_hugging_face`, and Hugging Face, read."""
        heads = {
            "ner": "BertForTokenClassification",
            "classification": "BertForSequenceClassification",
        }
        return {
            "architectures": [heads[task]],
            "model_type": "bert",
            "vocab_size": self.vocabulary_size,
            "hidden_size": self.width,
            "num_hidden_layers": self.blocks,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate,
            "max_position_embeddings": self.max_positions,
            "type_vocab_size": self.token_types,
            "hidden_act": self.activation,
            "layer_norm_eps": self.epsilon,
            "hidden_dropout_prob": self.dropout,
            "attention_probs_dropout_prob": self.attention_dropout,
            "pad_token_id": 0,
            "id2label": {str(i): name for i, name in enumerate(labels)},
            "label2id": {name: i for i, name in enumerate(labels)},
        }

    @classmethod
    def from_hugging_face(cls, content: Mapping[str, Any], path: str, pooler: bool) -> "BertConfig":
        """Reads the content of a `config.json`.

        Args:
            content: its JSON object.
            path: the file, for errors.
            pooler: whether the weights have one.

        Raises:
            CheckpointError: not a BERT, or one with a feature that this encoder does not have.
        """
        if content.get("model_type") != "bert":
            raise CheckpointError(
                f"{path}: the teacher must be a WordPiece BERT (model_type bert). Received: "
                f"model_type={content.get('model_type')!r}"
            )
        from transformers import (
            BertConfig as Reference,
        )  # knows the default of every field; slow to import

        full = Reference.from_dict(dict(content))
        wanted = {"position_embedding_type": "absolute", "is_decoder": False}
        for name, value in wanted.items():
            if content.get(name, value) != value:
                raise CheckpointError(
                    f"{path}: only encoders with {name}={value!r} are read. Received: "
                    f"{name}={content[name]!r}"
                )
        if full.hidden_act not in _ACTIVATIONS:
            raise CheckpointError(
                f"{path}: hidden_act must be one of {', '.join(_ACTIVATIONS)}. Received: "
                f"{full.hidden_act!r}"
            )
        return cls(
            vocabulary_size=full.vocab_size,
            width=full.hidden_size,
            blocks=full.num_hidden_layers,
            heads=full.num_attention_heads,
            intermediate=full.intermediate_size,
            max_positions=full.max_position_embeddings,
            token_types=full.type_vocab_size,
            activation=full.hidden_act,
            epsilon=full.layer_norm_eps,
            dropout=full.hidden_dropout_prob,
            attention_dropout=full.attention_probs_dropout_prob,
            pooler=pooler,
        )


@keras.saving.register_keras_serializable("xtremedistil")
class Positions(layers.Layer):
    """Adds the embedding of each position, and of token type 0."""

    def __init__(self, max_positions: int, token_types: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.max_positions, self.token_types = max_positions, token_types

    def build(self, input_shape: tuple) -> None:
        width, start = input_shape[-1], _initializer()
        self.position = self.add_weight((self.max_positions, width), start, name="position")
        self.token_type = self.add_weight((self.token_types, width), start, name="token_type")

    def call(self, x: Any) -> Any:
        return x + self.position[: ops.shape(x)[1]] + self.token_type[0]

    def get_config(self) -> dict:
        return super().get_config() | {
            "max_positions": self.max_positions,
            "token_types": self.token_types,
        }


def _initializer() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)


def encode(config: BertConfig, ids: Any) -> list[Any]:
    """The functional encoder.

    Args:
        config: its shape.
        ids: `(batch, length)` int32 Keras input; piece 0, padding, is masked.

    Returns:
        `(batch, length, width)` Keras tensors: the embeddings, then the output of each block.
    """

    def dense(x: Any, width: int, name: str, activation: Any = None) -> Any:
        return layers.Dense(width, activation, kernel_initializer=_initializer(), name=name)(x)

    def add_and_norm(x: Any, y: Any, name: str) -> Any:
        y = layers.Dropout(config.dropout, name=f"{name}_dropout")(y)
        return layers.LayerNormalization(epsilon=config.epsilon, name=name)(
            layers.Add(name=f"{name}_add")([x, y])
        )

    real = IsReal(name="is_real")(ids)
    table = layers.Embedding(
        config.vocabulary_size,
        config.width,
        embeddings_initializer=_initializer(),
        name="word_embeddings",
    )
    x = Positions(config.max_positions, config.token_types, name="positions")(table(ids))
    x = layers.LayerNormalization(epsilon=config.epsilon, name="embeddings_norm")(x)
    x = layers.Dropout(config.dropout, name="embeddings_dropout")(x)
    states = [x]
    for number in range(1, config.blocks + 1):
        block = f"block_{number}"
        query, key, value = (
            dense(x, config.width, f"{block}_{part}") for part in ("query", "key", "value")
        )
        attention = SelfAttention(config.heads, config.attention_dropout, name=f"{block}_attention")
        mixed = dense(attention(query, key, value, real), config.width, f"{block}_attention_output")
        x = add_and_norm(x, mixed, f"{block}_attention_norm")
        hidden = dense(
            x, config.intermediate, f"{block}_intermediate", _ACTIVATIONS[config.activation]
        )
        x = add_and_norm(x, dense(hidden, config.width, f"{block}_output"), f"{block}_output_norm")
        states.append(x)
    return states


def _tensor_table(config: BertConfig) -> dict[tuple[str, str], str]:
    """(layer, weight) of ours -> the tensor's name in a checkpoint."""
    table = dict(_EMBEDDING_TENSORS)
    names = {
        f"block_{n + 1}_{ours}": f"encoder.layer.{n}.{theirs}"
        for n in range(config.blocks)
        for ours, theirs in _BLOCK_LAYERS.items()
    }
    names |= {"pooler": "pooler.dense"} if config.pooler else {}
    for ours, theirs in names.items():
        first, second = ("gamma", "beta") if ours.endswith("_norm") else ("kernel", "bias")
        table[ours, first], table[ours, second] = f"{theirs}.weight", f"{theirs}.bias"
    return table


def find_folder(name: str) -> str:
    """The local folder of a checkpoint, from a folder or a hub name.

    Raises:
        CheckpointError: no such folder, and the hub cannot be reached or does not have it.
    """
    if files.is_folder(name):
        return name
    import huggingface_hub  # only for hub names: it opens connections

    wanted = [CONFIG, WEIGHTS, "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    try:
        return huggingface_hub.snapshot_download(name, allow_patterns=wanted)
    except Exception as error:  # many kinds, one meaning: it cannot be had from here
        raise CheckpointError(
            "--teacher must be a model folder, or a hub name that can be reached from here "
            f"({type(error).__name__}). Without a network, download the model elsewhere "
            "(config.json, model.safetensors and the tokenizer's files), copy the folder here and "
            f"give its path. Received: teacher={name!r}"
        ) from error


def read_config(folder: str) -> tuple[dict[str, Any], str]:
    """The JSON object of a checkpoint's `config.json`, and its path.

    Raises:
        CheckpointError: the folder has none.
    """
    path = os.path.join(folder, CONFIG)
    if not files.exists(path):
        received = ", ".join(files.list_folder(folder)) or "an empty folder"
        raise CheckpointError(f"{folder}: a model folder needs {CONFIG}. Received: {received}")
    content = files.read_json(path)
    if not isinstance(content, dict):
        raise CheckpointError(
            f"{path}: a JSON object is wanted. Received: {type(content).__name__}"
        )
    return content, path


def read_tensors(folder: str) -> dict[str, np.ndarray]:
    """All weights of a checkpoint, as float32, by name, without the prefix `bert.`.

    Raises:
        CheckpointError: no `model.safetensors`, or a damaged one.
    """
    path = os.path.join(folder, WEIGHTS)
    if not files.exists(path):
        raise CheckpointError(
            f"{folder}: no {WEIGHTS}. Pickled weights (.bin) are never opened, since opening them "
            "can run code: convert them where you trust them, with transformers' save_pretrained. "
            f"Received: {', '.join(files.list_folder(folder))}"
        )
    try:
        tensors = safetensors.numpy.load(files.read_bytes(path))
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error}).") from error
    renamed = {}
    for name, values in tensors.items():
        name = name.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
        renamed[name.replace("LayerNorm.beta", "LayerNorm.bias")] = np.asarray(values, np.float32)
    return renamed


def assign(
    model: keras.Model, config: BertConfig, tensors: Mapping[str, np.ndarray], path: str
) -> None:
    """Puts a checkpoint's tensors into the encoder of `model`.

    Raises:
        CheckpointError: a tensor is missing or has another shape.
    """
    for (layer, weight), name in _tensor_table(config).items():
        variable = getattr(model.get_layer(layer), weight)
        if name not in tensors:
            raise CheckpointError(f"{path}: the weights lack a tensor of BERT. Received: no {name}")
        values = tensors[name].T if weight == "kernel" else tensors[name]
        if values.shape != tuple(variable.shape):
            raise CheckpointError(
                f"{path}: {name} must have shape {tuple(variable.shape)}, as config.json says "
                f"(kernels transposed). Received: {values.shape}"
            )
        variable.assign(values)


def collect(model: keras.Model, config: BertConfig) -> dict[str, np.ndarray]:
    """The inverse of `assign`: the encoder's weights under a checkpoint's names."""
    collected = {}
    for (layer, weight), name in _tensor_table(config).items():
        values = getattr(model.get_layer(layer), weight).numpy()
        collected[f"bert.{name}"] = np.ascontiguousarray(values.T if weight == "kernel" else values)
    return collected


def config_bytes(config: BertConfig, labels: tuple[str, ...], task: str) -> bytes:
    """`config.json`, ready to be written."""
    return (
        json.dumps(config.to_hugging_face(labels, task), indent=1, ensure_ascii=False) + "\n"
    ).encode()

"""BERT: the encoder as a Keras functional model, and the names of its tensors.

Devlin et al. (2019), post-layer-normalization, as in the published checkpoints: the exact
`hidden_act` and `layer_norm_eps` of `config.json`. Checked against the reference implementation at
1e-5, padding included. Left out: token types other than 0 (the method reads single texts) and the
pre-training heads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from xtremedistil.layers.attention import IsReal, SelfAttention
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.family import (
    ACTIVATIONS,
    HEAD,
    WORD_EMBEDDINGS,
    Family,
    Head,
    Layout,
    Tensor,
    Tensors,
    dense_tensors,
    final_layer,
    initializer,
    norm_tensors,
)

_ARCHITECTURES = {
    "ner": "BertForTokenClassification",
    "classification": "BertForSequenceClassification",
}
_POOLER = "bert.pooler.dense"
# Of each block: our dense layers and normalizations <- the checkpoint's names.
_DENSE = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
}
_NORMS = {"attention_norm": "attention.output.LayerNorm", "output_norm": "output.LayerNorm"}


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

    @property
    def embedding_width(self) -> int:
        """Columns of the table of pieces."""
        return self.width


def _read_config(
    content: Mapping[str, Any], path: str, has_tensor: Callable[[str], bool], task: str
) -> BertConfig:
    from transformers import BertConfig as Reference  # knows every default; slow to import

    full = Reference.from_dict(dict(content))
    wanted = {"position_embedding_type": "absolute", "is_decoder": False}
    for name, value in wanted.items():
        if content.get(name, value) != value:
            raise CheckpointError(
                f"{path}: only encoders with {name}={value!r} are read. Received: "
                f"{name}={content[name]!r}"
            )
    if full.hidden_act not in ACTIVATIONS:
        raise CheckpointError(
            f"{path}: hidden_act must be one of {', '.join(ACTIVATIONS)}. Received: "
            f"{full.hidden_act!r}"
        )
    return BertConfig(
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
        # tags are read without one
        pooler=task == "classification" and has_tensor(f"{_POOLER}.weight"),
    )


def _write_config(config: BertConfig, task: str) -> dict[str, Any]:
    return {
        "architectures": [_ARCHITECTURES[task]],
        "model_type": "bert",
        "vocab_size": config.vocabulary_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.blocks,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.max_positions,
        "type_vocab_size": config.token_types,
        "hidden_act": config.activation,
        "layer_norm_eps": config.epsilon,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "pad_token_id": 0,
    }


@keras.saving.register_keras_serializable("xtremedistil")
class Positions(layers.Layer):
    """Adds the embedding of each position, and of token type 0."""

    def __init__(self, max_positions: int, token_types: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.max_positions, self.token_types = max_positions, token_types

    def build(self, input_shape: tuple) -> None:
        width, start = input_shape[-1], initializer()
        self.position = self.add_weight((self.max_positions, width), start, name="position")
        self.token_type = self.add_weight((self.token_types, width), start, name="token_type")

    def call(self, x: Any) -> Any:
        return x + self.position[: ops.shape(x)[1]] + self.token_type[0]

    def get_config(self) -> dict:
        return super().get_config() | {
            "max_positions": self.max_positions,
            "token_types": self.token_types,
        }


def _encode(config: BertConfig, ids: keras.KerasTensor) -> list[keras.KerasTensor]:
    def dense(x: Any, width: int, name: str, activation: Any = None) -> Any:
        return layers.Dense(width, activation, kernel_initializer=initializer(), name=name)(x)

    def add_and_norm(x: Any, y: Any, name: str) -> Any:
        y = layers.Dropout(config.dropout, name=f"{name}_dropout")(y)
        return layers.LayerNormalization(epsilon=config.epsilon, name=name)(
            layers.Add(name=f"{name}_add")([x, y])
        )

    real = IsReal(name="is_real")(ids)
    table = layers.Embedding(
        config.vocabulary_size,
        config.width,
        embeddings_initializer=initializer(),
        name=WORD_EMBEDDINGS,
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
            x, config.intermediate, f"{block}_intermediate", ACTIVATIONS[config.activation]
        )
        x = add_and_norm(x, dense(hidden, config.width, f"{block}_output"), f"{block}_output_norm")
        states.append(x)
    return states


def _tensors(config: BertConfig) -> Tensors:
    embeddings = "bert.embeddings"
    table: Tensors = {
        (WORD_EMBEDDINGS, "embeddings"): Tensor(
            f"{embeddings}.word_embeddings.weight", Layout.PIECES
        ),
        ("positions", "position"): Tensor(f"{embeddings}.position_embeddings.weight"),
        ("positions", "token_type"): Tensor(f"{embeddings}.token_type_embeddings.weight"),
        **norm_tensors("embeddings_norm", f"{embeddings}.LayerNorm"),
    }
    for number in range(config.blocks):
        ours, theirs = f"block_{number + 1}", f"bert.encoder.layer.{number}"
        for layer, name in _DENSE.items():
            table |= dense_tensors(f"{ours}_{layer}", f"{theirs}.{name}")
        for layer, name in _NORMS.items():
            table |= norm_tensors(f"{ours}_{layer}", f"{theirs}.{name}")
    # it is pre-trained, so it comes with the encoder, whatever becomes of the final layer
    return table | dense_tensors("pooler", _POOLER) if config.pooler else table


def _of_words(config: BertConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    return final_layer(x, classes, config.dropout)


def _of_text(config: BertConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    x = x[:, 0]
    if config.pooler:
        x = layers.Dense(config.width, "tanh", name="pooler")(x)
    return final_layer(x, classes, config.dropout)


def _head_tensors(config: BertConfig) -> Tensors:
    return dense_tensors(HEAD, "classifier")


BERT = Family(
    name="bert",
    model_types=("bert",),
    prefix="bert.",
    config=BertConfig,
    read_config=_read_config,
    write_config=_write_config,
    encode=_encode,
    tensors=_tensors,
    heads={
        "ner": Head(_of_words, _head_tensors),
        "classification": Head(_of_text, _head_tensors),
    },
)

"""The encoder that BERT and its nearest kin share: post-layer-normalization Transformer blocks.

Vaswani et al. (2017) as Devlin et al. (2019) laid it out. What differs between the families is
data: a shape (`PostNormConfig`) and the names of their tensors (`Names`). Left out: token types
other than 0 (the method reads single texts) and the heads of pre-training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
from keras import layers, ops

from xtremedistil.layers.attention import IsReal, SelfAttention
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.family import (
    ACTIVATIONS,
    HEAD,
    WORD_EMBEDDINGS,
    Head,
    Layout,
    Tensor,
    Tensors,
    complete_config,
    dense_tensors,
    final_layer,
    initializer,
    norm_tensors,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

PROJECTION = "embeddings_projection"
# Our names of the layers of a block <- those of BERT, below the block's own name.
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
class PostNormConfig:
    """The shape of such an encoder, in the words of this project.

    Attributes:
        vocabulary_size, width, blocks, heads, intermediate, max_positions, token_types: sizes.
        activation: `hidden_act` of the checkpoint.
        epsilon: of the layer normalizations.
        dropout, attention_dropout: rates.
        head_dropout: rate before the final layer; None for `dropout`.
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
    head_dropout: float | None = None

    @property
    def embedding_width(self) -> int:
        """Columns of the table of pieces; where it is not `width`, a dense layer projects."""
        return self.width

    @property
    def first_position(self) -> int:
        """The row of the table of positions that a text's first piece adds."""
        return 0

    @property
    def attention_output_dropout(self) -> float:
        """Rate between a block's attention and the sum with what entered."""
        return self.dropout

    @property
    def final_dropout(self) -> float:
        """Rate before the final layer."""
        return self.dropout if self.head_dropout is None else self.head_dropout


@dataclass(frozen=True)
class Names:
    """What a family's checkpoints call the parts of the encoder.

    Attributes:
        embeddings: the tables and their normalization.
        blocks: the list of blocks.
        dense, norms: the layers of a block, by our names.
    """

    embeddings: str
    blocks: str
    dense: Mapping[str, str]
    norms: Mapping[str, str]


def bert_names(model: str) -> Names:
    """The names of BERT, below the name of a model."""
    return Names(f"{model}.embeddings", f"{model}.encoder.layer", _DENSE, _NORMS)


def reference_config(content: Mapping[str, Any], path: str) -> "PreTrainedConfig":
    """A `config.json` with the reference's defaults where it is silent.

    Args:
        content: of the file; its `model_type` is one that the reference knows.
        path: of the file, for errors.

    Raises:
        CheckpointError: a field is of another type, or asks for what these encoders do not have.
    """
    from transformers import CONFIG_MAPPING  # knows every default; slow to import

    wanted = {
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "add_cross_attention": False,
    }
    for name, value in wanted.items():
        if content.get(name, value) != value:
            raise CheckpointError(
                f"{path}: only encoders with {name}={value!r} are read. Received: "
                f"{name}={content[name]!r}"
            )
    return complete_config(CONFIG_MAPPING[content["model_type"]], content, path)


def check_shape(config: PostNormConfig, path: str) -> None:
    """Refuses a shape that cannot be built.

    Raises:
        CheckpointError: the activation is not known, a size is not positive, the heads do not
            divide the width, or a rate of dropout or the epsilon is out of its range.
    """
    if config.activation not in ACTIVATIONS:
        raise CheckpointError(
            f"{path}: hidden_act must be one of {', '.join(ACTIVATIONS)}. Received: "
            f"{config.activation!r}"
        )
    names = ("vocabulary_size", "width", "embedding_width", "blocks", "heads", "intermediate")
    sizes = {name: getattr(config, name) for name in (*names, "max_positions")}
    if min(sizes.values()) < 1 or config.token_types < 0 or config.width % config.heads:
        received = ", ".join(f"{name}={size}" for name, size in sizes.items())
        raise CheckpointError(
            f"{path}: sizes must be positive, and the heads must divide the width. Received: "
            f"{received}, token_types={config.token_types}"
        )
    fields = vars(config).items()
    rates = {name: rate for name, rate in fields if name.endswith("dropout") and rate is not None}
    if not (config.epsilon >= 0 and all(0 <= rate < 1 for rate in rates.values())):
        received = ", ".join(f"{name}={rate}" for name, rate in rates.items())
        raise CheckpointError(
            f"{path}: dropout must be at least 0 and below 1, and the epsilon of layer "
            f"normalizations at least 0. Received: epsilon={config.epsilon}, {received}"
        )


def read_shape(full: "PreTrainedConfig") -> dict[str, Any]:
    """The fields of a `PostNormConfig` from a configuration with BERT's names."""
    return {
        "vocabulary_size": full.vocab_size,
        "width": full.hidden_size,
        "blocks": full.num_hidden_layers,
        "heads": full.num_attention_heads,
        "intermediate": full.intermediate_size,
        "max_positions": full.max_position_embeddings,
        "token_types": full.type_vocab_size,
        "activation": full.hidden_act,
        "epsilon": full.layer_norm_eps,
        "dropout": full.hidden_dropout_prob,
        "attention_dropout": full.attention_probs_dropout_prob,
        "head_dropout": full.classifier_dropout,
    }


def write_shape(config: PostNormConfig) -> dict[str, Any]:
    """The inverse of `read_shape`, as fields of a `config.json`."""
    return {
        "vocab_size": config.vocabulary_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.blocks,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.first_position + config.max_positions,
        "type_vocab_size": config.token_types,
        "hidden_act": config.activation,
        "layer_norm_eps": config.epsilon,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "classifier_dropout": config.head_dropout,
    }


@keras.saving.register_keras_serializable("xtremedistil")
class Positions(layers.Layer):
    """Adds the embedding of each position, and of token type 0 where there are types.

    A text's first piece has row `first` of the table; the rows before it serve no piece of a text.
    """

    def __init__(self, max_positions: int, token_types: int, first: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.max_positions, self.token_types, self.first = max_positions, token_types, first

    def build(self, input_shape: tuple) -> None:
        width, start = input_shape[-1], initializer()
        rows = self.first + self.max_positions
        self.position = self.add_weight((rows, width), start, name="position")
        if self.token_types:
            self.token_type = self.add_weight((self.token_types, width), start, name="token_type")

    def call(self, x: Any) -> Any:
        x = x + self.position[self.first : self.first + ops.shape(x)[1]]
        return x + self.token_type[0] if self.token_types else x

    def get_config(self) -> dict:
        return super().get_config() | {
            "max_positions": self.max_positions,
            "token_types": self.token_types,
            "first": self.first,
        }


def encode(config: PostNormConfig, ids: keras.KerasTensor) -> list[keras.KerasTensor]:
    """The encoder, as `Family.encode` describes it."""

    def dense(x: Any, width: int, name: str, activation: Any = None) -> Any:
        return layers.Dense(width, activation, kernel_initializer=initializer(), name=name)(x)

    def add_and_norm(x: Any, y: Any, dropout: float, name: str) -> Any:
        y = layers.Dropout(dropout, name=f"{name}_dropout")(y)
        return layers.LayerNormalization(epsilon=config.epsilon, name=name)(
            layers.Add(name=f"{name}_add")([x, y])
        )

    real = IsReal(name="is_real")(ids)
    table = layers.Embedding(
        config.vocabulary_size,
        config.embedding_width,
        embeddings_initializer=initializer(),
        name=WORD_EMBEDDINGS,
    )
    positions = Positions(
        config.max_positions, config.token_types, config.first_position, name="positions"
    )
    x = layers.LayerNormalization(epsilon=config.epsilon, name="embeddings_norm")(
        positions(table(ids))
    )
    x = layers.Dropout(config.dropout, name="embeddings_dropout")(x)
    if config.embedding_width != config.width:
        x = dense(x, config.width, PROJECTION)
    states = [x]
    for number in range(1, config.blocks + 1):
        block = f"block_{number}"
        query, key, value = (
            dense(x, config.width, f"{block}_{part}") for part in ("query", "key", "value")
        )
        attention = SelfAttention(config.heads, config.attention_dropout, name=f"{block}_attention")
        mixed = dense(attention(query, key, value, real), config.width, f"{block}_attention_output")
        x = add_and_norm(x, mixed, config.attention_output_dropout, f"{block}_attention_norm")
        hidden = dense(
            x, config.intermediate, f"{block}_intermediate", ACTIVATIONS[config.activation]
        )
        y = dense(hidden, config.width, f"{block}_output")
        x = add_and_norm(x, y, config.dropout, f"{block}_output_norm")
        states.append(x)
    return states


def encoder_tensors(config: PostNormConfig, names: Names) -> Tensors:
    """The weights of all of the encoder but a projection of its embeddings."""
    embeddings = names.embeddings
    table: Tensors = {
        (WORD_EMBEDDINGS, "embeddings"): Tensor(
            f"{embeddings}.word_embeddings.weight", Layout.PIECES
        ),
        ("positions", "position"): Tensor(f"{embeddings}.position_embeddings.weight"),
        **norm_tensors("embeddings_norm", f"{embeddings}.LayerNorm"),
    }
    if config.token_types:
        types = Tensor(f"{embeddings}.token_type_embeddings.weight")
        table["positions", "token_type"] = types
    for number in range(config.blocks):
        ours, theirs = f"block_{number + 1}", f"{names.blocks}.{number}"
        for layer, name in names.dense.items():
            table |= dense_tensors(f"{ours}_{layer}", f"{theirs}.{name}")
        for layer, name in names.norms.items():
            table |= norm_tensors(f"{ours}_{layer}", f"{theirs}.{name}")
    return table


def _of_words(config: PostNormConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    return final_layer(x, classes, config.final_dropout)


# A linear layer per token, which every one of these families calls so.
WORD_HEAD = Head(_of_words, lambda config: dense_tensors(HEAD, "classifier"))


def first_token_layer(
    x: keras.KerasTensor, name: str, activation: str, dropout: float = 0.0
) -> keras.KerasTensor:
    """A dense layer on the first token of a text, below the final layer of a head.

    Args:
        x: the last states, `(batch, length, width)`.
        name: of the layer.
        activation: of the layer; gelu is the exact one.
        dropout: rate before it.

    Returns:
        `(batch, width)`.
    """
    x = x[:, 0]
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    chosen = ACTIVATIONS[activation]
    return layers.Dense(x.shape[-1], chosen, kernel_initializer=initializer(), name=name)(x)


def two_layer_head(activation: str) -> Head[PostNormConfig]:
    """A head for texts with a dense layer below the final one, dropout before each."""

    def build(config: PostNormConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
        first = first_token_layer(x, "head_dense", activation, config.final_dropout)
        return final_layer(first, classes, config.final_dropout)

    lower = dense_tensors("head_dense", "classifier.dense")
    return Head(build, lambda config: lower | dense_tensors(HEAD, "classifier.out_proj"))

"""ModernBERT: the encoder as a Keras functional model, and the names of its tensors.

Warner et al. (2024), "Smarter, Better, Faster, Longer"; mmBERT has the same shape. Layer
normalization comes before attention and before the gated layers (before the attention of the first
block it is that of the embeddings), positions are rotations of queries and keys (RoFormer,
equation 34), and blocks either see the whole text or a window around each piece. The state of a
block is what the next block adds to: the norm after the last block belongs to what the heads read.
Checked against the reference implementation at 1e-5, padding included. Left out: scaled rotations
(`rope_type` other than default) and the pre-training head's decoder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from xtremedistil.layers.attention import IsReal
from xtremedistil.teachers.family import (
    ACTIVATIONS,
    HEAD,
    WORD_EMBEDDINGS,
    Family,
    Head,
    Layout,
    Tensor,
    Tensors,
    complete_config,
    dense_tensors,
    final_layer,
    initializer,
    norm_tensors,
    require,
    require_activations,
)
from xtremedistil.teachers.rotary import Gate, MeanOfReal, RotaryAttention

_ARCHITECTURES = {
    "ner": "ModernBertForTokenClassification",
    "classification": "ModernBertForSequenceClassification",
}
_GLOBAL, _LOCAL = "full_attention", "sliding_attention"


@dataclass(frozen=True)
class ModernBertConfig:
    """The shape of an encoder, in the words of this project.

    Attributes:
        vocabulary_size, width, heads, intermediate, max_positions: sizes; `intermediate` is that of
            the gated layer's output.
        local: of each block, whether it sees only a window.
        window: pieces that a local block sees to either side, at most.
        global_theta, local_theta: bases of the rotations of both kinds of blocks.
        activation, head_activation: of the gated layers, and in the head.
        epsilon: of the layer normalizations.
        attention_bias, gated_bias, norm_bias, head_bias: whether those layers have biases;
            `head_bias` is of the head's first layer, the final one always has one.
        mean_pooling: whether a text is read as the mean of its pieces, not as the first one.
        dropout, attention_dropout, gated_dropout, head_dropout: rates; the first is of the
            embeddings.
        pretrained_head: whether the checkpoint has the head's first layers.
        padding: the checkpoint's id of padding, which its `config.json` repeats.
    """

    vocabulary_size: int
    width: int
    heads: int
    intermediate: int
    max_positions: int
    local: tuple[bool, ...]
    window: int
    global_theta: float
    local_theta: float
    activation: str
    head_activation: str
    epsilon: float
    attention_bias: bool
    gated_bias: bool
    norm_bias: bool
    head_bias: bool
    mean_pooling: bool
    dropout: float
    attention_dropout: float
    gated_dropout: float
    head_dropout: float
    pretrained_head: bool
    padding: int | None

    @property
    def embedding_width(self) -> int:
        """Columns of the table of pieces."""
        return self.width

    @property
    def blocks(self) -> int:
        """How many there are."""
        return len(self.local)


def _read_config(
    content: Mapping[str, Any], path: str, has_tensor: Callable[[str], bool], task: str
) -> ModernBertConfig:
    from transformers import ModernBertConfig as Reference  # knows every default; slow to import

    listed = content.get("layer_types") or ()
    require(
        all(kind in (_GLOBAL, _LOCAL) for kind in listed),
        f"each of layer_types must be {_GLOBAL} or {_LOCAL}",
        path,
        layer_types=listed,
    )
    full = complete_config(Reference, content, path)
    heads, width, types = full.num_attention_heads, full.hidden_size, full.layer_types
    require(
        heads > 0
        and width % (2 * heads) == 0
        and content.get("head_dim") in (None, width // heads),
        "num_attention_heads must divide hidden_size into heads of an even size (head_dim)",
        path,
        num_attention_heads=heads,
        hidden_size=width,
        head_dim=content.get("head_dim"),
    )
    rope = full.rope_parameters
    kinds = {rope[kind].get("rope_type", "default") for kind in types}
    require(kinds <= {"default"}, "rope_type must be 'default'", path, rope_parameters=rope)
    require_activations(
        path,
        hidden_activation=full.hidden_activation,
        classifier_activation=full.classifier_activation,
    )
    return ModernBertConfig(
        vocabulary_size=full.vocab_size,
        width=width,
        heads=heads,
        intermediate=full.intermediate_size,
        max_positions=full.max_position_embeddings,
        local=tuple(kind == _LOCAL for kind in types),
        window=full.local_attention // 2,
        global_theta=rope[_GLOBAL]["rope_theta"],
        local_theta=rope[_LOCAL]["rope_theta"],
        activation=full.hidden_activation,
        head_activation=full.classifier_activation,
        epsilon=full.norm_eps,
        attention_bias=full.attention_bias,
        gated_bias=full.mlp_bias,
        norm_bias=full.norm_bias,
        head_bias=full.classifier_bias,
        mean_pooling=full.classifier_pooling == "mean",
        dropout=full.embedding_dropout,
        attention_dropout=full.attention_dropout,
        gated_dropout=full.mlp_dropout,
        head_dropout=full.classifier_dropout,
        pretrained_head=has_tensor("head.dense.weight"),
        padding=full.pad_token_id,
    )


def _write_config(config: ModernBertConfig, task: str) -> dict[str, Any]:
    thetas = {_GLOBAL: config.global_theta, _LOCAL: config.local_theta}
    markers = ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")
    return {
        "architectures": [_ARCHITECTURES[task]],
        "model_type": "modernbert",
        "vocab_size": config.vocabulary_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.blocks,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.max_positions,
        "layer_types": [_LOCAL if local else _GLOBAL for local in config.local],
        "local_attention": 2 * config.window,
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in thetas.items()
        },
        "hidden_activation": config.activation,
        "classifier_activation": config.head_activation,
        "norm_eps": config.epsilon,
        "attention_bias": config.attention_bias,
        "mlp_bias": config.gated_bias,
        "norm_bias": config.norm_bias,
        "classifier_bias": config.head_bias,
        "classifier_pooling": "mean" if config.mean_pooling else "cls",
        "embedding_dropout": config.dropout,
        "attention_dropout": config.attention_dropout,
        "mlp_dropout": config.gated_dropout,
        "classifier_dropout": config.head_dropout,
        "pad_token_id": config.padding,
        # the tokenizer's files say them; the defaults are those of one vocabulary
        **dict.fromkeys(markers),
    }


def _dense(x: Any, width: int, bias: bool, name: str) -> Any:
    layer = layers.Dense(width, use_bias=bias, kernel_initializer=initializer(), name=name)
    return layer(x)


def _norm(config: ModernBertConfig, x: Any, name: str) -> Any:
    layer = layers.LayerNormalization(epsilon=config.epsilon, center=config.norm_bias, name=name)
    return layer(x)


def _encode(config: ModernBertConfig, ids: keras.KerasTensor) -> list[keras.KerasTensor]:
    real = IsReal(name="is_real")(ids)
    start = initializer()
    table = layers.Embedding(
        config.vocabulary_size, config.width, embeddings_initializer=start, name=WORD_EMBEDDINGS
    )
    x = _norm(config, table(ids), "embeddings_norm")
    x = layers.Dropout(config.dropout, name="embeddings_dropout")(x)
    states = [x]
    for number, local in enumerate(config.local, 1):
        block = f"block_{number}"
        normed = _norm(config, x, f"{block}_attention_norm") if number > 1 else x
        projected = _dense(normed, 3 * config.width, config.attention_bias, f"{block}_projections")
        attention = RotaryAttention(
            config.heads,
            config.attention_dropout,
            config.local_theta if local else config.global_theta,
            config.window if local else None,
            name=f"{block}_attention",
        )
        mixed = attention(projected, real)
        mixed = _dense(mixed, config.width, config.attention_bias, f"{block}_attention_output")
        mixed = layers.Dropout(config.attention_dropout, name=f"{block}_attention_dropout")(mixed)
        x = layers.Add(name=f"{block}_attention_add")([x, mixed])
        hidden = _norm(config, x, f"{block}_gated_norm")
        hidden = _dense(hidden, 2 * config.intermediate, config.gated_bias, f"{block}_gated")
        hidden = Gate(config.activation, name=f"{block}_gate")(hidden)
        hidden = layers.Dropout(config.gated_dropout, name=f"{block}_gated_dropout")(hidden)
        hidden = _dense(hidden, config.width, config.gated_bias, f"{block}_output")
        x = layers.Add(name=f"{block}_output_add")([x, hidden])
        states.append(x)
    return states


def _with(tensors: Tensors, bias: bool) -> Tensors:
    """Those of a layer, without its bias where it has none."""
    return {key: t for key, t in tensors.items() if bias or key[1] not in ("bias", "beta")}


def _first_head_tensors(config: ModernBertConfig) -> Tensors:
    return {
        **_with(dense_tensors("head_dense", "head.dense"), config.head_bias),
        **_with(norm_tensors("head_norm", "head.norm"), config.norm_bias),
    }


def _tensors(config: ModernBertConfig) -> Tensors:
    norms = {"embeddings_norm": "embeddings.norm", "final_norm": "final_norm"}
    dense: dict[str, tuple[str, bool]] = {}
    for number in range(config.blocks):
        ours, theirs = f"block_{number + 1}", f"layers.{number}"
        dense[f"{ours}_projections"] = (f"{theirs}.attn.Wqkv", config.attention_bias)
        dense[f"{ours}_attention_output"] = (f"{theirs}.attn.Wo", config.attention_bias)
        dense[f"{ours}_gated"] = (f"{theirs}.mlp.Wi", config.gated_bias)
        dense[f"{ours}_output"] = (f"{theirs}.mlp.Wo", config.gated_bias)
        norms[f"{ours}_gated_norm"] = f"{theirs}.mlp_norm"
        if number:
            norms[f"{ours}_attention_norm"] = f"{theirs}.attn_norm"
    name = "model.embeddings.tok_embeddings.weight"
    table: Tensors = {(WORD_EMBEDDINGS, "embeddings"): Tensor(name, Layout.PIECES)}
    for layer, (name, bias) in dense.items():
        table |= _with(dense_tensors(layer, f"model.{name}"), bias)
    for layer, name in norms.items():
        table |= _with(norm_tensors(layer, f"model.{name}"), config.norm_bias)
    # pre-training has a head with the same first layers, whatever becomes of the final one
    return table | _first_head_tensors(config) if config.pretrained_head else table


def _read_words(
    config: ModernBertConfig, x: keras.KerasTensor, ids: keras.KerasTensor
) -> keras.KerasTensor:
    return _norm(config, x, "final_norm")


def _read_text(
    config: ModernBertConfig, x: keras.KerasTensor, ids: keras.KerasTensor
) -> keras.KerasTensor:
    x = _read_words(config, x, ids)
    if not config.mean_pooling:
        return x[:, 0]
    # in float32: the sum of a long text leaves the range of half precision
    return MeanOfReal(dtype="float32", name="mean")(x, IsReal(name="is_read")(ids))


def _classify(config: ModernBertConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    x = _dense(x, config.width, config.head_bias, "head_dense")
    x = _norm(config, ACTIVATIONS[config.head_activation](x), "head_norm")
    return final_layer(x, classes, config.head_dropout)


def _head_tensors(config: ModernBertConfig) -> Tensors:
    return _first_head_tensors(config) | dense_tensors(HEAD, "classifier")


MODERNBERT = Family(
    name="modernbert",
    model_types=("modernbert",),
    prefix="model.",
    config=ModernBertConfig,
    read_config=_read_config,
    write_config=_write_config,
    encode=_encode,
    tensors=_tensors,
    heads={
        "ner": Head(_classify, _head_tensors, _read_words),
        "classification": Head(_classify, _head_tensors, _read_text),
    },
)

"""The shape of a DeBERTa encoder, from `config.json` and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xtremedistil.teachers.family import complete_config, require, require_activations

_ARCHITECTURES = {
    "ner": "DebertaV2ForTokenClassification",
    "classification": "DebertaV2ForSequenceClassification",
}
# Content to position, position to content.
C2P, P2C = "c2p", "p2c"


@dataclass(frozen=True)
class DebertaConfig:
    """The shape of an encoder, in the words of this project.

    Attributes:
        vocabulary_size, embedding_width, width, blocks, heads, intermediate, max_positions,
            token_types: sizes.
        position_input: whether embeddings of absolute positions are added to those of pieces.
        attends: which of content to position, `c2p`, and position to content, `p2c`, there are.
        max_distance: the farthest that is told from farther ones.
        buckets: of distances, in each direction; 0 where each has an embedding of its own.
        shared_projections: whether distances are projected as contents are.
        norm_distances: whether the table of distances is normalized.
        convolution: pieces that the convolution beside block 1 sees; 0 for none.
        activation, convolution_activation, pooler_activation: in the blocks, after the
            convolution, and between a text's two layers.
        epsilon: of the layer normalizations.
        dropout, attention_dropout, pooler_dropout, text_dropout: rates; the last is before the
            final layer for texts.
        padding: the checkpoint's id of padding, which its `config.json` repeats.
    """

    vocabulary_size: int
    embedding_width: int
    width: int
    blocks: int
    heads: int
    intermediate: int
    max_positions: int
    token_types: int
    position_input: bool
    attends: tuple[str, ...]
    max_distance: int
    buckets: int
    shared_projections: bool
    norm_distances: bool
    convolution: int
    activation: str
    convolution_activation: str
    pooler_activation: str
    epsilon: float
    dropout: float
    attention_dropout: float
    pooler_dropout: float
    text_dropout: float
    padding: int | None


def read_config(
    content: Mapping[str, Any], path: str, has_tensor: Callable[[str], bool], task: str
) -> DebertaConfig:
    """As `Family.read_config`."""
    from transformers import DebertaV2Config as Reference  # knows every default; slow to import

    full = complete_config(Reference, content, path)
    extra = _extra(content, full.hidden_size, path)
    _check_sizes(full, extra, path)
    buckets, convolution = max(extra["position_buckets"], 0), max(extra["conv_kernel_size"], 0)
    farthest = full.max_relative_positions
    farthest = full.max_position_embeddings if farthest < 1 else farthest
    attends = tuple(kind for kind in full.pos_att_type or () if kind)
    require(
        len(attends) > 0 and set(attends) <= {C2P, P2C},
        f"pos_att_type must be {C2P}, {P2C} or both",
        path,
        pos_att_type=full.pos_att_type,
    )
    norms = {part.strip() for part in extra["norm_rel_ebd"].lower().split("|")}
    require(
        norms <= {"none", "layer_norm"},
        "norm_rel_ebd must be none or layer_norm",
        path,
        norm_rel_ebd=extra["norm_rel_ebd"],
    )
    require(
        buckets % 2 == 0 and (buckets == 0 or buckets // 2 < farthest - 1),
        "position_buckets must be even, and half of it below max_relative_positions - 1",
        path,
        position_buckets=buckets,
        max_relative_positions=farthest,
    )
    require(
        convolution == 0 or (convolution % 2 == 1 and extra["conv_groups"] == 1),
        "conv_kernel_size must be odd, and conv_groups 1",
        path,
        conv_kernel_size=convolution,
        conv_groups=extra["conv_groups"],
    )
    require_activations(
        path,
        hidden_act=full.hidden_act,
        pooler_hidden_act=full.pooler_hidden_act,
        conv_act=extra["conv_act"],
    )
    text_dropout = content.get("cls_dropout")
    return DebertaConfig(
        vocabulary_size=full.vocab_size,
        embedding_width=extra["embedding_size"],
        width=full.hidden_size,
        blocks=full.num_hidden_layers,
        heads=full.num_attention_heads,
        intermediate=full.intermediate_size,
        max_positions=full.max_position_embeddings,
        token_types=full.type_vocab_size,
        position_input=full.position_biased_input,
        attends=attends,
        max_distance=farthest,
        buckets=buckets,
        shared_projections=extra["share_att_key"],
        norm_distances="layer_norm" in norms,
        convolution=convolution,
        activation=full.hidden_act,
        convolution_activation=extra["conv_act"],
        pooler_activation=full.pooler_hidden_act,
        epsilon=full.layer_norm_eps,
        dropout=full.hidden_dropout_prob,
        attention_dropout=full.attention_probs_dropout_prob,
        pooler_dropout=full.pooler_dropout,
        text_dropout=full.hidden_dropout_prob if text_dropout is None else text_dropout,
        padding=full.pad_token_id,
    )


def _extra(content: Mapping[str, Any], width: int, path: str) -> dict[str, Any]:
    """The fields that the reference's configuration does not declare, with the values that its
    modules give them where they are absent."""
    defaults = {
        "position_buckets": -1,
        "share_att_key": False,
        "norm_rel_ebd": "none",
        "conv_kernel_size": 0,
        "conv_groups": 1,
        "conv_act": "tanh",
        "embedding_size": width,
    }
    extra = {name: content.get(name, default) for name, default in defaults.items()}
    for name, default in defaults.items():
        kind = type(default)
        rule = f"{name} must be of type {kind.__name__}"
        require(type(extra[name]) is kind, rule, path, **{name: extra[name]})
    return extra


def _check_sizes(full: Any, extra: Mapping[str, Any], path: str) -> None:
    """Raises CheckpointError for a shape that the reference does not build either, and for one
    without relative positions, which no published checkpoint has."""
    require(
        full.relative_attention,
        "only encoders with relative_attention=True are read",
        path,
        relative_attention=full.relative_attention,
    )
    heads, width = full.num_attention_heads, full.hidden_size
    size = getattr(full, "attention_head_size", None)
    require(
        heads > 0 and width % heads == 0 and size in (None, width // heads),
        "num_attention_heads must divide hidden_size into heads of attention_head_size",
        path,
        num_attention_heads=heads,
        hidden_size=width,
        attention_head_size=size,
    )
    require(
        full.pooler_hidden_size == width and extra["embedding_size"] > 0,
        "pooler_hidden_size must equal hidden_size, and embedding_size be positive",
        path,
        pooler_hidden_size=full.pooler_hidden_size,
        hidden_size=width,
        embedding_size=extra["embedding_size"],
    )


def write_config(config: DebertaConfig, task: str) -> dict[str, Any]:
    """As `Family.write_config`."""
    return {
        "architectures": [_ARCHITECTURES[task]],
        "model_type": "deberta-v2",
        "vocab_size": config.vocabulary_size,
        "embedding_size": config.embedding_width,
        "hidden_size": config.width,
        "num_hidden_layers": config.blocks,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.max_positions,
        "type_vocab_size": config.token_types,
        "relative_attention": True,
        "position_biased_input": config.position_input,
        "pos_att_type": list(config.attends),
        "max_relative_positions": config.max_distance,
        "position_buckets": config.buckets or -1,
        "share_att_key": config.shared_projections,
        "norm_rel_ebd": "layer_norm" if config.norm_distances else "none",
        "conv_kernel_size": config.convolution,
        "conv_act": config.convolution_activation,
        "hidden_act": config.activation,
        "pooler_hidden_act": config.pooler_activation,
        "pooler_hidden_size": config.width,
        "layer_norm_eps": config.epsilon,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "pooler_dropout": config.pooler_dropout,
        "cls_dropout": config.text_dropout,
        "pad_token_id": config.padding,
    }

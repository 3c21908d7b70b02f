"""DeBERTa, versions 2 and 3: the encoder as a Keras functional model, and its tensors' names.

He et al. (2021), "DeBERTa: Decoding-enhanced BERT with disentangled attention", as in version 2 and
in DeBERTaV3 (He et al., 2023; mDeBERTa has the same shape). Beside content, attention reads
distances: a table of embeddings of distances, in buckets that are logarithmic for the far ones,
which keys and queries meet (content to position, position to content). Version 2 adds a convolution
beside the first block. Checked against the reference implementation at 1e-5, padding included. Left
out: token types other than 0, encoders without relative positions, and the pre-training heads.
"""

from typing import Any

import keras
from keras import layers

from xtremedistil.layers.attention import IsReal
from xtremedistil.teachers.deberta_config import (
    C2P,
    P2C,
    DebertaConfig,
    read_config,
    write_config,
)
from xtremedistil.teachers.disentangled import (
    AddRows,
    ClearPadding,
    DisentangledAttention,
    DistanceTable,
)
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

# Of each block: our dense layers and normalizations <- the checkpoint's names.
_DENSE = {
    "query": "attention.self.query_proj",
    "key": "attention.self.key_proj",
    "value": "attention.self.value_proj",
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
}
_UNSHARED = {
    C2P: ("position_key", "attention.self.pos_key_proj"),
    P2C: ("position_query", "attention.self.pos_query_proj"),
}
_NORMS = {"attention_norm": "attention.output.LayerNorm", "output_norm": "output.LayerNorm"}


def _norm(config: DebertaConfig, x: Any, name: str) -> Any:
    return layers.LayerNormalization(epsilon=config.epsilon, name=name)(x)


def _dense(width: int, name: str, activation: Any = None) -> layers.Dense:
    return layers.Dense(width, activation, kernel_initializer=initializer(), name=name)


def _embed(config: DebertaConfig, ids: Any, real: Any) -> Any:
    """The states before the first block."""
    table = layers.Embedding(
        config.vocabulary_size,
        config.embedding_width,
        embeddings_initializer=initializer(),
        name=WORD_EMBEDDINGS,
    )
    x = table(ids)
    if config.position_input:
        x = AddRows(config.max_positions, True, name="positions")(x)
    if config.token_types:
        x = AddRows(config.token_types, False, name="token_types")(x)
    if config.embedding_width != config.width:
        project = layers.Dense(
            config.width,
            use_bias=False,
            kernel_initializer=initializer(),
            name="embeddings_projection",
        )
        x = project(x)
    x = ClearPadding(name="embeddings_clear")(_norm(config, x, "embeddings_norm"), real)
    return layers.Dropout(config.dropout, name="embeddings_dropout")(x)


def _attend(config: DebertaConfig, block: str, x: Any, distances: Any, real: Any) -> Any:
    """The attention of a block, before its output layer."""
    query, key, value = (
        _dense(config.width, f"{block}_{part}") for part in ("query", "key", "value")
    )
    distances = layers.Dropout(config.dropout, name=f"{block}_distances_dropout")(distances)
    projected: list[Any] = []
    for kind, shared in ((C2P, key), (P2C, query)):
        own = None if config.shared_projections else f"{block}_{_UNSHARED[kind][0]}"
        layer = _dense(config.width, own) if own and kind in config.attends else shared
        projected.append(layer(distances) if kind in config.attends else None)
    attention = DisentangledAttention(
        config.heads,
        config.attention_dropout,
        config.max_distance,
        config.buckets,
        name=f"{block}_attention",
    )
    return attention(query(x), key(x), value(x), real, *projected)


def _convolve(config: DebertaConfig, embedded: Any, x: Any, real: Any) -> Any:
    """What leaves block 1, with the convolution over what entered it."""
    layer = layers.Conv1D(
        config.width,
        config.convolution,
        padding="same",
        kernel_initializer=initializer(),
        name="convolution",
    )
    seen = ClearPadding(name="convolution_clear")(layer(embedded), real)
    seen = layers.Dropout(config.dropout, name="convolution_dropout")(seen)
    seen = ACTIVATIONS[config.convolution_activation](seen)
    x = layers.Add(name="convolution_add")([x, seen])
    return ClearPadding(name="block_1_clear")(_norm(config, x, "convolution_norm"), real)


def _encode(config: DebertaConfig, ids: keras.KerasTensor) -> list[keras.KerasTensor]:
    def add_and_norm(x: Any, y: Any, name: str) -> Any:
        y = layers.Dropout(config.dropout, name=f"{name}_dropout")(y)
        return _norm(config, layers.Add(name=f"{name}_add")([x, y]), name)

    real = IsReal(name="is_real")(ids)
    x = _embed(config, ids, real)
    rows = 2 * (config.buckets or config.max_distance)
    distances = DistanceTable(rows, config.width, name="distances")(x)
    if config.norm_distances:
        distances = _norm(config, distances, "distances_norm")
    activation = ACTIVATIONS[config.activation]
    states = [x]
    for number in range(1, config.blocks + 1):
        block = f"block_{number}"
        mixed = _attend(config, block, x, distances, real)
        mixed = _dense(config.width, f"{block}_attention_output")(mixed)
        x = add_and_norm(x, mixed, f"{block}_attention_norm")
        hidden = _dense(config.intermediate, f"{block}_intermediate", activation)(x)
        hidden = _dense(config.width, f"{block}_output")(hidden)
        x = add_and_norm(x, hidden, f"{block}_output_norm")
        if number == 1 and config.convolution:
            x = _convolve(config, states[0], x, real)
        states.append(x)
    return states


def _tensors(config: DebertaConfig) -> Tensors:
    embeddings, encoder = "deberta.embeddings", "deberta.encoder"
    table: Tensors = {
        (WORD_EMBEDDINGS, "embeddings"): Tensor(
            f"{embeddings}.word_embeddings.weight", Layout.PIECES
        ),
        ("distances", "table"): Tensor(f"{encoder}.rel_embeddings.weight"),
        **norm_tensors("embeddings_norm", f"{embeddings}.LayerNorm"),
    }
    if config.position_input:
        table["positions", "table"] = Tensor(f"{embeddings}.position_embeddings.weight")
    if config.token_types:
        table["token_types", "table"] = Tensor(f"{embeddings}.token_type_embeddings.weight")
    if config.embedding_width != config.width:
        projection = Tensor(f"{embeddings}.embed_proj.weight", Layout.TRANSPOSED)
        table["embeddings_projection", "kernel"] = projection
    if config.norm_distances:
        table |= norm_tensors("distances_norm", f"{encoder}.LayerNorm")
    if config.convolution:
        table |= dense_tensors("convolution", f"{encoder}.conv.conv")
        table |= norm_tensors("convolution_norm", f"{encoder}.conv.LayerNorm")
    unshared = {} if config.shared_projections else dict(_UNSHARED[k] for k in config.attends)
    for number in range(config.blocks):
        ours, theirs = f"block_{number + 1}", f"{encoder}.layer.{number}"
        for layer, name in (_DENSE | unshared).items():
            table |= dense_tensors(f"{ours}_{layer}", f"{theirs}.{name}")
        for layer, name in _NORMS.items():
            table |= norm_tensors(f"{ours}_{layer}", f"{theirs}.{name}")
    return table


def _of_words(config: DebertaConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    return final_layer(x, classes, config.dropout)


def _of_text(config: DebertaConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    x = layers.Dropout(config.pooler_dropout, name="pooler_dropout")(x[:, 0])
    x = _dense(config.width, "pooler", ACTIVATIONS[config.pooler_activation])(x)
    return final_layer(x, classes, config.text_dropout)


def _word_tensors(config: DebertaConfig) -> Tensors:
    return dense_tensors(HEAD, "classifier")


def _text_tensors(config: DebertaConfig) -> Tensors:
    return _word_tensors(config) | dense_tensors("pooler", "pooler.dense")


DEBERTA = Family(
    name="deberta",
    model_types=("deberta-v2",),
    prefix="deberta.",
    config=DebertaConfig,
    read_config=read_config,
    write_config=write_config,
    encode=_encode,
    tensors=_tensors,
    heads={
        "ner": Head(_of_words, _word_tensors),
        "classification": Head(_of_text, _text_tensors),
    },
)

"""DistilBERT (Sanh et al. 2019): BERT's blocks under other names, without token types.

Its normalizations have an epsilon of 1e-12, whatever `config.json` says, and nothing is dropped
between a block's attention and its sum. Sinusoidal positions are read as the table that the
checkpoint has. Checked against the reference implementation at 1e-5, padding included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from xtremedistil.teachers.encoder import (
    WORD_HEAD,
    Names,
    PostNormConfig,
    check_shape,
    encode,
    encoder_tensors,
    first_token_layer,
    reference_config,
)
from xtremedistil.teachers.family import HEAD, Family, Head, Tensors, dense_tensors, final_layer

_ARCHITECTURES = {
    "ner": "DistilBertForTokenClassification",
    "classification": "DistilBertForSequenceClassification",
}
_NAMES = Names(
    "distilbert.embeddings",
    "distilbert.transformer.layer",
    dense={
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "attention_output": "attention.out_lin",
        "intermediate": "ffn.lin1",
        "output": "ffn.lin2",
    },
    norms={"attention_norm": "sa_layer_norm", "output_norm": "output_layer_norm"},
)


@dataclass(frozen=True)
class DistilBertConfig(PostNormConfig):
    """The shape of a DistilBERT.

    Attributes:
        text_dropout: rate before the final layer of a head for texts.
    """

    token_types: int = 0
    text_dropout: float = 0.2

    @property
    def attention_output_dropout(self) -> float:
        """Rate between a block's attention and the sum with what entered."""
        return 0.0


def _read_config(
    content: Mapping[str, Any], path: str, has_tensor: Callable[[str], bool], task: str
) -> DistilBertConfig:
    full = reference_config(content, path)
    config = DistilBertConfig(
        vocabulary_size=full.vocab_size,
        width=full.dim,
        blocks=full.n_layers,
        heads=full.n_heads,
        intermediate=full.hidden_dim,
        max_positions=full.max_position_embeddings,
        activation=full.activation,
        dropout=full.dropout,
        attention_dropout=full.attention_dropout,
        text_dropout=full.seq_classif_dropout,
    )
    check_shape(config, path)
    return config


def _write_config(config: DistilBertConfig, task: str) -> dict[str, Any]:
    return {
        "architectures": [_ARCHITECTURES[task]],
        "model_type": "distilbert",
        "vocab_size": config.vocabulary_size,
        "dim": config.width,
        "n_layers": config.blocks,
        "n_heads": config.heads,
        "hidden_dim": config.intermediate,
        "max_position_embeddings": config.max_positions,
        "activation": config.activation,
        "dropout": config.dropout,
        "attention_dropout": config.attention_dropout,
        "seq_classif_dropout": config.text_dropout,
        "pad_token_id": 0,
    }


def _tensors(config: DistilBertConfig) -> Tensors:
    return encoder_tensors(config, _NAMES)


def _of_text(config: DistilBertConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    return final_layer(first_token_layer(x, "head_dense", "relu"), classes, config.text_dropout)


def _text_tensors(config: DistilBertConfig) -> Tensors:
    return dense_tensors("head_dense", "pre_classifier") | dense_tensors(HEAD, "classifier")


DISTILBERT = Family(
    name="distilbert",
    model_types=("distilbert",),
    prefix="distilbert.",
    config=DistilBertConfig,
    read_config=_read_config,
    write_config=_write_config,
    encode=encode,
    tensors=_tensors,
    heads={"ner": WORD_HEAD, "classification": Head(_of_text, _text_tensors)},
)

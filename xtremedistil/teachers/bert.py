"""BERT: Devlin et al. (2019), and the many encoders that are published as one.

Checked against the reference implementation at 1e-5, padding included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from xtremedistil.teachers.encoder import (
    WORD_HEAD,
    PostNormConfig,
    bert_names,
    check_shape,
    encode,
    encoder_tensors,
    first_token_layer,
    read_shape,
    reference_config,
    write_shape,
)
from xtremedistil.teachers.family import HEAD, Family, Head, Tensors, dense_tensors, final_layer

_ARCHITECTURES = {
    "ner": "BertForTokenClassification",
    "classification": "BertForSequenceClassification",
}
_NAMES = bert_names("bert")
_POOLER = "bert.pooler.dense"


@dataclass(frozen=True)
class BertConfig(PostNormConfig):
    """The shape of a BERT.

    Attributes:
        pooler: whether a tanh layer reads [CLS] before a classification head.
    """

    pooler: bool = False


def _read_config(
    content: Mapping[str, Any], path: str, has_tensor: Callable[[str], bool], task: str
) -> BertConfig:
    # tags are read without a pooler
    pooler = task == "classification" and has_tensor(f"{_POOLER}.weight")
    config = BertConfig(**read_shape(reference_config(content, path)), pooler=pooler)
    check_shape(config, path)
    return config


def _write_config(config: BertConfig, task: str) -> dict[str, Any]:
    return {
        "architectures": [_ARCHITECTURES[task]],
        "model_type": "bert",
        **write_shape(config),
        "pad_token_id": 0,
    }


def _tensors(config: BertConfig) -> Tensors:
    table = encoder_tensors(config, _NAMES)
    # it is pre-trained, so it comes with the encoder, whatever becomes of the final layer
    return table | dense_tensors("pooler", _POOLER) if config.pooler else table


def _of_text(config: BertConfig, x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    first = first_token_layer(x, "pooler", "tanh") if config.pooler else x[:, 0]
    return final_layer(first, classes, config.final_dropout)


BERT = Family(
    name="bert",
    model_types=("bert",),
    prefix="bert.",
    config=BertConfig,
    read_config=_read_config,
    write_config=_write_config,
    encode=encode,
    tensors=_tensors,
    heads={
        "ner": WORD_HEAD,
        "classification": Head(_of_text, lambda config: dense_tensors(HEAD, "classifier")),
    },
)

"""RoBERTa (Liu et al. 2019), XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020).

BERT's encoder whose positions start after the padding's id, and a head of two layers for texts.
Checked against the reference implementation at 1e-5, padding included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.encoder import (
    WORD_HEAD,
    PostNormConfig,
    bert_names,
    check_shape,
    encode,
    encoder_tensors,
    read_shape,
    reference_config,
    two_layer_head,
    write_shape,
)
from xtremedistil.teachers.family import Family, Tensors

# `model_type` <- how the names of its classes begin.
_CLASSES = {"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"}
_KINDS = {"ner": "ForTokenClassification", "classification": "ForSequenceClassification"}
_NAMES = bert_names("roberta")


@dataclass(frozen=True)
class RobertaConfig(PostNormConfig):
    """The shape of a RoBERTa; `max_positions` counts the positions that a text may have.

    Attributes:
        padding: the id of padding in the checkpoint, after which positions start.
        model_type: the name that the checkpoint goes by.
    """

    padding: int = 1
    model_type: str = "roberta"

    @property
    def first_position(self) -> int:
        """The row of the table of positions that a text's first piece adds."""
        return self.padding + 1


def _read_config(
    content: Mapping[str, Any], path: str, has_tensor: Callable[[str], bool], task: str
) -> RobertaConfig:
    full = reference_config(content, path)
    if full.pad_token_id is None or full.pad_token_id < 0:
        raise CheckpointError(
            f"{path}: positions start after pad_token_id, which must be 0 or more. Received: "
            f"pad_token_id={full.pad_token_id!r}"
        )
    shape = read_shape(full)
    shape["max_positions"] -= full.pad_token_id + 1
    config = RobertaConfig(**shape, padding=full.pad_token_id, model_type=full.model_type)
    check_shape(config, path)
    return config


def _write_config(config: RobertaConfig, task: str) -> dict[str, Any]:
    return {
        "architectures": [_CLASSES[config.model_type] + _KINDS[task]],
        "model_type": config.model_type,
        **write_shape(config),
        "pad_token_id": config.padding,
    }


def _tensors(config: RobertaConfig) -> Tensors:
    return encoder_tensors(config, _NAMES)


ROBERTA = Family(
    name="roberta",
    model_types=tuple(_CLASSES),
    prefix="roberta.",
    config=RobertaConfig,
    read_config=_read_config,
    write_config=_write_config,
    encode=encode,
    tensors=_tensors,
    heads={"ner": WORD_HEAD, "classification": two_layer_head("tanh")},
)

"""ELECTRA (Clark et al. 2020): BERT's blocks above embeddings that may be narrower.

A projection widens them, and a head for texts has two layers with an exact gelu, whatever
`hidden_act` says. Checked against the reference implementation at 1e-5, padding included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xtremedistil.teachers.encoder import (
    PROJECTION,
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
from xtremedistil.teachers.family import Family, Tensors, dense_tensors

_ARCHITECTURES = {
    "ner": "ElectraForTokenClassification",
    "classification": "ElectraForSequenceClassification",
}
_NAMES = bert_names("electra")


@dataclass(frozen=True)
class ElectraConfig(PostNormConfig):
    """The shape of an ELECTRA.

    Attributes:
        table_width: columns of the tables of pieces and positions.
    """

    table_width: int = 128

    @property
    def embedding_width(self) -> int:
        """Columns of the table of pieces; where it is not `width`, a dense layer projects."""
        return self.table_width


def _read_config(
    content: Mapping[str, Any], path: str, has_tensor: Callable[[str], bool], task: str
) -> ElectraConfig:
    full = reference_config(content, path)
    config = ElectraConfig(**read_shape(full), table_width=full.embedding_size)
    check_shape(config, path)
    return config


def _write_config(config: ElectraConfig, task: str) -> dict[str, Any]:
    return {
        "architectures": [_ARCHITECTURES[task]],
        "model_type": "electra",
        **write_shape(config),
        "embedding_size": config.table_width,
        "pad_token_id": 0,
    }


def _tensors(config: ElectraConfig) -> Tensors:
    table = encoder_tensors(config, _NAMES)
    if config.table_width == config.width:
        return table
    return table | dense_tensors(PROJECTION, "electra.embeddings_project")


ELECTRA = Family(
    name="electra",
    model_types=("electra",),
    prefix="electra.",
    config=ElectraConfig,
    read_config=_read_config,
    write_config=_write_config,
    encode=encode,
    tensors=_tensors,
    heads={"ner": WORD_HEAD, "classification": two_layer_head("gelu")},
)

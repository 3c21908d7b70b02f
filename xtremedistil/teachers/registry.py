"""The families of encoders. A new one is a file of its own and a line here."""

from typing import Any

from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.bert import BERT
from xtremedistil.teachers.deberta import DEBERTA
from xtremedistil.teachers.distilbert import DISTILBERT
from xtremedistil.teachers.electra import ELECTRA
from xtremedistil.teachers.family import Family
from xtremedistil.teachers.modernbert import MODERNBERT
from xtremedistil.teachers.roberta import ROBERTA

FAMILIES: dict[str, Family[Any]] = {
    family.name: family for family in (BERT, ROBERTA, DISTILBERT, ELECTRA, DEBERTA, MODERNBERT)
}


def family_of(model_type: object, path: str) -> Family[Any]:
    """The family that a `config.json` names.

    Args:
        model_type: what it says.
        path: of the file, for the error.

    Raises:
        CheckpointError: there is no such family.
    """
    for family in FAMILIES.values():
        if model_type in family.model_types:
            return family
    known = sorted(name for family in FAMILIES.values() for name in family.model_types)
    raise CheckpointError(
        f"{path}: the teacher's model_type must be one of {', '.join(known)}. Received: "
        f"model_type={model_type!r}"
    )

"""The sizes of a student: all that decides its weights' shapes. Needs no TensorFlow."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from xtremedistil.runtime.errors import ConfigError
from xtremedistil.students.bilstm import BILSTM
from xtremedistil.students.kind import StudentKind
from xtremedistil.students.registry import KINDS, kind_named


@dataclass(frozen=True)
class StudentShape:
    """Everything that decides a student's weights' shapes.

    Attributes:
        vocabulary_size: rows V of the embedding table; row 0 is padding.
        embedding_dim: E; also the width of Transformer blocks.
        hidden_size: H, units of each direction of the BiLSTM.
        teacher_width: width of the representations that it imitates.
        classes: C.
        task: `ner` (a prediction per piece) or `classification` (one per text).
        heads_on: `projection` or `states`.
        projection: activation of the projection, `gelu` (tanh form: it also exports) or `linear`.
        encoder: name of the kind of student.
        depth: Transformer blocks.

    Raises:
        ConfigError: there is no such kind of student, or a size is no whole number above 0; the
            size of another kind of student may be 0.
    """

    vocabulary_size: int
    embedding_dim: int
    hidden_size: int
    teacher_width: int
    classes: int
    task: str = "ner"
    heads_on: str = "projection"
    projection: str = "gelu"
    encoder: str = BILSTM.name
    depth: int = 2

    def __post_init__(self) -> None:
        unused = {kind.size for kind in KINDS.values()} - {self.kind.size}
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), int(field.name not in unused)
            if field.type is int and (type(value) is not int or value < least):
                raise ConfigError(
                    f"a size of a student is a whole number above 0. Received: {field.name}="
                    f"{value!r}"
                )

    @property
    def kind(self) -> StudentKind:
        """The kind of student."""
        return kind_named(self.encoder)

    @property
    def states_width(self) -> int:
        """Width of the encoder's output."""
        return self.kind.states_width(self)

    @property
    def deployed_parameters(self) -> int:
        """Weights of the deployed student, which has one head (Tables 15 and 16)."""
        states = self.states_width
        below_head = self.vocabulary_size * self.embedding_dim + self.kind.parameters(self)
        if self.heads_on == "states":
            return below_head + (states + 1) * self.classes
        projection = (states + 1) * self.teacher_width
        return below_head + projection + (self.teacher_width + 1) * self.classes

    def to_dict(self) -> dict[str, Any]:
        """The shape as JSON values."""
        return dataclasses.asdict(self)

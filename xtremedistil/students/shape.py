"""The sizes of a student: all that decides its weights' shapes. Needs no TensorFlow."""

import dataclasses
from dataclasses import dataclass
from typing import Any

BILSTM, TRANSFORMER = "bilstm", "transformer"
_HEADS = (12, 8, 6, 4, 3, 2, 1)


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
        encoder: `bilstm` or `transformer`.
        depth: Transformer blocks.
    """

    vocabulary_size: int
    embedding_dim: int
    hidden_size: int
    teacher_width: int
    classes: int
    task: str = "ner"
    heads_on: str = "projection"
    projection: str = "gelu"
    encoder: str = BILSTM
    depth: int = 2

    @property
    def states_width(self) -> int:
        """Width of the encoder's output."""
        return 2 * self.hidden_size if self.encoder == BILSTM else self.embedding_dim

    @property
    def attention_heads(self) -> int:
        """Heads of a Transformer block: 12 if they divide the width, as BERT's do, else fewer."""
        return next(n for n in _HEADS if self.embedding_dim % n == 0)

    @property
    def deployed_parameters(self) -> int:
        """Weights of the deployed student, which has one head (Tables 15 and 16)."""
        width, states = self.embedding_dim, self.states_width
        encoder = 2 * 4 * self.hidden_size * (width + self.hidden_size + 1)
        if self.encoder == TRANSFORMER:
            # attention 4 (E x E + E), feed-forward 8 E x E + 5 E, two norms 4 E; a last norm 2 E
            encoder = self.depth * (12 * width * width + 13 * width) + 2 * width
        below_head = self.vocabulary_size * width + encoder
        if self.heads_on == "states":
            return below_head + (states + 1) * self.classes
        projection = (states + 1) * self.teacher_width
        return below_head + projection + (self.teacher_width + 1) * self.classes

    def to_dict(self) -> dict[str, Any]:
        """The shape as JSON values."""
        return dataclasses.asdict(self)

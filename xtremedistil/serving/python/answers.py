"""What a student says of a text."""

from dataclasses import dataclass
from typing import NamedTuple


class Entity(NamedTuple):
    """A named thing: `text` is the text's characters from `start` to `end`; `score` is the mean
    probability of its words' tags."""

    type: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Tagged:
    """A text with its tags.

    Attributes:
        text: as it was given.
        spans: the first character of each word and the one after its last.
        tags, scores: of each word; a score is a probability among the entity tags.
        entities: in the order of the text.
    """

    text: str
    spans: list[tuple[int, int]]
    tags: list[str]
    scores: list[float]
    entities: list[Entity]

    @property
    def words(self) -> list[str]:
        """The text's words."""
        return [self.text[start:end] for start, end in self.spans]


@dataclass(frozen=True)
class Classified:
    """A text with its class, and the probability of each class."""

    text: str
    label: str
    scores: dict[str, float]

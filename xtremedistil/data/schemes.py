"""Tag schemes: how tags of words spell entities, and entities their tags.

| scheme | an entity of two words, and of one |
|---|---|
| `iob2` | B-X I-X; B-X |
| `iob1` | I-X I-X; I-X, and B-X first where an entity follows another of its type |
| `bioes` | B-X E-X; S-X |
| `bilou` | B-X L-X; U-X |
| `io` | I-X I-X; I-X: neighbours of one type are one entity |
| `types` | X X; X: IO without prefixes |

Whatever the scheme, a tag is a role and a type (`Scheme.part`), and where entities begin is one
rule over both (`begins`): that of conlleval, by which a tag that continues nothing begins an
entity. Scores and served entities are made by it alone. Every scheme's tags have a form in BIOES
(`Scheme.canonical`), in which tags of several schemes can be counted together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from xtremedistil.runtime.errors import CheckpointError, listed

OUTSIDE = "O"
BEGIN, INSIDE, END, SINGLE = "B", "I", "E", "S"
ONLY_TYPE = "ENTITY"  # of tags that are a prefix alone


class Part(NamedTuple):
    """What a tag says: a role (`O`, or one of BIES) and a type of entity."""

    role: str
    type: str


class Span(NamedTuple):
    """An entity: its type, its first word, and the one after its last."""

    type: str
    start: int
    end: int


NOTHING = Part(OUTSIDE, "")


@dataclass(frozen=True)
class Scheme:
    """A way to spell entities.

    Attributes:
        name: of the scheme.
        begin, inside, end, single: prefixes of an entity's first word, of its others, of its last
            and of its only one; all empty where tags are types.
        between: whether `begin` stands only where an entity follows another of its type.
        bare: whether tags are prefixes alone, of one type (`ONLY_TYPE`).
    """

    name: str
    begin: str
    inside: str
    end: str
    single: str
    between: bool = False
    bare: bool = False

    @cached_property
    def _roles(self) -> dict[str, str]:
        """By prefix; where one has several roles, it is that of begin or inside."""
        pairs = ((SINGLE, self.single), (BEGIN, self.begin), (END, self.end), (INSIDE, self.inside))
        return {prefix: role for role, prefix in pairs if prefix}

    @property
    def is_closed(self) -> bool:
        """Whether an entity's last word says that it is the last."""
        return self.end != self.inside

    def part(self, tag: str) -> Part:
        """Role and type of a tag. One without a prefix of the scheme is a type, inside."""
        if tag == OUTSIDE:
            return NOTHING
        prefix, _, name = tag.partition("-")
        role = self._roles.get(prefix)
        return Part(INSIDE, tag) if role is None else Part(role, name or ONLY_TYPE)

    def tag(self, role: str, kind: str) -> str:
        """The tag of a role and a type."""
        prefixes = {BEGIN: self.begin, INSIDE: self.inside, END: self.end, SINGLE: self.single}
        if role == OUTSIDE:
            return OUTSIDE
        if self.bare and kind == ONLY_TYPE:
            return prefixes[role]
        return f"{prefixes[role]}-{kind}" if prefixes[role] else kind

    def canonical(self, tag: str) -> str:
        """The same role and type as BIOES spells them."""
        return BIOES.tag(*self.part(tag))

    def to_spans(self, tags: Sequence[str]) -> list[Span]:
        """The entities of a sentence.

        Args:
            tags: of its words.
        """
        spans: list[Span] = []
        before = NOTHING
        for i, tag in enumerate(tags):
            now = self.part(tag)
            if begins(before, now):
                spans.append(Span(now.type, i, i + 1))
            elif now.role != OUTSIDE:
                spans[-1] = spans[-1]._replace(end=i + 1)
            before = now
        return spans

    def from_spans(self, spans: Iterable[Span], length: int) -> list[str]:
        """The tags of a sentence.

        Args:
            spans: its entities, in order, none in another.
            length: its words.

        Returns:
            `length` tags, from which `to_spans` makes the same entities, unless the scheme takes
            neighbours of one type for one.
        """
        tags, before = [OUTSIDE] * length, None
        for span in spans:
            last = span.end - 1
            tags[span.start : last] = [self.tag(INSIDE, span.type)] * (last - span.start)
            tags[last] = self.tag(END, span.type)
            follows = before is not None and (before.type, before.end) == (span.type, span.start)
            if follows or not self.between:
                role = SINGLE if span.start == last else BEGIN
                tags[span.start] = self.tag(role, span.type)
            before = span
        return tags

    def allows(self, before: Part, now: Part) -> bool:
        """Whether the scheme spells any entities with these two side by side; at a text's edge
        there is `NOTHING`."""
        if self.between or self.begin == self.inside:
            return True
        is_open = before.role in (BEGIN, INSIDE)
        goes_on = now.role == INSIDE or (self.is_closed and now.role == END)
        if goes_on:
            return is_open and before.type == now.type
        return not (self.is_closed and is_open)

    def respell(self, tags: Sequence[str]) -> list[str]:
        """Tags of IOB2 in this scheme."""
        return self.from_spans(IOB2.to_spans(tags), len(tags))

    def canonical_truth(self, tags: Sequence[str]) -> list[str]:
        """Tags of IOB2 as BIOES spells them, such that `is_well_formed` holds for every entity: for
        the truth beside answers of this scheme. Neighbours stay two, whatever the scheme."""
        return BIOES.respell(tags) if self.is_closed else list(tags)

    def is_well_formed(self, first: str, last: str) -> bool:
        """Whether an entity is spelled as the scheme wants it, and not merely understood.

        Args:
            first, last: roles of its first and its last word.
        """
        if self.is_closed:
            return (first, last) in ((BEGIN, END), (SINGLE, SINGLE))
        return first == BEGIN or self.between or self.begin == self.inside


IOB2 = Scheme("iob2", begin="B", inside="I", end="I", single="B")
IOB1 = Scheme("iob1", begin="B", inside="I", end="I", single="B", between=True)
BIOES = Scheme("bioes", begin="B", inside="I", end="E", single="S")
BILOU = Scheme("bilou", begin="B", inside="I", end="L", single="U")
IO = Scheme("io", begin="I", inside="I", end="I", single="I")
TYPES = Scheme("types", begin="", inside="", end="", single="")


def begins(before: Part, now: Part) -> bool:
    """Whether an entity begins at the second of two neighbours; at a sentence's first word
    `NOTHING` is before it. An entity ends before `O`, and before the next one."""
    if now.role == OUTSIDE:
        return False
    if before.role == OUTSIDE or before.type != now.type:
        return True
    return now.role in (BEGIN, SINGLE) or before.role in (END, SINGLE)


def recognise(tags: Iterable[str]) -> Scheme:
    """The scheme of a label set, from the prefixes that it has.

    Args:
        tags: every label that is a tag: no markers.

    Raises:
        CheckpointError: they have prefixes that are of no scheme together.
    """
    named = {tag for tag in tags if tag != OUTSIDE}
    types: dict[str, set[str]] = {}
    for tag in named:
        prefix, _, name = tag.partition("-")
        if prefix in ("B", "I", "E", "S", "L", "U"):
            types.setdefault(prefix, set()).add(name)
    if not {"B", "I"} & set(types):  # no scheme does without both: E-mail is a type
        return TYPES if named else IOB2
    if set(types) <= {"B", "I"}:
        if "B" not in types:
            return _bare(IO, named)
        # in IOB2 every entity begins with B
        return _bare(IOB1 if types.get("I", set()) - types["B"] else IOB2, named)
    for scheme in (BIOES, BILOU):
        if set(types) <= {scheme.begin, scheme.inside, scheme.end, scheme.single}:
            return _bare(scheme, named)
    raise CheckpointError(
        "labels of several tag schemes: BIOES has the prefixes B, I, E, S, and BILOU has B, I, L, "
        f"U. Received: {listed(sorted(named))}"
    )


def _bare(scheme: Scheme, named: set[str]) -> Scheme:
    """The scheme, without types if none of the tags has one."""
    return scheme if any("-" in tag for tag in named) else replace(scheme, bare=True)

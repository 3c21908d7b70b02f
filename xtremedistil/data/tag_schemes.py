"""Tag schemes: which one some tags follow, and the same entities in IOB2.

| scheme | an entity of two words, and of one |
|---|---|
| `iob2` | B-X I-X; B-X |
| `iob1` | I-X I-X; I-X, and B-X where an entity follows another of its type |
| `bioes` | B-X E-X; S-X |
| `bilou` | B-X L-X; U-X |
| `io` | X X; X: neighbours of one type are one entity |
| `brackets` | (X* *); (X) or (X*): OntoNotes, in which `*` is also a word outside |

Tags without types (`B`, `I`, `O`, and the others' letters) are those of one type, `ENTITY`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xtremedistil.data.schemes import ONLY_TYPE

SCHEMES = ("iob2", "iob1", "bioes", "bilou", "io", "brackets")
IOB2, IOB1, BIOES, BILOU, IO, BRACKETS = SCHEMES
_BRACKETS = re.compile(r"\(([^\s()*]+)(?:\*\)?|\))|\*\)?")
_PREFIXED = re.compile(r"([BIESLU])(?:-([^\s-]\S*))?")
_TYPE = re.compile(r"[^\W\d_][^\s\"'`,;:!?()\[\]{}]*")
_UNUSUAL = re.compile(r"[BIESLUbieslu][-_/|:.].+|.+[-_/|:.][BIESLU]")
_LETTERS = {IOB2: "BI", IOB1: "BI", BIOES: "BIES", BILOU: "BILU"}
_MOST_TYPES = 200  # of IO: more are a column of words


class SchemeError(ValueError):
    """Tags follow no scheme, or not this one.

    Attributes:
        rule: what they break.
        word: the place of the first tag that breaks it, in its sentence.
    """

    def __init__(self, rule: str, word: int = 0):
        super().__init__(rule)
        self.rule, self.word = rule, word


@dataclass(frozen=True)
class Evidence:
    """What was seen of some sentences' tags: all that tells schemes apart, in little memory.

    Attributes:
        tags: those that occur.
        pairs: a tag, with the one before it in its sentence, or O.
    """

    tags: frozenset[str]
    pairs: frozenset[tuple[str, str]]


def is_bracket(tag: str) -> bool:
    """Whether a tag is one of OntoNotes: `(X*`, `*`, `*)`, `(X*)` or `(X)`."""
    return _BRACKETS.fullmatch(tag) is not None


def is_prefixed(tag: str) -> bool:
    """Whether a tag is O, or one of a scheme with prefixes."""
    return tag == "O" or _PREFIXED.fullmatch(tag) is not None


def see(sentences: Iterable[Sequence[str]]) -> Evidence:
    """Reads the tags of sentences."""
    pairs = set()
    for tags in sentences:
        pairs.update(zip(("O", *tags[:-1]), tags, strict=True))
        if len(pairs) > _MOST_TYPES**2:
            break
    return Evidence(frozenset(tag for _, tag in pairs), frozenset(pairs))


def recognise(seen: Evidence) -> str:
    """The scheme of some tags.

    Args:
        seen: of all of them.

    Returns:
        One of `SCHEMES`; `iob2` where they are broken IOB2, so that its own rules say how.

    Raises:
        SchemeError: there are tags of several schemes, or tags of none.
    """
    named = seen.tags - {"O"}
    if named and all(map(is_bracket, named)):
        return BRACKETS
    lettered = {tag for tag in named if _PREFIXED.fullmatch(tag)}
    if lettered != named and not any("-" in tag for tag in lettered):
        return _without_letters(seen.tags)
    letters = {tag[0] for tag in lettered}
    found = next((name for name in (IOB2, BIOES, BILOU) if letters <= set(_LETTERS[name])), None)
    if not found:
        raise SchemeError(
            f"tags of several schemes: letters {', '.join(sorted(letters))}. BIOES has B, I, E, S; "
            "BILOU has B, I, L, U. Write all in one; --tag_scheme then names the line of the first "
            "tag that is none of it."
        )
    return IOB1 if found == IOB2 and lettered == named and _is_iob1(seen) else found


def _parts(tag: str) -> tuple[str, str] | None:
    match = _PREFIXED.fullmatch(tag)
    return (match[1], match[2] or ONLY_TYPE) if match else None


def _without_letters(tags: frozenset[str]) -> str:
    types = tags - {"O"}
    if unusual := sorted(filter(_UNUSUAL.fullmatch, types)):
        raise SchemeError(
            f"tags such as {unusual[0]}: a scheme's letter is a capital, stands first, and has a "
            "hyphen after it (B-PER). If these are types, each of which is an entity: "
            "--tag_scheme=io."
        )
    likely = sum(_TYPE.fullmatch(name) is not None for name in types)
    if len(types) > _MOST_TYPES or "O" not in tags or likely * 2 < len(types):
        return IOB2  # whose rules name the first
    return IO  # whose rules name those that are no types


def _is_iob1(seen: Evidence) -> bool:
    """Whether I- starts entities, and B- stands only between neighbours of its type."""
    orphans = False
    for before, tag in seen.pairs:
        if tag == "O":
            continue
        letter, name = _parts(tag)
        same = before != "O" and _parts(before)[1] == name
        if letter == "B" and not same:
            return False
        orphans = orphans or (letter == "I" and not same)
    return orphans


def to_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """The tags of a sentence in IOB2: the same entities.

    Args:
        tags: of its words.
        scheme: one of `SCHEMES`. Of IOB2 itself, letters without types alone are changed.

    Raises:
        SchemeError: a tag is none of the scheme, or (BIOES, BILOU) an entity is not begun or not
            ended.
    """
    if scheme == IO:
        return [_of_io(tags, i) for i in range(len(tags))]
    if scheme == BRACKETS:
        return _of_brackets(tags)
    found, last = [], _LETTERS[scheme][2:3]
    open_type = None  # of an entity of BIOES or BILOU that must go on
    before = None  # the type of the word before
    for i, tag in enumerate(tags):
        parts = None if tag == "O" else _parts(tag)
        if tag != "O" and (parts is None or parts[0] not in _LETTERS[scheme]):
            if scheme == IOB2:
                found.append(tag)  # its reader says what is wrong
                before = None
                continue
            raise SchemeError(f"no tag of {scheme}, the scheme of the others.", i)
        letter, name = parts or ("O", None)
        if last:
            goes_on = letter in ("I", last)
            if goes_on != (open_type is not None) or (goes_on and name != open_type):
                previous = tags[i - 1] if i else "nothing"
                raise SchemeError(f"{tag} after {previous} is not {scheme}.", i)
            open_type = name if letter in "BI" else None
            letter = "I" if goes_on else "B" if parts else "O"
        elif scheme == IOB1 and parts:
            letter = "I" if letter == "I" and name == before else "B"
        found.append(f"{letter}-{name}" if parts else "O")
        before = name
    if open_type is not None:
        raise SchemeError(f"{tags[-1]} at a sentence's end is not {scheme}.", len(tags) - 1)
    return found


def _of_brackets(tags: Sequence[str]) -> list[str]:
    found, open_type = [], None
    for i, tag in enumerate(tags):
        match = _BRACKETS.fullmatch(tag)
        if not match:
            raise SchemeError("no tag of brackets, the scheme of the others.", i)
        begins, ends = match[1], tag.endswith(")")
        if (begins and open_type) or (ends and not (begins or open_type)):
            raise SchemeError("a bracket in another, or one that closes none.", i)
        name = begins or open_type
        found.append(f"{'B' if begins else 'I'}-{name}" if name else "O")
        open_type = None if ends else name
    if open_type:
        raise SchemeError("a bracket that is not closed at a sentence's end.", len(tags) - 1)
    return found


def _of_io(tags: Sequence[str], i: int) -> str:
    tag = tags[i]
    if tag == "O":
        return tag
    name = tag[2:] if tag.startswith("I-") else tag
    if not _TYPE.fullmatch(name):
        raise SchemeError("no tag of io, the scheme of the others.", i)
    before = tags[i - 1] if i else "O"
    return f"{'I' if before == tag else 'B'}-{name}"

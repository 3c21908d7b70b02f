"""The language files `templates/LANG.txt` and their little syntax.

A language file is UTF-8 text. `#` starts a comment line. It has these sections:

    [lists]       word lists, one a line: `name = item, item, ...`; a repeated name extends the list
    [person]      patterns of person names; without this section, `{given} {surname}`
    [org]         patterns of organization names
    [company]     more of them: firms, which make things and need no article
    [club]        more of them: sports clubs
    [loc]         patterns of place names, besides the plain names
    [sentences]   sentence templates with entities
    [plain]       sentence templates without any entity

One pattern or template a line, tokens separated by spaces: punctuation is set apart from words by
the author, so no tokenizer is needed. Slots are in braces.

Entity slots, in `[sentences]` only, always a whole token. Their tokens are tagged:

    {PER} {PER.m} {PER.f}   a full name, of any or of one gender (verbs or adjectives may agree)
    {SURNAME} ...           a surname alone, with the same genders; tagged PER
    {ORG} {COMPANY} {CLUB}  an organization of any kind, a firm, a sports club
    {LOC}                   any place; {CITY} {TOWN} {COUNTRY} {RIVER} {REGION}: of that kind
    {COUNTRY.city}          the country of the city that fills the {CITY} of the same sentence
    {PER|ORG} ...           one of these, so that the context does not give the type away
    {CITY/c} {CITY/v}       a name that begins with a consonant, with a vowel (French `d' {CITY/v}`)

Name slots, in the sections of names, maybe parts of a token: {given} {given_m} {given_f} {surname}
{city} {town} {country} {river} {region} {brand}, with `/c` and `/v` as above.

Word slots, anywhere, maybe parts of a token: the name of a list; {^name} puts its first letter in
upper case. And numbers: `NUMBERS` below; {count} and {population} are round so that a noun after
them needs one plural form only.

Lists with a meaning of their own (`city` and `country` come from the CLDR):

    faker                      Faker person providers, such as `de_DE`, that add to the next three
    given_m given_f surname    names; a surname with a feminine form is written `masculine/feminine`
    town river region          places where the language is spoken
    brand_a brand_b            first and last parts of invented one-word company names
    country                    names of territories, `DE=Alemanya`, if the CLDR's are not the usual
    skip                       territories and cities not to use, such as `CH` (it needs an article)
    digits                     the ten digits, if they are not 0-9
    person_key                 `given` if the splits divide the given names, not the surnames
"""

import dataclasses
import functools
import os
import re
import unicodedata

SLOT = re.compile(r"\{([^{}]+)\}")
# The least and greatest value of each number slot, and its step.
NUMBERS = {
    "day": (1, 28, 1),
    "year": (1950, 2023, 1),
    "birth": (1900, 1960, 1),
    "death": (1985, 2020, 1),
    "count": (20, 90, 10),
    "population": (1200, 98000, 100),
    "low": (0, 2, 1),
    "high": (3, 6, 1),
    "length": (40, 900, 1),
    "number": (2, 400, 1),
}
PLACE_SLOTS = ("city", "town", "country", "river", "region")
NAME_SLOTS = frozenset(("given", "given_m", "given_f", "surname", "brand", *PLACE_SLOTS))
ENTITY_TYPES = {
    "PER": "PER",
    "SURNAME": "PER",
    "ORG": "ORG",
    "COMPANY": "ORG",
    "CLUB": "ORG",
    "LOC": "LOC",
    **{slot.upper(): "LOC" for slot in PLACE_SLOTS},
}
SECTIONS = ("lists", "person", "org", "company", "club", "loc", "sentences", "plain")


@dataclasses.dataclass(frozen=True)
class LanguageTemplates:
    """One language file."""

    language: str
    lists: dict[str, tuple[str, ...]]
    person: tuple[str, ...]
    org: tuple[str, ...]
    company: tuple[str, ...]
    club: tuple[str, ...]
    loc: tuple[str, ...]
    sentences: tuple[str, ...]
    plain: tuple[str, ...]

    def literal_tokens(self) -> set[str]:
        """All tokens which sentences of this language have outside name and entity slots."""
        tokens = set()
        patterns = self.person + self.org + self.company + self.club + self.loc
        patterns += self.sentences + self.plain
        for pattern in patterns:
            tokens.update(SLOT.sub(" ", pattern).split())
        used = {
            name.lstrip("^")
            for pattern in patterns
            for name in SLOT.findall(pattern)
            # The items of such a list are names themselves, such as those of ministries.
            if pattern != f"{{{name}}}"
        }
        for name in used - NAME_SLOTS:
            for item in self.lists.get(name, ()):
                tokens.update(item.split())
                tokens.update(capitalized(item).split())
        return tokens


def capitalized(text: str) -> str:
    """The text with its first letter in upper case, and the others as they are."""
    return text[:1].upper() + text[1:]


def _check_slots(where: str, section: str, pattern: str, lists: dict) -> None:
    """Raises ValueError for a slot that no list, number or name fills."""
    for token in pattern.split():
        for slot in SLOT.findall(token):
            if section == "sentences" and slot[0].isupper():
                names = [part.split("/")[0].split(".")[0] for part in slot.split("|")]
                known = token == "{" + slot + "}" and all(name in ENTITY_TYPES for name in names)
            else:
                name = slot.split("/")[0].lstrip("^")
                known = name in NUMBERS or name in lists
                if section not in ("sentences", "plain"):
                    known = known or name in NAME_SLOTS
                elif name in NAME_SLOTS:
                    known = False
            if not known:
                raise ValueError(
                    f"{where}: a slot must name a list of the file, a number, or an entity or "
                    f"name allowed in its section. Received: section={section} slot={slot!r}"
                )


@functools.cache
def load(language: str) -> LanguageTemplates:
    """Reads and checks `templates/LANG.txt`."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates", f"{language}.txt")
    lists: dict[str, tuple[str, ...]] = {}
    patterns: dict[str, list[str]] = {section: [] for section in SECTIONS[1:]}
    section = None
    with open(path, encoding="utf-8") as lines:
        for number, raw in enumerate(lines, 1):
            line = unicodedata.normalize("NFC", raw.strip())
            where = f"{os.path.basename(path)}:{number}"
            if not line or line.startswith("#"):
                continue
            if line.startswith("[") and line[1:-1] in SECTIONS:
                section = line[1:-1]
            elif section == "lists":
                name, separator, items = line.partition("=")
                if not separator:
                    raise ValueError(f"{where}: a list is `name = item, ...`. Received: {line!r}")
                values = tuple(item.strip() for item in items.split(",") if item.strip())
                lists[name.strip()] = lists.get(name.strip(), ()) + values
            elif section is None:
                raise ValueError(f"{where}: text before the first section. Received: {line!r}")
            else:
                _check_slots(where, section, line, lists)
                patterns[section].append(" ".join(line.split()))
    for name, found in patterns.items():
        if len(set(found)) != len(found):
            raise ValueError(f"{path}: a pattern is repeated. Received: section={name}")
    if not patterns["person"]:
        patterns["person"] = ["{given} {surname}"]
    return LanguageTemplates(
        language=language,
        lists=lists,
        **{name: tuple(found) for name, found in patterns.items()},
    )

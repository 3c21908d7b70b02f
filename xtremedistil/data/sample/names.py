"""The names of the sample corpus and their partition among its splits.

Every name (of a place, a surname, an invented company) belongs to one of four parts: train, dev,
test and transfer. The train, dev and test sets use names of their own part only; the transfer set
uses those of train and transfer, as unlabeled text has names which the labeled text has not. A part
is given to an *identity*, not to a spelling:

* a country is one identity in all languages, and its cities go with it, so Germany, Alemania,
  Deutschland, Berlin and Berlín are in the same part;
* equal names of any kind in any language are one identity (Luxembourg, the city and the country);
* a name inside a longer one goes with it (Sudan, South Sudan), as do both genders of a surname.

The part is drawn from a generator seeded with the identity, hence does not depend on the order of
the names, and composed names (organizations, streets) inherit the part of the names in them. Given
names are shared by all parts, unless they are also a surname or a place. In Vietnamese, where a
handful of surnames serve nearly everybody, the parts divide the given names instead.
"""

import dataclasses
import functools
import importlib
import random
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import babel
import babel.core

from xtremedistil.data.sample import LANGUAGES, places, templates

SPLITS = ("train", "dev", "test", "transfer")
# Shares of the four parts, and the parts that each split may use.
_SHARES = (("train", 0.45), ("transfer", 0.25), ("dev", 0.10), ("test", 0.20))
_VISIBLE = {
    "train": frozenset(("train",)),
    "dev": frozenset(("dev",)),
    "test": frozenset(("test",)),
    "transfer": frozenset(("train", "transfer")),
}
SCRIPTS = {
    "hi": "DEVANAGARI",
    "bn": "BENGALI",
    "ta": "TAMIL",
    "ar": "ARABIC",
    "fa": "ARABIC",
    "he": "HEBREW",
    "el": "GREEK",
    **dict.fromkeys(("bg", "mk", "ru", "uk"), "CYRILLIC"),
}
_CLDR_CODES = {"tl": "fil"}
# Arabic letters that Faker's Persian names have instead of the Persian ones.
_PERSIAN = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک"})
# Vowel signs, which Faker writes on some Arabic names and newspapers on none.
_ARABIC_VOWELS = re.compile("[\u064b-\u0652\u0670]")
# Endings that differ between a man's and a woman's surname, and go before the two are compared.
_GENDER_ENDINGS = {
    "cs": r"(ová|[ýáaeio]|ek|ec)$",
    "sk": r"(ová|[ýáaeio]|ek|ec)$",
    "lv": r"([aeiu]?s|š|a|e)$",
    "el": r"(ου|[οηα]ς|ός|ής|άς|[ηήαά])$",
    **dict.fromkeys(("ru", "uk", "mk", "bg"), r"(ий|ій|ая|[аи])$"),
}


def script_of(language: str) -> str:
    """The script of a language, as the first word of its letters' Unicode names."""
    return SCRIPTS.get(language, "LATIN")


def _is_name(text: str, language: str) -> bool:
    """Whether `text` is one to four words of the language's own script, without other signs."""
    script = script_of(language)
    for character in text:
        if unicodedata.category(character)[0] in "LM":
            if not unicodedata.name(character, "").startswith((script, "COMBINING", "MODIFIER")):
                return False
        elif character not in " '’-·\u200c":
            return False
    words = text.split(" ")
    return len(words) <= 4 and len(words[0]) > 1 and all(word[:1].isalpha() for word in words)


def _faker_names(provider: str, attribute: str) -> list[str]:
    module = importlib.import_module(f"faker.providers.person.{provider}")
    names = getattr(module.Provider, attribute, ())
    return sorted(names) if isinstance(names, (tuple, list, dict)) else []


def _cldr_places(language: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names of the territories and of the cities, by identity."""
    locale = babel.Locale.parse(_CLDR_CODES.get(language, language))
    root = babel.Locale.parse("en")
    countries = {code: locale.territories.get(code, "") for code in places.TERRITORIES}
    cities = {}
    for zone in places.CITIES:
        name = locale.time_zones.get(zone, {}).get("city")
        if not name and script_of(language) == "LATIN":
            # The CLDR's rule for a city without a name: the root's, else the end of its identifier.
            name = root.time_zones.get(zone, {}).get("city")
            name = name or zone.rpartition("/")[2].replace("_", " ")
        cities[zone] = name or ""
    return countries, cities


def _territory_of(zone: str) -> str:
    canonical = babel.core.get_global("zone_aliases").get(zone, zone)
    return babel.core.get_global("zone_territories")[canonical]


def _clean(names: Iterable[str], language: str) -> list[str]:
    """The names that are fit for use, in their usual spelling."""
    names = (unicodedata.normalize("NFC", name.strip()) for name in names)
    if language == "fa":
        names = (name.translate(_PERSIAN) for name in names)
    if language == "ar":
        names = (_ARABIC_VOWELS.sub("", name) for name in names)
    return [name for name in names if _is_name(name, language) and not name[0].islower()]


@dataclasses.dataclass
class LanguageNames:
    """All names of one language, sorted, and the pairs of names that are one identity."""

    language: str
    key_is_given: bool
    given: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    surnames: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    places: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    cities_in_countries: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    groups: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def atoms(self) -> list[str]:
        """The names that have a part of their own: all but the given names."""
        surnames = [] if self.key_is_given else self.surnames["m"] + self.surnames["f"]
        return [*surnames, *(name for found in self.places.values() for name in found)]


def _add_persons(names: LanguageNames, lists: Mapping[str, Sequence[str]]) -> None:
    language = names.language
    given = {gender: list(lists.get(f"given_{gender}", ())) for gender in "mf"}
    surnames: dict[str, list[str]] = {"m": [], "f": []}
    for entry in lists.get("surname", ()):
        masculine, _, feminine = entry.partition("/")
        surnames["m"].append(masculine)
        surnames["f"].append(feminine or masculine)
        names.groups.append((masculine, feminine or masculine))
    for provider in lists.get("faker", ()):
        for gender, word in (("m", "male"), ("f", "female")):
            given[gender] += _faker_names(provider, f"first_names_{word}")
            surnames[gender] += _faker_names(provider, f"last_names_{word}") or _faker_names(
                provider, "last_names"
            )
    names.given = {gender: sorted(set(_clean(found, language))) for gender, found in given.items()}
    names.surnames = {
        gender: sorted(set(_clean(found, language))) for gender, found in surnames.items()
    }
    if language in _GENDER_ENDINGS:
        for name in names.surnames["m"] + names.surnames["f"]:
            stem = re.sub(_GENDER_ENDINGS[language], "", name)
            names.groups.append((name, f"{language}:{stem}"))


def _add_places(names: LanguageNames, lists: Mapping[str, Sequence[str]]) -> None:
    countries, cities = _cldr_places(names.language)
    countries |= dict(entry.split("=") for entry in lists.get("country", ()))
    skip = set(lists.get("skip", ()))
    found: dict[str, list[str]] = {
        kind: _clean(lists.get(kind, ()), names.language) for kind in ("town", "river", "region")
    }
    for kind, by_identity in (("country", countries), ("city", cities)):
        found[kind] = []
        for identity, name in by_identity.items():
            if name:
                names.groups.append((name, f"cldr:{identity}"))
            if identity not in skip:
                found[kind] += _clean([name], names.language)
    pairs = set()
    for zone, city in cities.items():
        territory = _territory_of(zone)
        names.groups.append((f"cldr:{zone}", f"cldr:{territory}"))
        if city in found["city"] and countries.get(territory) in found["country"]:
            pairs.add((city, countries[territory]))
    names.cities_in_countries = sorted(pairs)
    found["city"] += found["town"]
    names.places = {kind: sorted(set(found[kind])) for kind in templates.PLACE_SLOTS}


@functools.cache
def language_names(language: str) -> LanguageNames:
    """Gathers the names of one language from its file, Faker and the CLDR."""
    lists = templates.load(language).lists
    names = LanguageNames(language, key_is_given="given" in lists.get("person_key", ()))
    _add_persons(names, lists)
    _add_places(names, lists)
    return names


class Partition:
    """The part of each name, the same in all languages."""

    def __init__(self, seed: int):
        self._seed = seed
        self._parent: dict[str, str] = {}
        self._smallest: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self._atoms: set[str] = set()
        # Words of the templates; a name equal to one could not be told from it, so it is not used.
        self.literals: set[str] = set()
        for language in LANGUAGES:
            self.literals |= templates.load(language).literal_tokens()
        for language in LANGUAGES:
            names = language_names(language)
            self._atoms.update(name.casefold() for name in names.atoms())
            for first, second in names.groups:
                self._join(first.casefold(), second.casefold())
        for atom in sorted(self._atoms):
            for inner in self._inner_atoms(atom):
                self._join(atom, inner)
        for node in sorted(self._parent):
            self._smallest.setdefault(self._root(node), node)

    def _root(self, node: str) -> str:
        while self._parent.setdefault(node, node) != node:
            self._parent[node] = self._parent[self._parent[node]]
            node = self._parent[node]
        return node

    def _join(self, first: str, second: str) -> None:
        self._parent[self._root(first)] = self._root(second)

    def _inner_atoms(self, name: str) -> list[str]:
        words = name.casefold().split(" ")
        spans = (
            " ".join(words[start:end])
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
        )
        return [span for span in spans if span in self._atoms]

    def part(self, name: str) -> str:
        """The part of a name, or of any other text, by its identity."""
        root = self._root(name.casefold())
        if root not in self._parts:
            rng = random.Random(f"{self._seed}:{self._smallest.get(root, root)}")
            self._parts[root] = rng.choices(*zip(*_SHARES, strict=True))[0]
        return self._parts[root]

    def allows(self, name: str, split: str) -> bool:
        """Whether a split may use a name: all names in it are of parts visible to the split."""
        return all(self.part(atom) in _VISIBLE[split] for atom in self._inner_atoms(name))

    def allows_text(self, text: str, split: str) -> bool:
        """Whether a split may use an entity that is made of words only, by its whole text."""
        return text not in self.literals and self.part(text) in _VISIBLE[split]


def split_pools(language: str, split: str, partition: Partition) -> dict[str, list[str]]:
    """The names which one split of one language may use, by name slot."""
    names = language_names(language)
    pools = {
        slot: [
            name
            for name in found
            if partition.allows(name, split) and name not in partition.literals
        ]
        for slot, found in (
            ("surname_m", names.surnames["m"]),
            ("surname_f", names.surnames["f"]),
            *names.places.items(),
        )
    }
    for gender, found in names.given.items():
        pools[f"given_{gender}"] = [
            name
            for name in found
            if partition.allows(name, split)
            and (
                not names.key_is_given
                or partition.allows_text(f"{language}:{name.split()[-1]}", split)
            )
        ]
    lists = templates.load(language).lists
    brands = [a + b for a in lists.get("brand_a", ()) for b in lists.get("brand_b", ())]
    pools["brand"] = [brand for brand in brands if partition.allows_text(brand, split)]
    return pools

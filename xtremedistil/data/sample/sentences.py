"""Fills the sentence templates of one language with the names of one split."""

import random
import unicodedata

from xtremedistil.data.sample import names, templates

PLAIN_SHARE = 0.05
_TRIES = 40
# How often {LOC} is a name of each kind, or one of the patterns of `[loc]`.
_LOC_KINDS = (
    ("country", 0.30),
    ("city", 0.25),
    ("town", 0.17),
    ("river", 0.08),
    ("region", 0.10),
    ("pattern", 0.10),
)
_VOWELS = frozenset("aeiouyhœ")


class UnfillableError(Exception):
    """The split has no name (left) for a slot; another template or pattern may do."""


def _begins_as(name: str, wish: str) -> bool:
    """Whether a name begins with a vowel, h included (`v`), or with another letter (`c`)."""
    letter = unicodedata.normalize("NFD", name)[0].casefold()
    return (letter in _VOWELS) == (wish == "v")


class SentenceSampler:
    """Draws sentences of one language and split."""

    def __init__(self, language: str, split: str, partition: names.Partition, rng: random.Random):
        self._templates = templates.load(language)
        self._split = split
        self._partition = partition
        self._rng = rng
        self._pools = names.split_pools(language, split, partition)
        self._digits = "".join(self._templates.lists.get("digits", ())) or "0123456789"
        self._queue: list[str] = []
        self._words_used: set[str] = set()

    def sentence(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Draws a sentence: its tokens and their tags. Raises `UnfillableError`."""
        if self._templates.plain and self._rng.random() < PLAIN_SHARE:
            template = self._rng.choice(self._templates.plain)
        else:
            if not self._queue:
                # Whole rounds of all templates, so that even the small splits see most of them.
                self._queue = list(self._templates.sentences)
                self._rng.shuffle(self._queue)
            template = self._queue.pop()
        tokens: list[str] = []
        tags: list[str] = []
        entities: list[list[str]] = []
        self._words_used = set()
        given = self._city_and_country() if "{COUNTRY.city}" in template else {}
        for word in template.split():
            slots = templates.SLOT.findall(word)
            if word in given:
                kind, entity = "LOC", given[word].split()
            elif slots and slots[0][0].isupper():
                kind, entity = self._entity(self._rng.choice(slots[0].split("|")))
            else:
                kind, entity = "", []
            if kind:
                if entity in entities:
                    raise UnfillableError(word)
                entities.append(entity)
                tokens += entity
                tags += [f"B-{kind}"] + [f"I-{kind}"] * (len(entity) - 1)
            else:
                words = self._fill(word).split()
                tokens += words
                tags += ["O"] * len(words)
        return tuple(tokens), tuple(tags)

    def _entity(self, slot: str) -> tuple[str, list[str]]:
        slot, _, wish = slot.partition("/")
        name, _, gender = slot.partition(".")
        gender = gender or self._rng.choice("mf")
        if name == "PER":
            suitable = [
                pattern
                for pattern in self._templates.person
                if "{given_" not in pattern or f"{{given_{gender}}}" in pattern
            ]
            text = self._fill(self._rng.choice(suitable), gender)
        elif name == "SURNAME":
            text = self._name("surname", gender)
        elif name == "ORG":
            found = self._templates
            text = self._pattern(found.org + found.company + found.club)
        elif name == "COMPANY":
            text = self._pattern(self._templates.company)
        elif name == "CLUB":
            text = self._pattern(self._templates.club)
        elif name == "LOC":
            kinds, weights = zip(*_LOC_KINDS, strict=True)
            kind = self._rng.choices(kinds, weights)[0]
            if kind == "pattern":
                text = self._pattern(self._templates.loc)
            else:
                text = self._name(kind, wish=wish)
        else:
            text = self._name(name.lower(), wish=wish)
        return templates.ENTITY_TYPES[name], text.split()

    def _city_and_country(self) -> dict[str, str]:
        """A city and its country, by the slots that they fill."""
        cities, countries = set(self._pools["city"]), set(self._pools["country"])
        pairs = [
            pair
            for pair in names.language_names(self._templates.language).cities_in_countries
            if pair[0] in cities and pair[1] in countries
        ]
        if not pairs:
            raise UnfillableError("COUNTRY.city")
        return dict(zip(("{CITY}", "{COUNTRY.city}"), self._rng.choice(pairs), strict=True))

    def _pattern(self, patterns: tuple[str, ...]) -> str:
        """Fills one of the patterns of organizations or places."""
        for _ in range(_TRIES):
            pattern = self._rng.choice(patterns)
            slots = {slot.split("/")[0] for slot in templates.SLOT.findall(pattern)}
            # Surnames alone stand in their basic form: a firm is called after a family.
            gender = self._rng.choice("mf") if "given" in slots else "m"
            try:
                text = self._fill(pattern, gender)
            except UnfillableError:
                continue
            # Names in the pattern are of the split already; words are of it by their whole text.
            if slots & templates.NAME_SLOTS or self._partition.allows_text(text, self._split):
                return text
        raise UnfillableError("pattern")

    def _fill(self, text: str, gender: str = "m") -> str:
        return templates.SLOT.sub(lambda match: self._value(match.group(1), gender), text)

    def _value(self, slot: str, gender: str) -> str:
        if slot in templates.NUMBERS:
            least, greatest, step = templates.NUMBERS[slot]
            number = str(self._rng.randrange(least, greatest + 1, step))
            return number.translate(str.maketrans("0123456789", self._digits))
        name, _, wish = slot.partition("/")
        if name in templates.NAME_SLOTS:
            return self._name(name, gender, wish)
        # "The library is old, but the library is new" is no sentence.
        words = self._templates.lists[name.lstrip("^")]
        word = self._rng.choice([word for word in words if word not in self._words_used] or words)
        self._words_used.add(word)
        return templates.capitalized(word) if name.startswith("^") else word

    def _name(self, name: str, gender: str = "m", wish: str = "") -> str:
        if name in ("given", "surname"):
            name = f"{name}_{gender}"
        pool = self._pools[name]
        if wish:
            pool = [item for item in pool if _begins_as(item, wish)]
        if not pool:
            raise UnfillableError(name)
        return self._rng.choice(pool)

"""What a student loses on raw text, where its own rule finds the words: F1 by language, and by what
the rule does otherwise than the data.

python docs/results/raw_text.py MODEL DATA [SENTENCES]

MODEL is the folder of a student and DATA a folder of labeled data with a folder for each language,
of which the first SENTENCES test sentences are read (all, if no number is given). Raw text is made
of the words: spaces are left out before closing and after opening punctuation, quotes are taken in
pairs. Entities are compared by type, first and last character.
"""

import itertools
import sys
from collections.abc import Iterable, Sequence

import numpy as np

from xtremedistil import load
from xtremedistil.config import DataConfig
from xtremedistil.scoring.examples import read_split
from xtremedistil.scoring.metrics import precision_recall_f1

CLOSING, OPENING, QUOTES = set(",.;:!?)]}»”’%、。，؟،؛।"), set("([{«“‘¿¡"), {'"', "''", "``"}
INSIDE = {"period": ".", "apostrophe": "'’", "hyphen": "-–—", "slash": "/", "quote": '"“”„«»`'}
Place = tuple[int, int]


def main(model: str, data: str, sentences: str = "") -> None:
    """Prints both tables."""
    student, limit = load(model), int(sentences) if sentences else None
    scheme, counts, kinds, names = student.labels.scheme, [], [], []
    examples = read_split(DataConfig(data_dir=data), "test")
    for language, group in itertools.groupby(examples, key=lambda example: example.language):
        chosen = list(itertools.islice(group, limit))
        sentences_of_words = [example.words for example in chosen]
        given = student.tag_words(sentences_of_words)
        joined = [join(words) for words in sentences_of_words]
        raw = student.tag([text for text, _ in joined])
        for example, known, (text, places), found in zip(chosen, given, joined, raw, strict=True):
            gold = moved(scheme.to_spans(example.tags), places)
            by_words = moved(scheme.to_spans(known.tags), places)
            by_rule = {(entity.type, entity.start, entity.end) for entity in found.entities}
            right = [len(gold & one) for one in (by_words, by_rule)]
            sizes = [len(by_words), len(by_rule), len(gold)]
            counts.append([*right, *sizes, by_words != by_rule])
            kinds.append(kind_of(text, set(places), set(found.spans)))
            names.append(language)
    print_table("language", counts, names, dict.fromkeys(names))
    print_table("words of raw text", counts, kinds, sorted(set(kinds)))


def join(words: Sequence[str]) -> tuple[str, list[Place]]:
    """Raw text of words, and where each of them is."""
    text, places, glued, quoted = "", [], True, False
    for word in words:
        closes = word in CLOSING or (word in QUOTES and quoted)
        text += "" if glued or closes else " "
        places.append((len(text), len(text) + len(word)))
        text += word
        glued = word in OPENING or (word in QUOTES and not quoted)
        quoted ^= word in QUOTES
    return text, places


def moved(spans: Iterable, places: Sequence[Place]) -> set[tuple[str, int, int]]:
    """Spans of words as spans of characters."""
    return {(kind, places[start][0], places[end - 1][1]) for kind, start, end in spans}


def kind_of(text: str, known: set[Place], found: set[Place]) -> str:
    """How the words of raw text differ from the data's."""
    split = sorted(known - found)
    if not split:
        return "the same"
    start, end = split[0]
    word = text[start:end]
    if not any(start <= first and last <= end for first, last in found):
        return "several words are one"
    for name, characters in INSIDE.items():
        if set(word.replace("''", '"')) & set(characters):
            return f"one word is several: {name}"
    return "one word is several: other"


def print_table(title: str, counts: Sequence, groups: Sequence[str], order: Iterable[str]) -> None:
    """Prints F1 with the data's words and with the rule's, of each group of sentences."""
    print(f"| {title} | sentences | answered otherwise | F1, words given | F1, raw text | less |")
    print("|---|---|---|---|---|---|")
    every, groups = np.array(counts), np.array(groups)
    for name in order:
        known, found, by_words, by_rule, gold, other = every[groups == name].sum(axis=0)
        scores = precision_recall_f1(np.array([[known, by_words, gold], [found, by_rule, gold]]))
        number, (given, raw) = (groups == name).sum(), scores[:, 2]
        share = f"{100 * other / number:.1f}%"
        print(f"| {name} | {number:,} | {share} | {given:.2f} | {raw:.2f} | {given - raw:.2f} |")
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])

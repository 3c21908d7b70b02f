"""The embedded sample corpus: its format, its languages, and that its entities do not leak."""

import ast
import importlib.metadata
import itertools
import json
import lzma
import os
import sys
import unicodedata

import pytest

from xtremedistil.data import sample

LABELED = ("train", "dev", "test")
TYPES = {"LOC", "ORG", "PER"}
SCRIPTS = {
    "hi": "DEVANAGARI",
    "bn": "BENGALI",
    "ta": "TAMIL",
    "ar": "ARABIC",
    "fa": "ARABIC",
    "he": "HEBREW",
    "el": "GREEK",
    "bg": "CYRILLIC",
    "mk": "CYRILLIC",
    "ru": "CYRILLIC",
    "uk": "CYRILLIC",
}
MAX_CORPUS_BYTES = 1_400_000
# Languages that the generator builds again: the first ones, since no later one affects them.
REBUILT = sample.LANGUAGES[:2]


def file_text(language, split):
    """The unpacked text of one file of the corpus."""
    name = "transfer.txt.xz" if split == "transfer" else f"{split}.tsv.xz"
    with lzma.open(os.path.join(sample.corpus_dir(), language, name)) as file:
        return file.read().decode("utf-8")


def manifest():
    """What the corpus was built from."""
    with open(os.path.join(sample.corpus_dir(), "manifest.json"), encoding="utf-8") as file:
        return json.load(file)


def parse_labeled(text):
    """`(tokens, tags)` of each sentence, from text with a blank line after each sentence."""
    assert text.endswith("\n\n")
    sentences = []
    for block in text[:-2].split("\n\n"):
        pairs = [line.split("\t") for line in block.split("\n")]
        assert all(len(pair) == 2 for pair in pairs), block
        tokens, tags = zip(*pairs, strict=True)
        sentences.append((tokens, tags))
    return sentences


def entities_of(tokens, tags):
    """`(type, tokens)` of each entity of an IOB2 sentence."""
    entities = []
    for token, tag in zip(tokens, tags, strict=True):
        if tag.startswith("B-"):
            entities.append((tag[2:], [token]))
        elif tag.startswith("I-"):
            entities[-1][1].append(token)
    return [(kind, tuple(words)) for kind, words in entities]


@pytest.fixture(scope="module")
def labeled():
    """Sentences by language and labeled split."""
    return {
        (language, split): parse_labeled(file_text(language, split))
        for language in sample.LANGUAGES
        for split in LABELED
    }


@pytest.fixture(scope="module")
def transfer():
    """Token tuples of the transfer sentences, by language."""
    return {
        language: [tuple(line.split(" ")) for line in file_text(language, "transfer").splitlines()]
        for language in sample.LANGUAGES
    }


@pytest.fixture(scope="module")
def entities(labeled):
    """Entities by language and labeled split."""
    return {
        key: [entity for sentence in sentences for entity in entities_of(*sentence)]
        for key, sentences in labeled.items()
    }


def test_41_languages():
    """There is a folder for each language of Table 17."""
    assert len(set(sample.LANGUAGES)) == len(sample.LANGUAGES) == 41
    folders = set(os.listdir(sample.corpus_dir())) - {"manifest.json"}
    assert folders == set(sample.LANGUAGES)


def test_the_package_needs_the_standard_library_only():
    """Reading the corpus needs neither Faker nor Babel."""
    with open(sample.__file__, encoding="utf-8") as file:
        nodes = list(ast.walk(ast.parse(file.read())))
    imported = {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_counts(labeled, transfer):
    """Each split of each language has its number of sentences."""
    counts = manifest()["sentences"]
    assert counts == {"train": 300, "dev": 30, "test": 60, "transfer": 500}
    for (language, split), sentences in labeled.items():
        assert len(sentences) == counts[split], (language, split)
    for language, sentences in transfer.items():
        assert len(sentences) == counts["transfer"], language


def test_total_size():
    """The corpus stays small enough for a package."""
    sizes = [
        os.path.getsize(os.path.join(folder, file))
        for folder, _, files in os.walk(sample.corpus_dir())
        for file in files
    ]
    assert sum(sizes) <= MAX_CORPUS_BYTES


def test_tokens_are_words_in_normal_form(labeled, transfer):
    """Tokens are not empty, have no white space, and are in NFC."""
    sentences = itertools.chain(
        (tokens for found in labeled.values() for tokens, _ in found), *transfer.values()
    )
    tokens = {token for sentence in sentences for token in sentence}
    assert all(tokens)
    assert not [token for token in tokens if any(character.isspace() for character in token)]
    assert not [token for token in tokens if unicodedata.normalize("NFC", token) != token]


def test_tags_are_iob2(labeled):
    """An I- tag follows a tag of its own type."""
    allowed = {"O"} | {f"{prefix}-{kind}" for prefix in "BI" for kind in TYPES}
    for key, sentences in labeled.items():
        for tokens, tags in sentences:
            assert set(tags) <= allowed, (key, tokens)
            for before, tag in zip(("O", *tags), tags, strict=False):
                if tag.startswith("I-"):
                    assert before in (f"B-{tag[2:]}", tag), (key, tokens)


def test_each_split_has_all_types_and_some_sentences_without(labeled, entities):
    """Sentences have up to four entities of three types, and some have none."""
    for key, sentences in labeled.items():
        assert {kind for kind, _ in entities[key]} == TYPES, key
        assert max(len(entities_of(*sentence)) for sentence in sentences) <= 4, key
    plain = sum(not entities_of(*sentence) for found in labeled.values() for sentence in found)
    assert 0.03 < plain / sum(map(len, labeled.values())) < 0.08


@pytest.mark.parametrize("language", sample.LANGUAGES)
def test_script(language, labeled, transfer):
    """Each language is written in its own script."""
    script = SCRIPTS.get(language, "LATIN")
    sentences = [tokens for split in LABELED for tokens, _ in labeled[language, split]]
    text = "".join("".join(tokens) for tokens in sentences + transfer[language])
    letters = [character for character in text if character.isalpha()]
    own = sum(unicodedata.name(letter).startswith(script) for letter in letters)
    assert own / len(letters) > 0.98


def test_entities_of_dev_and_test_are_not_in_other_labeled_sets(entities):
    """No entity string is in two labeled splits, in the same or in different languages."""
    found = {
        split: {entity for language in sample.LANGUAGES for entity in entities[language, split]}
        for split in LABELED
    }
    texts = {split: {words for _, words in pairs} for split, pairs in found.items()}
    assert not found["dev"] & found["train"]
    assert not found["test"] & (found["train"] | found["dev"])
    assert not texts["test"] & (texts["train"] | texts["dev"])


def test_entities_of_test_are_nowhere_else_as_a_sequence_of_tokens(labeled, transfer, entities):
    """Not even the unlabeled text, or a longer name, mentions an entity of a test set."""
    wanted = {words for language in sample.LANGUAGES for _, words in entities[language, "test"]}
    lengths = sorted({len(words) for words in wanted})
    others = itertools.chain(
        (tokens for key, found in labeled.items() if key[1] != "test" for tokens, _ in found),
        *transfer.values(),
    )
    for tokens in others:
        for length in lengths:
            for start in range(len(tokens) - length + 1):
                assert tokens[start : start + length] not in wanted, tokens


@pytest.mark.parametrize("language", sample.LANGUAGES)
def test_persons_of_test_have_a_new_given_name_or_surname(language, entities):
    """A model cannot have learned most persons of the test set by heart."""
    known = {word for kind, words in entities[language, "train"] if kind == "PER" for word in words}
    persons = {words for kind, words in entities[language, "test"] if kind == "PER"}
    new = [words for words in persons if words[0] not in known or words[-1] not in known]
    assert len(new) / len(persons) >= 0.5


def test_no_sentence_twice(labeled, transfer):
    """All sentences of all languages and splits differ."""
    sentences = [tokens for found in labeled.values() for tokens, _ in found]
    sentences += [tokens for found in transfer.values() for tokens in found]
    assert len(set(sentences)) == len(sentences)


def test_the_generator_builds_the_same_corpus():
    """The generator gives the packaged text, if the sources of names are the same."""
    pytest.importorskip("babel", reason="the generator takes names of places from Babel")
    pytest.importorskip("faker", reason="the generator takes names of persons from Faker")
    for name, version in manifest()["versions"].items():
        if importlib.metadata.version(name) != version:
            pytest.skip(f"the corpus was built with {name} {version}, which has other names")
    from xtremedistil.data.sample import generate

    built = generate.generate(REBUILT, manifest()["seed"], manifest()["sentences"])
    for language, splits in built:
        for split, sentences in splits.items():
            assert generate.split_text(split, sentences) == file_text(language, split)


@pytest.mark.parametrize("language", sample.LANGUAGES)
def test_templates(language):
    """A language has enough patterns, and enough that fit more than one entity type."""
    from xtremedistil.data.sample import templates

    loaded = templates.load(language)
    assert len(loaded.sentences) >= 30
    mixed = [template for template in loaded.sentences if "|" in template]
    assert len(mixed) >= 5

"""Builds the sample corpus.

    python -m xtremedistil.data.sample.generate --output_dir=DIR

writes `DIR/LANG/{train,dev,test}.tsv.xz` (a `token<TAB>tag` line for each token, an empty line
after each sentence), `DIR/LANG/transfer.txt.xz` (a sentence a line, tokens joined by spaces) and
`DIR/manifest.json`. The same seed and the same versions of Faker and Babel, which hold the names,
give the same text. Those two are the package's extra `sample`.
"""

import importlib.metadata
import json
import lzma
import os
import random
from collections.abc import Iterator, Mapping, Sequence

from absl import app, flags, logging

from xtremedistil.data.sample import LANGUAGES, names, sentences

# One of the seeds under which each part has enough of the names of every language.
SEED = 89
COUNTS = {"train": 300, "dev": 30, "test": 60, "transfer": 500}
NAME_SOURCES = ("Babel", "Faker")
# A split whose templates and names are used up would never be complete.
_MAX_DRAWS_PER_SENTENCE = 100

FLAGS = flags.FLAGS

Sentence = tuple[tuple[str, ...], tuple[str, ...]]


def generate(
    languages: Sequence[str] = LANGUAGES,
    seed: int = SEED,
    counts: Mapping[str, int] = COUNTS,
) -> Iterator[tuple[str, dict[str, list[Sentence]]]]:
    """Generates the corpus, language by language.

    No sentence occurs twice, neither within nor across splits and languages. So the sentences of a
    language depend on those before it: `languages` should be the first ones of `LANGUAGES`, or all,
    to get what the full corpus has.

    Yields:
        The language, and for each split its sentences: pairs of a token tuple and a tag tuple.
    """
    partition = names.Partition(seed)
    seen: set[tuple[str, ...]] = set()
    for language in languages:
        splits = {}
        for split in names.SPLITS:
            rng = random.Random(f"{seed}/{language}/{split}")
            sampler = sentences.SentenceSampler(language, split, partition, rng)
            splits[split] = _draw(sampler, counts[split], seen, f"{language} {split}")
        yield language, splits


def _draw(
    sampler: sentences.SentenceSampler, count: int, seen: set[tuple[str, ...]], where: str
) -> list[Sentence]:
    drawn: list[Sentence] = []
    for _ in range(count * _MAX_DRAWS_PER_SENTENCE):
        if len(drawn) == count:
            return drawn
        try:
            tokens, tags = sampler.sentence()
        except sentences.UnfillableError:
            continue
        if tokens not in seen:
            seen.add(tokens)
            drawn.append((tokens, tags))
    raise ValueError(
        f"{where}: the templates and names do not give that many different sentences. Received: "
        f"count={count}, found={len(drawn)}"
    )


def split_text(split: str, split_sentences: Sequence[Sentence]) -> str:
    """The file text of a split: lines of plain text for transfer, CoNLL columns for the others."""
    if split == "transfer":
        return "".join(" ".join(tokens) + "\n" for tokens, _ in split_sentences)
    return "".join(
        "".join(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True)) + "\n"
        for tokens, tags in split_sentences
    )


def split_file(split: str) -> str:
    """The file name of a split."""
    return f"{split}.txt.xz" if split == "transfer" else f"{split}.tsv.xz"


def source_versions() -> dict[str, str]:
    """The installed versions of the packages that hold the names."""
    return {name: importlib.metadata.version(name) for name in NAME_SOURCES}


def write_corpus(output_dir: str, seed: int = SEED, counts: Mapping[str, int] = COUNTS) -> None:
    """Generates the whole corpus and writes it to `output_dir`."""
    for language, splits in generate(seed=seed, counts=counts):
        directory = os.path.join(output_dir, language)
        os.makedirs(directory, exist_ok=True)
        for split, split_sentences in splits.items():
            text = split_text(split, split_sentences).encode("utf-8")
            packed = lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)
            with open(os.path.join(directory, split_file(split)), "wb") as file:
                file.write(packed)
        logging.info("%s: %s", language, {split: len(found) for split, found in splits.items()})
    manifest = {"seed": seed, "sentences": dict(counts), "versions": source_versions()}
    with open(os.path.join(output_dir, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.write("\n")


def main(argv: Sequence[str]) -> None:
    """Writes the corpus that the flags ask for."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    counts = {split: FLAGS[f"{split}_sentences"].value for split in names.SPLITS}
    write_corpus(FLAGS.output_dir, seed=FLAGS.seed, counts=counts)


def _define_flags() -> None:
    flags.DEFINE_string("output_dir", None, "Folder to write the corpus to.", required=True)
    flags.DEFINE_integer("seed", SEED, "Seed of the names' partition and of all sentences.")
    for split, count in COUNTS.items():
        flags.DEFINE_integer(
            f"{split}_sentences", count, f"Sentences per language in {split}.", lower_bound=1
        )


if __name__ == "__main__":
    _define_flags()
    app.run(main)

"""Broken data files against the readers: every one is read, or refused by an error of the package.

PYTHONPATH=.:tests python tests/fuzz/fuzz_readers.py --cases=10000 --seed=0
"""

import gzip
import lzma
import os
import tempfile

import numpy as np
from fuzz.many_cases import main, run_cases

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import detect_format
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.data.sources import Reader, Source
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.registry import open_tokenizer

MEMORY = 1 << 30  # bytes that all cases together may add to the peak
WORDS = [
    "Berlin",
    "der",
    "नई",
    "دلی",
    "東京",
    "e\u0301",
    "\u200b",
    "\x0b",
    "[SEP]",
    "a" * 150,
    "##s",
    "",
]
TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-", "B-", "X", "en:O", "de:B-ORG", "[PAD]", "-", ""]
SEPARATORS = ["\t", " ", "\t\t", "  ", "", "\u2028"]
ENDS = ["\n", "\r\n", "\r", "\n\n", "\x00\n", "\n \n"]


def sensible(rng: np.random.Generator) -> bytes:
    """A file that is nearly right."""
    lines = []
    for _ in range(rng.integers(1, 30)):
        many = int(rng.integers(1, 6)) if rng.random() < 0.5 else 1
        words, tags = (" ".join(rng.choice(names, many)) for names in (WORDS, TAGS))
        lines.append(words + rng.choice(SEPARATORS) + tags + rng.choice(ENDS))
    return "".join(lines).encode("utf-8")


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with one kind of damage."""
    kind = rng.integers(9)
    if kind == 0:  # random bytes all over
        return rng.bytes(int(rng.integers(0, 400)))
    if kind == 1:  # truncated, perhaps inside a character
        return content[: int(rng.integers(0, len(content) + 1))]
    if kind == 2:  # altered bytes
        changed = bytearray(content or b"x")
        for place in rng.integers(0, len(changed), 3):
            changed[place] = rng.integers(256)
        return bytes(changed)
    if kind == 3:
        return b"\xef\xbb\xbf" * int(rng.integers(1, 3)) + content
    if kind == 4:
        return content.decode("utf-8", "replace").encode(
            str(rng.choice(["utf-16", "utf-32", "utf-7"]))
        )
    if kind == 5:  # a sentence, or a line, without an end
        return content + str(rng.choice(["a\tO\n", "a ", "\t", "x"])).encode() * 6000
    if kind == 6 and rng.random() < 0.02:  # more than a line may have
        return content + b"giant" * 2_100_000
    if kind == 7:
        return content.replace(b"\t", b"")
    return content


def packed(content: bytes, rng: np.random.Generator) -> bytes:
    """Now and then compressed, and now and then damaged after that."""
    kind = rng.integers(6)
    if kind > 1:
        return content
    compressed = (gzip.compress, lzma.compress)[kind](content)
    return damaged(compressed, rng) if rng.random() < 0.5 and len(content) < 10**6 else compressed


def read(path: str, rng: np.random.Generator, tokenizer: Tokenizer) -> None:
    """Reads a file as training would."""
    task = str(rng.choice(["ner", "classification"]))
    unlabeled = bool(rng.random() < 0.3)
    file_format = detect_format(path, task, unlabeled)
    if rng.random() < 0.3:  # the user names another
        names = ["conll", "tsv", "text"] if task == "ner" else ["classification", "text"]
        file_format = str(rng.choice(names))
    config = DataConfig(task=task, repair_iob2=bool(rng.random() < 0.5), max_words=5000)
    reader, sources = Reader(config), [Source(path, "", file_format)]
    scan = reader.scan("train", sources)
    words = [example.words for example in reader.examples(sources)]
    for sentence, pieces in zip(words, tokenizer.encode(words), strict=True):
        assert len(pieces.first) == len(sentence)
        assert pieces.first.max(initial=0) < len(pieces.ids)
    assert len(scan) == len(words)


def run(cases: int, seed: int) -> dict[str, int]:
    """Tries so many files; see `run_cases`."""
    tokenizer = open_tokenizer(vocabulary_dir())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "train.tsv")

        def try_one(rng: np.random.Generator) -> None:
            with open(path, "wb") as file:
                file.write(packed(damaged(sensible(rng), rng), rng))
            read(path, rng, tokenizer)

        return run_cases("read", try_one, cases, seed, MEMORY)


if __name__ == "__main__":
    main(__doc__, run)

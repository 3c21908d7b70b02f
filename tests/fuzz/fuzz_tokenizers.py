"""Altered files of tokenizers: each folder is opened and reads text, or is refused by an error of
the package. Libraries in C++ read what is not refused, so that a miss can end the process.

PYTHONPATH=.:tests python tests/fuzz/fuzz_tokenizers.py --cases=10000 --seed=0
"""

import os
import tempfile

import numpy as np
from fuzz.many_cases import main, run_cases
from golden_tokenizers import copied, golden

from xtremedistil.tokenization.registry import open_tokenizer

MEMORY = 1 << 30  # bytes that all cases together may add to the peak
SETTINGS, ADDED = "tokenizer_config.json", "added_tokens.json"
LISTED = ("vocab.json", "merges.txt", SETTINGS, ADDED)
# A golden folder, and the files of it that are there.
FOLDERS = (
    ("unigram-xlm-roberta", ("sentencepiece.bpe.model", SETTINGS, ADDED)),
    ("unigram-deberta", ("spm.model", "tokenizer.json", SETTINGS)),
    ("unigram-camembert", ("tokenizer.json", SETTINGS)),
    ("bytes-roberta", LISTED),
    ("bytes-modernbert", ("tokenizer.json", SETTINGS)),
    ("fallback-gemma", ("tokenizer.json", SETTINGS)),
)


def altered(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with one kind of damage."""
    kind, place = rng.integers(4), int(rng.integers(len(content)))
    if kind == 0:  # truncated
        return content[:place]
    if kind == 1:  # some bytes lost
        return content[:place] + content[place + int(rng.integers(200)) :]
    changed = bytearray(content)
    if kind == 2:  # a bit turned over
        changed[place] ^= 1 << int(rng.integers(8))
    else:  # altered bytes
        for at in rng.integers(0, len(changed), 4):
            changed[at] = rng.integers(256)
    return bytes(changed)


def run(cases: int, seed: int) -> dict[str, int]:
    """Tries so many folders; see `run_cases`."""
    words = [row["text"] for row in golden(FOLDERS[0][0])["rows"]]
    with tempfile.TemporaryDirectory() as top:
        for name, names in FOLDERS:
            os.mkdir(f"{top}/{name}")
            copied(f"{top}/{name}", name, *names)

        def try_one(rng: np.random.Generator) -> None:
            name, names = FOLDERS[rng.integers(len(FOLDERS))]
            path = os.path.join(top, name, str(rng.choice(names)))
            with open(path, "rb") as file:
                content = file.read()
            try:
                with open(path, "wb") as file:
                    file.write(altered(content, rng))
                tokenizer = open_tokenizer(f"{top}/{name}")
                (pieces,) = tokenizer.encode([words])
                assert len(pieces.first) == len(words)
                assert 0 <= pieces.ids.min() <= pieces.ids.max() < len(tokenizer)
            finally:
                with open(path, "wb") as file:
                    file.write(content)

        return run_cases("opened", try_one, cases, seed, MEMORY)


if __name__ == "__main__":
    main(__doc__, run)

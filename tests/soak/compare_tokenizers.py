"""The in-graph tokenizer against the training tokenizer, on every text of a folder of real data.

PYTHONPATH=.:tests python tests/soak/compare_tokenizers.py --data=DIR --vocabulary=DIR [...]

DIR is laid out as `shared_data` of tests/conftest.py; a vocabulary is a Hugging Face folder. Words
are those of training data, and, of the same texts, those of raw text.
"""

import argparse
import glob
import itertools
import os
import sys
import time
from collections.abc import Iterator

import tensorflow as tf
from test_text import Pair

from xtremedistil.data.formats import read_examples
from xtremedistil.serving.graph.registry import graph_tokenizer
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.raw_words import find_words
from xtremedistil.tokenization.registry import open_tokenizer

_BATCH = 4000


def main() -> int:
    """Compares, and says what it saw; 0 where nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--vocabulary", action="append", required=True)
    arguments = parser.parse_args()
    if not os.path.isdir(arguments.data):
        print(f"not run: no real data at {arguments.data}")
        return 0
    failures = 0
    for folder in arguments.vocabulary:
        rules = open_tokenizer(folder)
        pair, raw = Pair(rules), _raw(rules)
        for path, kind in _files(arguments.data):
            start = time.perf_counter()
            texts = pieces = different = 0
            lines = _texts(path, kind)
            while batch := list(itertools.islice(lines, _BATCH)):
                texts += len(batch)
                pieces += int(tf.size(pair.run(tf.constant(batch))[1].values))
                different += len(pair.differences(batch)) + _other_words(raw, batch)
            failures += different
            print(
                f"{path}: {texts:,} texts, {pieces:,} wordpieces, {different} different, "
                f"{time.perf_counter() - start:.0f} s",
                flush=True,
            )
    return min(failures, 1)


def _files(data: str) -> list[tuple[str, str]]:
    """Every split of every data set, with its format."""
    found = [(path, "conll") for path in glob.glob(f"{data}/wikiann/*/*.tsv")]
    names = ("sst2/train", "sst2/dev", "ag_news/train", "ag_news/test")
    found += [(f"{data}/{name}.tsv", "classification") for name in names]
    found += [(f"{data}/xd_sample/{name}_small.tsv", "lines") for name in ("dev", "test")]
    return sorted(found)


def _texts(path: str, kind: str) -> Iterator[str]:
    if kind != "lines":
        yield from (" ".join(example.words) for example in read_examples(path, kind))
        return
    # One row has an empty token, which is no labeled example, but a text.
    with open(path, encoding="utf-8", newline="\n") as file:
        yield from (line.split("\t")[0] for line in file)


def _raw(rules: Tokenizer) -> tf.types.experimental.GenericFunction:
    tokenizer = graph_tokenizer(rules)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def run(texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        words = tokenizer.words(texts, raw=True)
        return words.starts, words.ends

    return run


def _other_words(raw: tf.types.experimental.GenericFunction, texts: list[str]) -> int:
    """How many texts have other words in the graph than in Python."""
    rows = zip(*(part.to_list() for part in raw(tf.constant(texts))), strict=True)
    return sum(
        list(zip(starts, ends, strict=True)) != find_words(text)
        for text, (starts, ends) in zip(texts, rows, strict=True)
    )


if __name__ == "__main__":
    sys.exit(main())

"""Trains the WordPiece vocabulary of the default teacher on the sample corpus.

Cased, accents kept, as the multilingual cased BERT. Only training and transfer sentences are read:
the names of the test set are spelled in pieces that it had no part in choosing. `python -m
xtremedistil.data.sample.vocabulary --output_dir=DIR` makes one like the one in `wordpiece/`; the
`tokenizers` library breaks ties between pieces at random, so some rare pieces differ each time.
"""

import os
from collections.abc import Iterator

from absl import app, flags

from xtremedistil.data.formats import read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir
from xtremedistil.runtime import files
from xtremedistil.tokenization.wordpiece import WordPiece

SIZE = 8000


def train_vocabulary(corpus: str, size: int = SIZE) -> WordPiece:
    """The rules of a WordPiece tokenizer for the corpus.

    Args:
        corpus: its folder.
        size: pieces, the special ones included.
    """
    return WordPiece.train(_sentences(corpus), size)


def _sentences(corpus: str) -> Iterator[str]:
    for language in LANGUAGES:
        for name, file_format in (("train.tsv.xz", "conll"), ("transfer.txt.xz", "text")):
            for example in read_examples(os.path.join(corpus, language, name), file_format):
                yield " ".join(example.words)


def main(argv: list[str]) -> None:
    """Writes the vocabulary's folder."""
    del argv
    folder = flags.FLAGS.output_dir
    files.make_folder(folder)
    train_vocabulary(corpus_dir()).save(folder)


if __name__ == "__main__":
    flags.DEFINE_string("output_dir", None, "Folder to write.", required=True)
    app.run(main)

"""The embedded sample corpus: synthetic NER sentences in the 41 languages of the paper.

The paper trains on WikiAnn (Rahimi et al., 2019). This corpus stands in for it wherever a run must
work offline: in the tests, in the quick start, in CI. It has the same 41 languages (Table 17), the
same tags (IOB2 with LOC, ORG and PER) and the same habit of tokenization (punctuation is a token),
but **it is synthetic, and no score on it says anything about WikiAnn**:

* the patterns of sentences, organizations and places in `templates/` were written for this project;
* person names come from Faker's locale providers and from lists of common names in `templates/`;
* countries and cities come from the Unicode CLDR, as shipped with Babel, and from lists of towns,
  rivers and regions in `templates/`;
* what the sentences say (who was born where, who won) is drawn at random and is not true.

`corpus/LANG/{train,dev,test}.tsv.xz` have a `token<TAB>tag` line for each token and an empty line
after each sentence; `corpus/LANG/transfer.txt.xz` has an unlabeled sentence a line. No entity of a
test set occurs in any other set of any language; `names.py` explains how.
`python -m xtremedistil.data.sample.generate --output_dir=DIR` builds the corpus again; only that
needs Faker and Babel. This package itself imports nothing but the standard library.
"""

import os

# In the order of Table 17 of the paper.
_CODES = (
    "af hi sq bn lt lv mk tl bs et sl ta ar bg ca cs da de el en es fa fi fr he hr hu id it ms nl "
    "no pl pt ro ru sk sv tr uk vi"
)
LANGUAGES = tuple(_CODES.split())


def corpus_dir() -> str:
    """Path of the packaged corpus: a folder per language, and `manifest.json`."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def vocabulary_dir() -> str:
    """Path of the packaged WordPiece vocabulary of the default teacher."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "wordpiece")

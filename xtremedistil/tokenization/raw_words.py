"""Where the words of raw text are: one regular expression, read alike by Python and by RE2.

Training words are what white space separates, because training text is tokenized. Raw text is not:
"(Paris)," would be one word. So, in raw text:

1. white space separates words, as in training;
2. a CJK ideograph is a word by itself;
3. each punctuation character at either edge of what is left is a word by itself; inside a word
   ("Jean-Pierre", "3.14", "l'Oise") it stays;
4. but a run of one of . - ' ` * = is one word, there ("...", "--", "''", "==");
5. and single letters that each have a period ("J.", "U.S.") are one word, periods and all.

The rule is the same for every tokenizer, which then reads each word by itself. WordPiece splits at
ideographs and punctuation anyway, so the pieces that the model reads are those of the whole text
whatever the words; only where a tag is read differs. Unigram and BPE put a space before every word,
so "Paris," is read as "Paris ," is in tokenized text, and not as these tokenizers read raw text.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from xtremedistil.tokenization.words import WHITESPACE, WORD, is_split_off

# What `tokenizers` takes for CJK ideographs and surrounds by spaces (0x2B820 to 0x2B91F are not
# among them there).
IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
# BERT counts every ASCII symbol as punctuation, beside Unicode's own.
_ASCII_SYMBOLS = frozenset(c for c in range(33, 127) if not chr(c).isalnum())
# Tokenized text has runs of these as one word: in 27 languages of WikiAnn 187,000 times, and 500
# times as several; runs of other characters are several words there.
_RUNS = ".-'`*="
# Part of what data was made from: other words, other data.
WORD_RULE = "runs whole"
# From here on Unicode has neither letters nor punctuation (a test looks): planes 4 to 13 are empty,
# 14 has tags, and the last two are for private use.
_NO_MORE_WORDS = 0x40000
# And from here on no punctuation: planes 2 and 3 are ideographs and nothing (the test looks too).
_NO_MORE_PUNCTUATION = 0x20000
Ranges = tuple[tuple[int, int], ...]


def ranges(code_points: Iterable[int]) -> Ranges:
    """The first and last of each run of code points."""
    points = np.fromiter(code_points, np.int64)
    present = np.zeros(points.max(initial=-1) + 1, bool)
    present[points] = True
    return _runs(present)


def _runs(present: np.ndarray) -> Ranges:
    """The first and last of each run of what is true."""
    edges = np.flatnonzero(np.diff(present, prepend=False, append=False)).tolist()
    return tuple((begin, end - 1) for begin, end in zip(edges[::2], edges[1::2], strict=True))


def re2_class(runs: Ranges) -> str:
    """The inside of an RE2 character class."""
    return "".join(f"\\x{{{a:X}}}-\\x{{{b:X}}}" for a, b in runs)


def _python_class(runs: Ranges) -> str:
    # the characters themselves: their numbers take longer to read
    return "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in runs)


@dataclass(frozen=True)
class _Classes:
    """Insides of character classes, in the syntax of one engine."""

    ideograph: str
    punctuation: str
    letter: str

    def pattern(self) -> str:
        """A word of raw text."""
        inside = f"[^{WHITESPACE}{self.ideograph}]"
        core = f"[^{WHITESPACE}{self.ideograph}{self.punctuation}]"
        runs = "|".join(f"{re.escape(symbol)}{{2,}}" for symbol in _RUNS)
        return (
            rf"(?:[{self.letter}]\.)+|{core}(?:{inside}*{core})?"
            f"|{runs}|[{self.punctuation}]|[{self.ideograph}]"
        )


@functools.cache
def _ranges_of_classes() -> tuple[Ranges, Ranges]:
    """Punctuation, and letters that are no ideographs."""
    # Asking for the category of every character takes longer than all else that is done here.
    text = np.arange(_NO_MORE_WORDS, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    punctuation = {
        ord(character)
        for character in re.findall(r"\W", text[:_NO_MORE_PUNCTUATION])
        if unicodedata.category(character)[0] == "P" and is_split_off(character)
    }
    letters = np.zeros(len(text), bool)
    for run in re.finditer(r"[^\W_]+", text):
        if run[0].isalpha():
            letters[slice(*run.span())] = True
        else:  # digits among them
            letters[slice(*run.span())] = [*map(str.isalpha, run[0])]
    for first, last in IDEOGRAPHS:
        letters[first : last + 1] = False
    return ranges(punctuation | _ASCII_SYMBOLS), _runs(letters)


def re2_word() -> str:
    """A word of raw text, for RE2; leftmost-first, as Python matches."""
    punctuation, letters = _ranges_of_classes()
    return _Classes(re2_class(IDEOGRAPHS), re2_class(punctuation), re2_class(letters)).pattern()


@functools.cache
def _python_word() -> re.Pattern:
    punctuation, letters = _ranges_of_classes()
    classes = (_python_class(runs) for runs in (IDEOGRAPHS, punctuation, letters))
    return re.compile(_Classes(*classes).pattern())


def find_words(text: str, pretokenized: bool = False) -> list[tuple[int, int]]:
    """The first character of each word of raw text, and the one after its last.

    Args:
        text: raw text.
        pretokenized: white space alone separates words, as in training data.
    """
    word = WORD if pretokenized else _python_word()
    return [match.span() for match in word.finditer(text)]

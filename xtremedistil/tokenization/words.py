"""Words, before any tokenizer sees them: what white space separates, and what is punctuation."""

import re

from tokenizers import pre_tokenizers

# What BERT's text cleaning turns into a space (measured on every code point). Words are separated
# alike for every tokenizer, so that training and serving, and all students, agree on them.
WHITESPACE = "\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
WORD = re.compile(f"[^{WHITESPACE}]+")


def split_words(text: str) -> list[str]:
    """The words of a text: what white space separates."""
    return WORD.findall(text)


def is_split_off(character: str) -> bool:
    """Whether a character is a token of its own wherever it stands.

    The `tokenizers` library decides, because its Unicode tables are not Python's.
    """
    return len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str(f"a{character}")) == 2

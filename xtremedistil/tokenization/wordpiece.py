"""Words to wordpieces, and the first piece of each word: the alignment lives here and nowhere else.

Student and teacher read the same pieces (Section 3), so a checkpoint's own WordPiece rules are
taken from its folder: vocabulary, casing, accents, spaces around CJK characters. The tokenizer is
rebuilt from those rules, without the checkpoint's "added tokens": text that spells "[SEP]" is text,
not a marker. A word that tokenization would delete altogether (a lone control character, say)
becomes one unknown piece, so that every word keeps its tag.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError

# What BERT's text cleaning turns into a space (measured on every code point).
WHITESPACE = "\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
WORD = re.compile(f"[^{WHITESPACE}]+")
_BATCH = 1024


def split_words(text: str) -> list[str]:
    """The words of a text: what white space separates."""
    return WORD.findall(text)


@dataclass(frozen=True)
class Pieces:
    """A sentence in wordpieces.

    Attributes:
        ids: `(length,)` int32 ids in the full vocabulary, [CLS] and [SEP] included.
        first: `(words,)` int32 positions in `ids` of the first piece of each word.
    """

    ids: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class WordPiece:
    """The WordPiece rules of one checkpoint.

    Attributes:
        vocabulary: every piece, in the order of the ids.
        lowercase: fold case.
        strip_accents: decompose characters and drop the marks.
        split_chinese: put spaces around CJK ideographs.
        clean_text: drop control characters.
        max_word_characters: a longer word is one unknown piece.
    """

    vocabulary: tuple[str, ...]
    lowercase: bool = False
    strip_accents: bool = False
    split_chinese: bool = True
    clean_text: bool = True
    max_word_characters: int = 100
    unknown: str = "[UNK]"
    pad: str = "[PAD]"
    cls: str = "[CLS]"
    sep: str = "[SEP]"
    mask: str = "[MASK]"

    def __post_init__(self) -> None:
        missing = [
            piece
            for piece in (self.unknown, self.pad, self.cls, self.sep)
            if piece not in self._index
        ]
        if missing:
            raise CheckpointError(
                "a WordPiece vocabulary needs its special tokens. Received: "
                f"{len(self.vocabulary)} pieces without {', '.join(missing)}"
            )
        if self._index[self.pad] != 0:  # batches are padded with zeros
            raise CheckpointError(
                f"padding must be piece 0. Received: {self.pad} is piece {self._index[self.pad]}"
            )

    @classmethod
    def from_folder(cls, folder: str, strip_accents: str = "checkpoint") -> "WordPiece":
        """Reads `tokenizer.json`, or `vocab.txt` with `tokenizer_config.json`.

        Args:
            folder: a Hugging Face model folder.
            strip_accents: `checkpoint`, or `yes` or `no` to override the checkpoint's rule.

        Raises:
            CheckpointError: the folder has no tokenizer, or one that is not WordPiece.
        """
        whole, listed = os.path.join(folder, "tokenizer.json"), os.path.join(folder, "vocab.txt")
        settings_file = os.path.join(folder, "tokenizer_config.json")
        settings = files.read_json(settings_file) if files.exists(settings_file) else {}
        named = _special_tokens(settings)
        if files.exists(whole):
            tokenizer = cls(**{**_from_tokenizer_json(files.read_json(whole), whole), **named})
        elif files.exists(listed):
            text = files.read_bytes(listed).decode("utf-8").removesuffix("\n")
            lowercase = bool(settings.get("do_lower_case", True))  # the default of BertTokenizer
            accents = settings.get("strip_accents")
            tokenizer = cls(
                vocabulary=tuple(line.removesuffix("\r") for line in text.split("\n")),
                lowercase=lowercase,
                strip_accents=lowercase if accents is None else bool(accents),
                split_chinese=bool(settings.get("tokenize_chinese_chars", True)),
                clean_text=bool(settings.get("clean_text", True)),
                max_word_characters=int(settings.get("max_input_chars_per_word", 100)),
                **named,
            )
        else:
            raise CheckpointError(
                f"{folder}: neither tokenizer.json nor vocab.txt. The teacher must be a WordPiece "
                f"BERT. Received: {', '.join(files.list_folder(folder)) or 'an empty folder'}"
            )
        if strip_accents != "checkpoint":
            tokenizer = dataclasses.replace(tokenizer, strip_accents=strip_accents == "yes")
        return tokenizer

    def save(self, folder: str) -> tuple[str, ...]:
        """Writes the rules as `vocab.txt` and `tokenizer_config.json`, which `from_folder` and
        Hugging Face read.

        Returns:
            The names of the files.
        """
        vocabulary = "".join(f"{piece}\n" for piece in self.vocabulary)
        files.write_bytes(os.path.join(folder, "vocab.txt"), vocabulary.encode("utf-8"))
        settings = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lowercase,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": self.split_chinese,
            "clean_text": self.clean_text,
            "max_input_chars_per_word": self.max_word_characters,
            "unk_token": self.unknown,
            "pad_token": self.pad,
            "cls_token": self.cls,
            "sep_token": self.sep,
            "mask_token": self.mask,
        }
        files.write_json(os.path.join(folder, "tokenizer_config.json"), settings)
        return ("vocab.txt", "tokenizer_config.json")

    @cached_property
    def _index(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self.vocabulary)}

    def id_of(self, piece: str) -> int:
        """The id of a piece that is in the vocabulary."""
        return self._index[piece]

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids of the special tokens, padding first."""
        specials = (self.pad, self.unknown, self.cls, self.sep, self.mask)
        return tuple(self._index[piece] for piece in specials if piece in self._index)

    @property
    def fingerprint(self) -> str:
        """Stands for the rules and the whole vocabulary."""
        return files.fingerprint(dataclasses.asdict(self))

    @cached_property
    def normalizer(self) -> normalizers.Normalizer:
        """The steps before splitting, as Hugging Face's `tokenizers` runs them."""
        return normalizers.BertNormalizer(
            clean_text=self.clean_text,
            handle_chinese_chars=self.split_chinese,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )

    @cached_property
    def _tokenizer(self) -> tokenizers.Tokenizer:
        model = models.WordPiece(
            self._index, unk_token=self.unknown, max_input_chars_per_word=self.max_word_characters
        )
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = self.normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return tokenizer

    def encode(self, sentences: Iterable[Sequence[str]]) -> Iterator[Pieces]:
        """Sentences in wordpieces, one after the other, in constant memory.

        Args:
            sentences: the words of each.

        Yields:
            `Pieces`, in order.
        """
        batch = []
        for words in sentences:
            batch.append(words)
            if len(batch) == _BATCH:
                yield from self._encode_batch(batch)
                batch = []
        yield from self._encode_batch(batch)

    def _encode_batch(self, batch: list[Sequence[str]]) -> Iterator[Pieces]:
        cls, sep, unknown = (self._index[piece] for piece in (self.cls, self.sep, self.unknown))
        encodings = self._tokenizer.encode_batch(
            batch, is_pretokenized=True, add_special_tokens=False
        )
        for words, encoding in zip(batch, encodings, strict=True):
            ids = np.array(encoding.ids, np.int32)
            word_of = np.array(encoding.word_ids, np.int64)
            first = _changes(word_of)
            if len(first) != len(
                words
            ):  # some words vanished: each gets an unknown piece in its place
                lost = np.setdiff1d(np.arange(len(words)), word_of)
                ids = np.insert(ids, np.searchsorted(word_of, lost), unknown)
                word_of = np.sort(np.concatenate([word_of, lost]), kind="stable")
                first = _changes(word_of)
            whole = np.empty(len(ids) + 2, np.int32)
            whole[0], whole[1:-1], whole[-1] = cls, ids, sep
            yield Pieces(whole, (first + 1).astype(np.int32))


def _changes(word_of: np.ndarray) -> np.ndarray:
    """Positions of pieces whose word is not that of the piece before (np.diff is slow on few)."""
    begins = np.ones(len(word_of), bool)
    np.not_equal(word_of[1:], word_of[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _special_tokens(settings: dict) -> dict[str, str]:
    names = {
        "unknown": "unk_token",
        "pad": "pad_token",
        "cls": "cls_token",
        "sep": "sep_token",
        "mask": "mask_token",
    }
    found = {}
    for ours, theirs in names.items():
        token = settings.get(theirs)
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            found[ours] = token
    return found


def _from_tokenizer_json(content: dict, path: str) -> dict:
    """The arguments of `WordPiece` that a `tokenizer.json` gives."""
    model, normalizer = content.get("model") or {}, content.get("normalizer") or {}
    splitter = (content.get("pre_tokenizer") or {}).get("type")
    kinds = (
        model.get("type", "WordPiece" if "max_input_chars_per_word" in model else None),
        normalizer.get("type"),
    )
    if kinds != ("WordPiece", "BertNormalizer") or splitter != "BertPreTokenizer":
        raise CheckpointError(
            f"{path}: the teacher must be a WordPiece BERT (its tokenizer: WordPiece, "
            "BertNormalizer, BertPreTokenizer); SentencePiece and BPE models such as XLM-R are "
            f"not read. Received: {kinds[0]}, {kinds[1]}, {splitter}"
        )
    if model.get("continuing_subword_prefix", "##") != "##":
        raise CheckpointError(
            f"{path}: continuing pieces must begin with '##'. Received: "
            f"{model['continuing_subword_prefix']!r}"
        )
    lowercase, accents = bool(normalizer.get("lowercase", True)), normalizer.get("strip_accents")
    ids = model["vocab"]
    vocabulary = [""] * (max(ids.values()) + 1)
    for piece, i in ids.items():
        vocabulary[i] = piece
    return {
        "vocabulary": tuple(vocabulary),
        "lowercase": lowercase,
        "strip_accents": lowercase if accents is None else bool(accents),
        "split_chinese": bool(normalizer.get("handle_chinese_chars", True)),
        "clean_text": bool(normalizer.get("clean_text", True)),
        "max_word_characters": int(model.get("max_input_chars_per_word", 100)),
        "unknown": model.get("unk_token", "[UNK]"),
    }

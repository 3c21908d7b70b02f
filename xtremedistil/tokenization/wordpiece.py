"""WordPiece with BERT's rules: vocabulary, casing, accents, spaces around CJK characters.

A checkpoint's rules are taken from its folder, and the tokenizer is rebuilt from them, without the
checkpoint's "added tokens": text that spells "[SEP]" is text, not a marker.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, trainers

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.tokenization.base import SpecialIds, Tokenizer
from xtremedistil.tokenization.kind import TokenizerFolder, TokenizerKind
from xtremedistil.tokenization.settings import SETTINGS, WHOLE, check_alike, named_tokens

_LISTED = "vocab.txt"
_CONTINUING = "##"
# A vocabulary whose case is folded may have a few letters that Python folds and its maker did not.
_CAPITALS_OF_FOLDED = 1e-3
# Our field <- its name in tokenizer_config.json.
_TOKENS = {
    "unknown": "unk_token",
    "pad": "pad_token",
    "cls": "cls_token",
    "sep": "sep_token",
    "mask": "mask_token",
}


@dataclass(frozen=True)
class WordPiece(Tokenizer):
    """The WordPiece rules of one checkpoint.

    Attributes:
        vocabulary: every piece, in the order of the ids in the checkpoint.
        lowercase: fold case.
        strip_accents: decompose characters and drop the marks.
        split_chinese: put spaces around CJK ideographs.
        clean_text: drop control characters.
        max_word_characters: a longer word is one unknown piece.
    """

    kind: ClassVar[str] = "wordpiece"

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

    @classmethod
    def from_folder(cls, folder: TokenizerFolder, strip_accents: str = "checkpoint") -> "WordPiece":
        """Reads `tokenizer.json`, or `vocab.txt`, with `tokenizer_config.json`.

        Args:
            folder: a Hugging Face model folder.
            strip_accents: `checkpoint`, or `yes` or `no` to override the checkpoint's rule.

        Raises:
            CheckpointError: the rules are not BERT's.
        """
        settings = folder.read_json(SETTINGS)
        if WHOLE in folder.names:
            rules = _from_tokenizer_json(folder.read_json(WHOLE), folder.path(WHOLE))
            if _LISTED in folder.names:
                listed = _lines(folder.read_bytes(_LISTED))
                check_alike(rules["vocabulary"], listed, folder, _LISTED)
        else:
            rules = _from_listed(folder.read_bytes(_LISTED), settings, folder.path(_LISTED))
        tokenizer = cls(**{**rules, **_special_tokens(settings)})
        if strip_accents != "checkpoint":
            tokenizer = dataclasses.replace(tokenizer, strip_accents=strip_accents == "yes")
        return tokenizer

    @classmethod
    def train(cls, sentences: Iterable[str], size: int) -> "WordPiece":
        """Cased rules, with accents kept, whose vocabulary is trained on sentences.

        Args:
            sentences: raw text, one sentence after the other.
            size: pieces, the special ones included. The `tokenizers` library breaks ties between
                pieces at random, so some rare ones differ each time.
        """
        specials = [cls.pad, cls.unknown, cls.cls, cls.sep, cls.mask]
        tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token=cls.unknown))
        tokenizer.normalizer = cls(tuple(specials)).normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=size, special_tokens=specials, show_progress=False
        )
        tokenizer.train_from_iterator(sentences, trainer)
        ids = tokenizer.get_vocab()
        return cls(tuple(sorted(ids, key=ids.get)))

    def save(self, folder: str) -> tuple[str, ...]:
        vocabulary = "".join(f"{piece}\n" for piece in self.vocabulary)
        files.write_bytes(os.path.join(folder, _LISTED), vocabulary.encode("utf-8"))
        settings = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lowercase,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": self.split_chinese,
            "clean_text": self.clean_text,
            "max_input_chars_per_word": self.max_word_characters,
            **{theirs: getattr(self, ours) for ours, theirs in _TOKENS.items()},
        }
        files.write_json(os.path.join(folder, SETTINGS), settings)
        return KIND.saves

    def __len__(self) -> int:
        return len(self.vocabulary)

    @cached_property
    def _index(self) -> dict[str, int]:
        return dict(zip(self.vocabulary, range(len(self.vocabulary)), strict=True))

    @cached_property
    def checkpoint_specials(self) -> SpecialIds:
        pieces = (self.pad, self.unknown, self.cls, self.sep)
        return SpecialIds(*(self._index[p] for p in pieces), self._index.get(self.mask))

    @cached_property
    def renumbered(self) -> tuple[str, ...]:
        """Every piece, in the order of the ids that are used here."""
        return tuple(self.vocabulary[i] for i in self.checkpoint_ids)

    def surface(self, piece: int) -> str:
        return self.vocabulary[self.checkpoint_ids[piece]].removeprefix(_CONTINUING)

    def continues_word(self, piece: int) -> bool:
        return self.vocabulary[self.checkpoint_ids[piece]].startswith(_CONTINUING)

    @property
    def casing(self) -> str:
        """See the base class."""
        case = "folded" if self.lowercase else "kept"
        return f"case {case}, accents {'removed' if self.strip_accents else 'kept'}"

    @property
    def fingerprint(self) -> str:
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

    def encode_words(
        self, sentences: Sequence[Sequence[str]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        encodings = self._tokenizer.encode_batch(
            sentences, is_pretokenized=True, add_special_tokens=False
        )
        for encoding in encodings:
            yield np.array(encoding.ids, np.int32), np.array(encoding.word_ids, np.int64)


def _special_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """The arguments of `WordPiece` that name its special pieces, where a checkpoint names them."""
    named = named_tokens(settings)
    return {ours: named[theirs] for ours, theirs in _TOKENS.items() if theirs in named}


def _lines(content: bytes) -> tuple[str, ...]:
    """The pieces of `vocab.txt`."""
    text = content.decode("utf-8").removesuffix("\n")
    return tuple(text.removesuffix("\r").replace("\r\n", "\n").split("\n"))


def _folds_case(told: object, vocabulary: Sequence[str], path: str) -> bool:
    """Whether case is folded: as the settings say, else as the vocabulary does.

    Where no setting is there, Hugging Face's tokenizer folds case, and every piece with a capital
    is lost: so a vocabulary that has them is taken for a cased one.

    Args:
        told: the setting, or None.
        vocabulary: every piece.
        path: of the vocabulary, to name it.
    """
    from absl import logging  # here: a student's folder says whether, and is sooner loaded without

    capitals = [p for p in vocabulary if p != p.lower() and not (p[:1] == "[" and p[-1:] == "]")]
    cased = len(capitals) > _CAPITALS_OF_FOLDED * len(vocabulary)
    shown = f"{len(capitals):,} of its {len(vocabulary):,} pieces have capitals"
    if told is None:
        say, decided = (logging.warning, "kept") if cased else (logging.info, "folded")
        rule = "%s: no setting says whether case is folded (do_lower_case): it is %s, as %s"
        say(rule, path, decided, shown)
        return not cased
    if told and cased:
        logging.warning(
            "%s: do_lower_case is true, and %s, which no text can ever reach", path, shown
        )
    return bool(told)


def _from_listed(content: bytes, settings: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The arguments of `WordPiece` that `vocab.txt` and `tokenizer_config.json` give."""
    vocabulary = _lines(content)
    lowercase = settings.get("do_lower_case")
    lowercase = lowercase is not False and _folds_case(lowercase, vocabulary, path)
    accents = settings.get("strip_accents")
    return {
        "vocabulary": vocabulary,
        "lowercase": lowercase,
        "strip_accents": lowercase if accents is None else bool(accents),
        "split_chinese": bool(settings.get("tokenize_chinese_chars", True)),
        "clean_text": bool(settings.get("clean_text", True)),
        "max_word_characters": int(settings.get("max_input_chars_per_word", 100)),
    }


def _from_tokenizer_json(content: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The arguments of `WordPiece` that a `tokenizer.json` gives."""
    model, normalizer = content["model"], content.get("normalizer") or {}
    splitter = (content.get("pre_tokenizer") or {}).get("type")
    if normalizer.get("type") != "BertNormalizer" or splitter != "BertPreTokenizer":
        raise CheckpointError(
            f"{path}: WordPiece is read with the steps of BERT before it (BertNormalizer, "
            f"BertPreTokenizer). Received: {normalizer.get('type')}, {splitter}"
        )
    if model.get("continuing_subword_prefix", _CONTINUING) != _CONTINUING:
        raise CheckpointError(
            f"{path}: continuing pieces must begin with {_CONTINUING!r}. Received: "
            f"{model['continuing_subword_prefix']!r}"
        )
    accents, ids = normalizer.get("strip_accents"), model["vocab"]
    vocabulary = [""] * (max(ids.values()) + 1)
    for piece, i in ids.items():
        vocabulary[i] = piece
    lowercase = _folds_case(normalizer.get("lowercase"), vocabulary, path)
    return {
        "vocabulary": tuple(vocabulary),
        "lowercase": lowercase,
        "strip_accents": lowercase if accents is None else bool(accents),
        "split_chinese": bool(normalizer.get("handle_chinese_chars", True)),
        "clean_text": bool(normalizer.get("clean_text", True)),
        "max_word_characters": int(model.get("max_input_chars_per_word", 100)),
        "unknown": model.get("unk_token", WordPiece.unknown),
    }


def _recognises(folder: TokenizerFolder) -> bool:
    if WHOLE not in folder.names:
        return _LISTED in folder.names
    model = folder.read_json(WHOLE).get("model")
    if not isinstance(model, dict):
        return False
    unnamed = "WordPiece" if "max_input_chars_per_word" in model else None  # in older files
    return model.get("type", unnamed) == "WordPiece"


KIND = TokenizerKind(
    WordPiece.kind,
    (WHOLE, _LISTED, SETTINGS),
    (_LISTED, SETTINGS),
    _recognises,
    WordPiece.from_folder,
)

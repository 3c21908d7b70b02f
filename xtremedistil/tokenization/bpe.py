"""Byte-level BPE, and BPE whose unknown characters are spelled in bytes, by the `tokenizers`
library.

Such a tokenizer reads a word otherwise after a space than at the start of a text. Here every word
is read as it stands after a space, the first one too: it is how a teacher met nearly all words, the
pieces of a word do not depend on the words beside it, and it is what Hugging Face does with words
that are given apart (`add_prefix_space`).

The tokenizer is rebuilt without the checkpoint's added tokens: text that spells a marker is text.
"""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.tokenization.base import SpecialIds, Tokenizer, join_pieces
from xtremedistil.tokenization.kind import TokenizerFolder, TokenizerKind, refusing_malformed
from xtremedistil.tokenization.settings import (
    ADDED,
    NAMED,
    SETTINGS,
    WHOLE,
    added_tokens,
    check_alike,
    in_order,
    join_added,
    only_own_accents,
    settings_of,
    special_ids,
    split_sequence,
)

_LISTED, _MERGES = "vocab.json", "merges.txt"
_BYTE_LEVEL = "ByteLevel"
# Pieces of several characters that no merge makes: RoBERTa's table has three to fill it up.
_MOST_UNMADE = 16
# A space, as pieces spell it: in the alphabet of bytes, and in that of characters.
_SPACES = {True: "Ġ", False: "▁"}


@dataclass(frozen=True)
class BytePairs(Tokenizer):
    """The BPE of one checkpoint.

    Attributes:
        content: of `tokenizer.json`.
        rules: the steps in it, as JSON: normalizer, splitting, merges.
        steps: the same, opened.
        byte_level: pieces are of bytes; else of characters, and of bytes for unknown ones.
        before: what makes a word one after a space: nothing where the steps see to that.
        tokenizer_class: Hugging Face's name for such a tokenizer.
        vocabulary: every piece, in the order of the ids in the checkpoint, added tokens included.
        special: ids in the checkpoint.
    """

    kind: ClassVar[str] = "bpe"

    content: bytes = field(repr=False)
    rules: str = field(repr=False)
    steps: tokenizers.Tokenizer = field(repr=False, compare=False)
    byte_level: bool
    before: str
    tokenizer_class: str
    vocabulary: tuple[str, ...] = field(repr=False)
    special: SpecialIds

    @classmethod
    def from_folder(cls, folder: TokenizerFolder, strip_accents: str = "checkpoint") -> "BytePairs":
        """Reads `tokenizer.json`, or `vocab.json` and `merges.txt`.

        Args:
            folder: a Hugging Face model folder, or a student's.
            strip_accents: `checkpoint`, the only rule that there is.

        Raises:
            CheckpointError: a file is damaged, or its rules are not those of such a tokenizer.
            ConfigError: accents should be treated in another way than the checkpoint's.
        """
        only_own_accents(strip_accents)
        added = added_tokens(folder)
        if WHOLE in folder.names:
            path, content = folder.path(WHOLE), folder.read_bytes(WHOLE)
            whole = folder.read_json(WHOLE)
        else:
            path = folder.path(_LISTED)
            content = _from_listed(folder, added)
            whole = json.loads(content)
        with refusing_malformed(path):
            byte_level = _check(whole, path)
            ids = join_added(whole["model"]["vocab"], added, path)
            vocabulary = in_order(ids, path)
            if WHOLE in folder.names and _LISTED in folder.names:
                listed = in_order(folder.read_json(_LISTED), folder.path(_LISTED))
                check_alike(vocabulary, listed, folder, _LISTED)
            names = ("model", "normalizer", "pre_tokenizer")
            rules = json.dumps({name: whole.get(name) for name in names} | {"added_tokens": []})
            steps = tokenizers.Tokenizer.from_str(rules)
            return cls(
                content,
                rules,
                steps,
                byte_level,
                _find_before(steps, _SPACES[byte_level], path),
                folder.read_json(SETTINGS).get("tokenizer_class", "PreTrainedTokenizerFast"),
                vocabulary,
                special_ids(folder, ids),
            )

    def save(self, folder: str) -> tuple[str, ...]:
        files.write_bytes(os.path.join(folder, WHOLE), self.content)
        own = self.steps.get_vocab_size(with_added_tokens=False)
        settings = settings_of(self.tokenizer_class, self.vocabulary, self.special, own)
        # Words are read with a space before each, and Hugging Face's tokenizer must do so too.
        settings["add_prefix_space"] = True
        files.write_json(os.path.join(folder, SETTINGS), settings)
        return KIND.saves

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    def checkpoint_specials(self) -> SpecialIds:
        return self.special

    @cached_property
    def _decoder(self) -> decoders.Decoder:
        if self.byte_level:
            return decoders.ByteLevel()
        to_space = decoders.Replace(_SPACES[False], " ")
        return decoders.Sequence([to_space, decoders.ByteFallback(), decoders.Fuse()])

    def surface(self, piece: int) -> str:
        i = int(self.checkpoint_ids[piece])
        spelled = self.vocabulary[i]
        if i in self.special.all or not spelled:
            return spelled
        return self._decoder.decode([spelled]).removeprefix(" ")

    def continues_word(self, piece: int) -> bool:
        i = int(self.checkpoint_ids[piece])
        begins = self.vocabulary[i].startswith(_SPACES[self.byte_level])
        return i not in self.special.all and not begins

    @property
    def fingerprint(self) -> str:
        special = dataclasses.asdict(self.special)
        return files.fingerprint([self.kind, self.rules, special, self.vocabulary])

    def encode_words(
        self, sentences: Sequence[Sequence[str]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        words = list(dict.fromkeys(word for words in sentences for word in words))
        texts = [f"{self.before}{word}" for word in words]
        found = self.steps.encode_batch_fast(texts, add_special_tokens=False)
        pieces = {word: encoding.ids for word, encoding in zip(words, found, strict=True)}
        for sentence in sentences:
            yield join_pieces([pieces[word] for word in sentence])


def _check(whole: dict[str, Any], path: str) -> bool:
    """Whether a tokenizer is byte-level.

    Raises:
        CheckpointError: it is neither that nor one that spells unknown characters in bytes, or it
            is one whose pieces are drawn at random or marked in another way.
    """
    model = whole["model"]
    splits = [step["type"] for step in split_sequence(whole.get("pre_tokenizer"), "pretokenizers")]
    byte_level = _BYTE_LEVEL in splits
    marks = ("continuing_subword_prefix", "end_of_word_suffix", "dropout")
    marked = [f"{name}={model[name]!r}" for name in marks if model.get(name)]
    if marked or not (byte_level or model.get("byte_fallback")):
        raise CheckpointError(
            f"{path}: BPE is read where its pieces are bytes, or unknown characters are spelled "
            f"in bytes. Received: {', '.join(marked) or ', '.join(splits) or 'no steps'}, "
            f"byte_fallback={model.get('byte_fallback')!r}"
        )
    return byte_level


def _find_before(steps: tokenizers.Tokenizer, space: str, path: str) -> str:
    """What must stand before a word so that its first piece begins with a space.

    Raises:
        CheckpointError: not even a space does it.
    """
    for before in ("", " "):
        pieces = steps.encode(f"{before}a", add_special_tokens=False).tokens
        if pieces and pieces[0].startswith(space):
            return before
    raise CheckpointError(
        f"{path}: a word after a space must begin with a piece that begins with {space!r}. "
        f"Received: {pieces} for ' a'"
    )


def _from_listed(folder: TokenizerFolder, added: dict[str, int]) -> bytes:
    """The content of the `tokenizer.json` that `vocab.json` and `merges.txt` stand for."""
    path, ids = folder.path(_LISTED), folder.read_json(_LISTED)
    merges = _read_merges(folder, ids)
    with refusing_malformed(path):
        tokenizer = tokenizers.Tokenizer(models.BPE(vocab=ids, merges=merges))
        space = bool(folder.read_json(SETTINGS).get("add_prefix_space", False))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
        tokenizer.decoder = decoders.ByteLevel()
        vocabulary = in_order(join_added(ids, added, path), path)
        special = special_ids(folder, {piece: i for i, piece in enumerate(vocabulary)})
        markers = [(vocabulary[i], i) for i in (special.end, special.begin)]
        tokenizer.post_processor = processors.RobertaProcessing(*markers, add_prefix_space=space)
        for i, piece in enumerate(vocabulary):
            if i in special.all:
                tokenizer.add_special_tokens([piece])
            elif piece in added:
                tokenizer.add_tokens([piece])
            if piece in added and tokenizer.token_to_id(piece) != i:
                raise CheckpointError(
                    f"{path}: added tokens follow the vocabulary without a gap. Received: "
                    f"{piece!r} with id {i} after {len(ids)} pieces"
                )
    return tokenizer.to_str().encode("utf-8")


def _read_merges(folder: TokenizerFolder, ids: Mapping[str, int]) -> list[tuple[str, str]]:
    """The pairs of `merges.txt`, first to merge first.

    Args:
        folder: of the file.
        ids: of the vocabulary that they make.

    Raises:
        CheckpointError: a line is no pair, or many pieces are made by none.
    """
    path, content = folder.path(_MERGES), folder.read_bytes(_MERGES)
    with refusing_malformed(path):
        lines = content.decode("utf-8").split("\n")
    merges = []
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\r")
        if not line or (number == 1 and line.startswith("#version")):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or not all(pair):
            raise CheckpointError(
                f"{path}:{number}: a line has two pieces, separated by a space. Received: "
                f"{line[:80]!r}"
            )
        merges.append((pair[0], pair[1]))
    made = {f"{first}{second}" for first, second in merges}
    unmade = [piece for piece in ids if len(piece) > 1 and piece not in made]
    if len(unmade) > _MOST_UNMADE:
        raise CheckpointError(
            f"{path}: merges make every piece of {_LISTED} but a few; the file may be cut off. "
            f"Received: {len(merges)} merges, which do not make {len(unmade)} pieces, such as "
            f"{unmade[-1]!r}"
        )
    return merges


def _recognises(folder: TokenizerFolder) -> bool:
    if WHOLE not in folder.names:
        return _LISTED in folder.names and _MERGES in folder.names
    model = folder.read_json(WHOLE).get("model")
    if not isinstance(model, dict):
        return False
    unnamed = "BPE" if "merges" in model else None  # in older files
    return model.get("type", unnamed) == "BPE"


KIND = TokenizerKind(
    BytePairs.kind,
    (WHOLE, _LISTED, _MERGES, SETTINGS, NAMED, ADDED),
    (WHOLE, SETTINGS),
    _recognises,
    BytePairs.from_folder,
)

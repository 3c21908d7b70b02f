"""SentencePiece's Unigram model: the pieces of a word whose scores add up to the most.

The pieces are those of the `sentencepiece` library, because the op of tensorflow-text, which a
served graph holds, is the same code. The `tokenizers` library reads the same vocabulary otherwise
in a few places: it normalizes grapheme by grapheme where SentencePiece takes the longest match
(Vietnamese in decomposed letters, say), finds added tokens in text, and breaks ties of equal score
in another order. On 60,000 sentences of WikiAnn 3 differ.

Each word is tokenized by itself, so that each begins with its own space ("▁"). Text that spells a
marker or an added token is text.
"""

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.tokenization import sentencepiece_model
from xtremedistil.tokenization.base import SpecialIds, Tokenizer, join_pieces
from xtremedistil.tokenization.kind import TokenizerFolder, TokenizerKind, refusing_malformed
from xtremedistil.tokenization.settings import (
    ADDED,
    NAMED,
    SETTINGS,
    WHOLE,
    added_tokens,
    in_order,
    join_added,
    only_own_accents,
    settings_of,
    special_ids,
)
from xtremedistil.tokenization.unigram_rules import SPACE, UnigramRules

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

_FAIRSEQ, _PLAIN = "sentencepiece.bpe.model", "spm.model"
_MODELS = (_FAIRSEQ, _PLAIN, "spiece.model")
_CONFIG = "config.json"
# Words that take less time than the thread that the library starts for a list.
_FEW = 16


@dataclass(frozen=True)
class _Layout:
    """Where a checkpoint's table has the pieces of its model file.

    Attributes:
        offset: a checkpoint's id less SentencePiece's.
        first: what stands at the first ids, in place of the model's own.
        last: what follows the model's pieces, where nothing else names it.
    """

    offset: int
    first: tuple[str, ...]
    last: str


_XLM_ROBERTA = _Layout(1, ("<s>", "<pad>", "</s>", "<unk>"), "<mask>")
_CAMEMBERT = _Layout(4, ("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"), "<mask>")
_AS_IN_THE_MODEL = _Layout(0, (), "[MASK]")
_LAYOUTS = {
    "XLMRobertaTokenizer": _XLM_ROBERTA,
    "CamembertTokenizer": _CAMEMBERT,
    "DebertaV2Tokenizer": _AS_IN_THE_MODEL,
    "BigBirdTokenizer": _AS_IN_THE_MODEL,
}
# Where no class is named, or one that any tokenizer.json may have: the type of the model tells,
# then the name of the file.
_ANY_CLASS = (None, "PreTrainedTokenizer", "TokenizersBackend")
_CLASSES = {
    "xlm-roberta": "XLMRobertaTokenizer",
    "camembert": "CamembertTokenizer",
    "deberta-v2": "DebertaV2Tokenizer",
    "big_bird": "BigBirdTokenizer",
    _FAIRSEQ: "XLMRobertaTokenizer",
    _PLAIN: "DebertaV2Tokenizer",
}


@dataclass(frozen=True)
class Unigram(Tokenizer):
    """The Unigram model of one checkpoint.

    Attributes:
        file: the name of the file that holds the vocabulary.
        content: of that file.
        model: the SentencePiece model, which is that file or is made from it.
        processor: the same, opened.
        tokenizer_class: Hugging Face's name for such a tokenizer.
        offset: a checkpoint's id less SentencePiece's, but for the unknown piece.
        vocabulary: every piece, in the order of the ids in the checkpoint, added tokens included.
        special: ids in the checkpoint.
    """

    kind: ClassVar[str] = "unigram"

    file: str
    content: bytes = field(repr=False)
    model: bytes = field(repr=False)
    processor: "SentencePieceProcessor" = field(repr=False, compare=False)
    tokenizer_class: str
    offset: int
    vocabulary: tuple[str, ...] = field(repr=False)
    special: SpecialIds

    @classmethod
    def from_folder(cls, folder: TokenizerFolder, strip_accents: str = "checkpoint") -> "Unigram":
        """Reads a SentencePiece model, and compares it with `tokenizer.json` if there is one; or
        `tokenizer.json` alone.

        Args:
            folder: a Hugging Face model folder, or a student's.
            strip_accents: `checkpoint`, the only rule that there is.

        Raises:
            CheckpointError: a file is damaged, its rules are not SentencePiece's, or two files
                disagree.
            ConfigError: accents should be treated in another way than the checkpoint's.
        """
        only_own_accents(strip_accents)
        settings = folder.read_json(SETTINGS)
        if settings.get("do_lower_case"):
            raise CheckpointError(
                f"{folder.path(SETTINGS)}: a Unigram model normalizes by its own table, and case "
                f"is kept. Received: do_lower_case={settings['do_lower_case']!r}"
            )
        found = next((name for name in _MODELS if name in folder.names), None)
        return _from_json(folder) if found is None else _from_model(folder, found)

    def save(self, folder: str) -> tuple[str, ...]:
        files.write_bytes(os.path.join(folder, self.file), self.content)
        own = self.offset + len(self.numbering)
        settings = settings_of(self.tokenizer_class, self.vocabulary, self.special, own)
        files.write_json(os.path.join(folder, SETTINGS), settings)
        return (self.file, *KIND.saves)

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    def checkpoint_specials(self) -> SpecialIds:
        return self.special

    @cached_property
    def numbering(self) -> np.ndarray:
        """`(pieces of the model,)` int32: the id in the checkpoint of each SentencePiece id."""
        ids = np.arange(self.processor.get_piece_size(), dtype=np.int32) + self.offset
        ids[self.processor.unk_id()] = self.special.unknown
        return ids

    def surface(self, piece: int) -> str:
        return self.vocabulary[self.checkpoint_ids[piece]].removeprefix(SPACE)

    def continues_word(self, piece: int) -> bool:
        i = int(self.checkpoint_ids[piece])
        return i not in self.special.all and not self.vocabulary[i].startswith(SPACE)

    @property
    def fingerprint(self) -> str:
        content = hashlib.sha256(self.content).hexdigest()
        special = dataclasses.asdict(self.special)
        return files.fingerprint([self.kind, content, self.offset, special, self.vocabulary])

    def encode_words(
        self, sentences: Sequence[Sequence[str]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        words = list(dict.fromkeys(word for words in sentences for word in words))
        # The graph's op takes a zero byte for the end of the text, so its neighbour stands for it.
        texts = [word.replace("\0", "\1") for word in words]
        if len(texts) < _FEW:
            found = [self.processor.encode(text) for text in texts]
        else:  # one thread: others gain little
            found = self.processor.encode(texts, num_threads=1)
        pieces = dict(zip(words, found, strict=True))
        for sentence in sentences:
            ids, word_of = join_pieces([pieces[word] for word in sentence])
            yield self.numbering[ids], word_of


def _open(model: bytes, path: str) -> "SentencePieceProcessor":
    import sentencepiece  # here, not above: no other kind of tokenizer needs it

    with refusing_malformed(path):
        return sentencepiece.SentencePieceProcessor(model_proto=model)


def _from_model(folder: TokenizerFolder, name: str) -> Unigram:
    """The tokenizer of a SentencePiece model file."""
    path, content = folder.path(name), folder.read_bytes(name)
    described = sentencepiece_model.describe(content, path)
    processor = _open(content, path)
    pieces = described.pieces
    class_name, layout = _layout(folder, name)
    vocabulary = [""] * layout.offset + pieces
    vocabulary[: len(layout.first)] = layout.first
    # Where the model file spells a piece of the layout once more, the layout's counts.
    ids = dict(zip(reversed(vocabulary), range(len(vocabulary) - 1, -1, -1), strict=True))
    added = added_tokens(folder)
    if layout.last not in ids and layout.last not in added:
        ids[layout.last] = len(vocabulary)
    ids = join_added(ids, added, path)
    if WHOLE in folder.names:
        scores = processor.get_score(list(range(len(pieces))))
        scored = dict(zip(vocabulary[layout.offset :], scores, strict=True))
        scored = {piece: score for piece, score in scored.items() if piece not in layout.first}
        _check_same(folder, path, vocabulary, scored, described.table)
    return Unigram(
        name,
        content,
        content,
        processor,
        class_name,
        layout.offset,
        in_order(ids, path),
        special_ids(folder, ids),
    )


def _layout(folder: TokenizerFolder, name: str) -> tuple[str, _Layout]:
    """The class of a folder's tokenizer, and where its table has the pieces of file `name`."""
    told = folder.read_json(SETTINGS).get("tokenizer_class")
    told = told.removesuffix("Fast") if isinstance(told, str) else None
    if told in _ANY_CLASS:
        model_type = folder.read_json(_CONFIG).get("model_type")
        told = _CLASSES.get(str(model_type)) or _CLASSES.get(name)
    if told not in _LAYOUTS:
        raise CheckpointError(
            f"{folder.path(name)}: whether ids are shifted is known of tokenizers of class "
            f"{', '.join(_LAYOUTS)}. Received: tokenizer_class={told!r}"
        )
    return told, _LAYOUTS[told]


def _check_same(
    folder: TokenizerFolder,
    path: str,
    vocabulary: Sequence[str],
    scored: Mapping[str, float],
    table: bytes,
) -> None:
    """Compares a model file with the `tokenizer.json` beside it.

    Args:
        folder: of both.
        path: of the model file.
        vocabulary: its pieces, in the order of the ids in the checkpoint.
        scored: the score of each of its pieces.
        table: its normalization.

    Raises:
        CheckpointError: they differ in ids, scores or normalization.
    """
    rules = UnigramRules.read(folder)
    special = added_tokens(folder)
    differ = [
        f"{i} is {ours!r} in one and {piece!r} in the other"
        for i, (ours, (piece, _)) in enumerate(zip(vocabulary, rules.pieces, strict=False))
        if ours != piece
    ]
    differ += [
        f"{piece!r} has the scores {scored[piece]} and {score}"
        for piece, score in rules.pieces
        if piece in scored and piece not in special and scored[piece] != np.float32(score)
    ]
    missing = [piece for piece, _ in rules.pieces[len(vocabulary) :] if piece not in special]
    if len(rules.pieces) < len(vocabulary) or missing:
        differ.append(f"{len(vocabulary)} and {len(rules.pieces)} pieces")
    if table != rules.table:
        differ.append(f"tables of normalization of {len(table)} and {len(rules.table)} bytes")
    if differ:
        raise CheckpointError(
            f"{path}: it and {WHOLE} are two tokenizers; keep the one that the model was trained "
            f"with. Received: {len(differ)} differences, the first: {differ[0]}"
        )


def _from_json(folder: TokenizerFolder) -> Unigram:
    """The tokenizer of a `tokenizer.json` alone."""
    path, rules = folder.path(WHOLE), UnigramRules.read(folder)
    ids = {piece: i for i, (piece, _) in enumerate(rules.pieces)}
    ids = join_added(ids, added_tokens(folder), path)
    special = special_ids(folder, ids)
    with refusing_malformed(path):
        model = rules.model({*special.all})
        processor = _open(model, path)
    told = folder.read_json(SETTINGS).get("tokenizer_class", "PreTrainedTokenizerFast")
    content, vocabulary = folder.read_bytes(WHOLE), in_order(ids, path)
    return Unigram(WHOLE, content, model, processor, told, 0, vocabulary, special)


def _recognises(folder: TokenizerFolder) -> bool:
    if WHOLE not in folder.names:
        return any(name in folder.names for name in _MODELS)
    model = folder.read_json(WHOLE).get("model")
    return isinstance(model, dict) and model.get("type") == "Unigram"


KIND = TokenizerKind(
    Unigram.kind,
    (*_MODELS, WHOLE, SETTINGS, NAMED, ADDED, _CONFIG),
    (SETTINGS,),
    _recognises,
    Unigram.from_folder,
)

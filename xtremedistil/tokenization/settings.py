"""What the files of a folder say of special tokens, and of tokens beyond the vocabulary."""

from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil.runtime.errors import CheckpointError, ConfigError
from xtremedistil.tokenization.base import SpecialIds
from xtremedistil.tokenization.kind import TokenizerFolder, refusing_malformed

WHOLE, SETTINGS = "tokenizer.json", "tokenizer_config.json"
ADDED, NAMED = "added_tokens.json", "special_tokens_map.json"
# The role of a special token <- its name in the settings, and what it is usually called.
_ROLES = {
    "padding": (("pad_token",), ("<pad>", "[PAD]")),
    "unknown": (("unk_token",), ("<unk>", "[UNK]")),
    "begin": (("cls_token", "bos_token"), ("<s>", "[CLS]", "<bos>")),
    "end": (("sep_token", "eos_token"), ("</s>", "[SEP]", "<eos>")),
    "mask": (("mask_token",), ("<mask>", "[MASK]")),
}
# Of the ids that files give: no table of embeddings has so many rows, and none must be made.
_MOST_PIECES = 1 << 22


def check_alike(
    whole: Sequence[str], listed: Sequence[str], folder: TokenizerFolder, name: str
) -> None:
    """Makes sure that a folder's two vocabularies are one.

    Args:
        whole: the pieces of `tokenizer.json` by id.
        listed: those of another file. Added tokens may be in one alone: at the end, or where the
            other has none.
        folder: of both.
        name: of the other file.

    Raises:
        CheckpointError: a piece is another one.
    """
    pairs = enumerate(zip(whole, listed, strict=False))
    first = next(((i, a, b) for i, (a, b) in pairs if a and b and a != b), None)
    if first:
        raise CheckpointError(
            f"{folder.path(name)}: other pieces than in {WHOLE} beside it. Remove the one that the "
            f"weights were not trained with. Received: piece {first[0]} is {first[2]!r}, and "
            f"{first[1]!r} in {WHOLE}"
        )


def named_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """The tokens that settings name, such as `cls_token`: what each spells."""
    found = {}
    for name, token in settings.items():
        token = token.get("content") if isinstance(token, dict) else token
        if name.endswith("_token") and isinstance(token, str):
            found[name] = token
    return found


def special_ids(folder: TokenizerFolder, vocabulary: Mapping[str, int]) -> SpecialIds:
    """The special pieces of a folder's tokenizer: those that its settings name, else the usual.

    Args:
        folder: of the tokenizer.
        vocabulary: ids of all pieces.

    Raises:
        CheckpointError: there is no padding, no unknown piece, or no marker.
    """
    named = named_tokens({**folder.read_json(NAMED), **folder.read_json(SETTINGS)})
    found: dict[str, int] = {}
    for role, (names, usual) in _ROLES.items():
        tokens = [named[name] for name in names if name in named] or usual
        ids = [vocabulary[token] for token in tokens if token in vocabulary]
        if ids:
            found[role] = ids[0]
        elif role != "mask":
            raise CheckpointError(
                f"{folder.folder}: the vocabulary needs a piece for {role} ({names[0]}). Received: "
                f"{len(vocabulary)} pieces without {', '.join(tokens)}"
            )
    return SpecialIds(**found)


def settings_of(
    tokenizer_class: str, vocabulary: tuple[str, ...], special: SpecialIds, own: int
) -> dict[str, Any]:
    """The `tokenizer_config.json` from which `special_ids` and `added_tokens` read the same ids.

    Args:
        tokenizer_class: Hugging Face's name for such a tokenizer.
        vocabulary: every piece, in the order of the ids.
        special: ids of the special ones.
        own: pieces that come before the added ones, and that another file names.
    """
    ids = {role: getattr(special, role) for role in _ROLES}
    added = {str(i): vocabulary[i] for i in range(own, len(vocabulary)) if vocabulary[i]}
    return {
        "tokenizer_class": tokenizer_class,
        **{_ROLES[role][0][0]: vocabulary[i] for role, i in ids.items() if i is not None},
        "added_tokens_decoder": {
            i: {"content": piece, "special": int(i) in special.all} for i, piece in added.items()
        },
    }


def added_tokens(folder: TokenizerFolder) -> dict[str, int]:
    """Ids of the tokens that a folder adds to a vocabulary, or names again, in order of the ids.

    Raises:
        CheckpointError: its files give one token two ids, or one that is none.
    """
    found: dict[str, int] = {}
    listed = folder.read_json(SETTINGS).get("added_tokens_decoder", {})
    with refusing_malformed(folder.folder):
        pairs = [
            *folder.read_json(ADDED).items(),
            *((token["content"], int(i)) for i, token in listed.items()),
            *((t["content"], t["id"]) for t in folder.read_json(WHOLE).get("added_tokens") or ()),
        ]
        for token, i in pairs:
            if not 0 <= i < _MOST_PIECES or found.setdefault(token, i) != i:
                raise CheckpointError(
                    f"{folder.folder}: an added token has one id, from 0 to {_MOST_PIECES - 1}. "
                    f"Received: {token!r} with id {i}, and {found.get(token)}"
                )
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def join_added(ids: Mapping[str, int], added: Mapping[str, int], path: str) -> dict[str, int]:
    """Ids of the pieces of a vocabulary and of the tokens beside it.

    Args:
        ids: of the vocabulary.
        added: of `added_tokens`.
        path: of the vocabulary, for the error.

    Raises:
        CheckpointError: they give one token two ids.
    """
    joined = {**ids}
    moved = [token for token, i in added.items() if joined.setdefault(token, i) != i]
    if moved:
        token = moved[0]
        raise CheckpointError(
            f"{path}: it and the folder's other files give {len(moved)} tokens two ids. Received: "
            f"{token!r}, which is {joined[token]} in the vocabulary and {added[token]} among the "
            "added tokens"
        )
    return joined


def in_order(ids: Mapping[str, int], path: str) -> tuple[str, ...]:
    """Every piece in the order of the ids; an id that no piece has is an empty piece.

    Raises:
        CheckpointError: two pieces have one id, or an id is no place in a table.
    """
    with refusing_malformed(path):
        last = max(ids.values(), default=-1)
        if last >= _MOST_PIECES or min(ids.values(), default=0) < 0:
            raise CheckpointError(
                f"{path}: ids go from 0 to {_MOST_PIECES - 1}. Received: {min(ids.values())} to "
                f"{last}"
            )
        pieces = [""] * (last + 1)
        for piece, i in ids.items():
            if pieces[i]:
                raise CheckpointError(
                    f"{path}: no two pieces have the same id. Received: {pieces[i]!r} and "
                    f"{piece!r} with {i}"
                )
            pieces[i] = piece
    return tuple(pieces)


def split_sequence(step: Mapping[str, Any] | None, parts: str) -> list[Mapping[str, Any]]:
    """A step of `tokenizer.json`, or the steps in a sequence of them.

    Args:
        step: such as its `normalizer`.
        parts: the name of a sequence's own steps.
    """
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    return [inner for part in step[parts] for inner in split_sequence(part, parts)]


def only_own_accents(strip_accents: str) -> None:
    """Raises ConfigError where a tokenizer without such a rule should strip or keep accents."""
    if strip_accents != "checkpoint":
        raise ConfigError(
            "--strip_accents overrides a rule of WordPiece; other tokenizers keep the checkpoint's "
            f"own normalization. Received: strip_accents={strip_accents}"
        )

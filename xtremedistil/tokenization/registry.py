"""The kinds of tokenizers. A new one is a file of its own and a line here."""

from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.tokenization import bpe, unigram, wordpiece
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.kind import TokenizerFolder, TokenizerKind
from xtremedistil.tokenization.settings import added_tokens

TOKENIZERS: dict[str, TokenizerKind] = {
    kind.name: kind for kind in (wordpiece.KIND, unigram.KIND, bpe.KIND)
}


def open_tokenizer(folder: str, strip_accents: str = "checkpoint") -> Tokenizer:
    """The tokenizer of a folder, of the first kind that recognises it.

    Args:
        folder: a Hugging Face model folder.
        strip_accents: `checkpoint`, or `yes` or `no` to override the checkpoint's rule.

    Raises:
        CheckpointError: the folder has no tokenizer, or one of no known kind.
        ConfigError: a tokenizer of this kind has no such rule to override.
    """
    files = TokenizerFolder(folder)
    for kind in TOKENIZERS.values():
        if kind.recognises(files):
            return kind.open(files, strip_accents)
    raise CheckpointError(
        f"{folder}: no tokenizer of a kind that is read ({', '.join(TOKENIZERS)}). Received: "
        f"{_describe(files)}"
    )


def own_tokens(folder: str, tokenizer: Tokenizer) -> tuple[str, ...]:
    """The tokens that a folder adds to its vocabulary, without the special ones: names of entities
    or of users, say. None is looked for in text.

    Args:
        folder: a Hugging Face model folder.
        tokenizer: its own.
    """
    special = tokenizer.checkpoint_specials.all
    try:
        added = added_tokens(TokenizerFolder(folder))
    except CheckpointError:  # of a kind that does not read them, which are then as they may be
        return ()
    return tuple(token for token, i in added.items() if i not in special)


def tokenizer_files() -> tuple[str, ...]:
    """Names of all files that some kind of tokenizer reads."""
    return tuple(sorted({name for kind in TOKENIZERS.values() for name in kind.reads}))


def _describe(files: TokenizerFolder) -> str:
    """What a folder of no known kind has."""
    whole = files.read_json("tokenizer.json")
    parts = {name: whole.get(name) for name in ("model", "normalizer", "pre_tokenizer")}
    types = [f"{name} {part.get('type')}" for name, part in parts.items() if isinstance(part, dict)]
    return ", ".join(types or files.names) or "an empty folder"

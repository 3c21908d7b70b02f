"""A Unigram model as `tokenizer.json` has it, and the SentencePiece model that it stands for."""

import base64
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.tokenization import sentencepiece_model
from xtremedistil.tokenization.kind import TokenizerFolder, refusing_malformed
from xtremedistil.tokenization.sentencepiece_model import PieceType
from xtremedistil.tokenization.settings import WHOLE, split_sequence

SPACE = "▁"
# fairseq's name for a piece that has a row and is in no text.
_NOT_USED = "NOTUSED"


@dataclass(frozen=True)
class UnigramRules:
    """What a `tokenizer.json` says of a Unigram model.

    Attributes:
        pieces: what each spells, and its score, in the order of the ids.
        table: of normalization, as the SentencePiece library compiled it.
        unknown: id of the unknown piece.
        byte_fallback: spell unknown characters in pieces of one byte.
    """

    pieces: list[tuple[str, float]]
    table: bytes
    unknown: int
    byte_fallback: bool

    @classmethod
    def read(cls, folder: TokenizerFolder) -> "UnigramRules":
        """Reads it; raises CheckpointError where its steps are not those of SentencePiece."""
        path, content = folder.path(WHOLE), folder.read_json(WHOLE)
        with refusing_malformed(path):
            model = content["model"]
            pieces = [(str(piece), float(score)) for piece, score in model["vocab"]]
            unknown = model["unk_id"]
            known = isinstance(unknown, int) and 0 <= unknown < len(pieces)
            if not known or not all(math.isfinite(score) for _, score in pieces):
                raise CheckpointError(
                    f"{path}: a Unigram model has a finite score for every piece, and an unknown "
                    f"piece. Received: {len(pieces)} pieces, unk_id={unknown!r}"
                )
            normal = split_sequence(content.get("normalizer"), "normalizers")
            splits = split_sequence(content.get("pre_tokenizer"), "pretokenizers")
            tables = [step for step in normal if step["type"] == "Precompiled"]
            foreign = [s["type"] for s in normal if not _is_of_sentencepiece(s)]
            foreign += [
                s["type"] for s in splits if s["type"] not in ("Metaspace", "WhitespaceSplit")
            ]
            if foreign or len(tables) > 1 or not any(_puts_space(step) for step in splits):
                raise CheckpointError(
                    f"{path}: Unigram is read with the steps of SentencePiece before it: one table "
                    f"of normalization, and a space before each word ({SPACE}). Received: "
                    f"{', '.join(s['type'] for s in (*normal, *splits)) or 'no steps'}"
                )
            table = base64.b64decode(tables[0]["precompiled_charsmap"]) if tables else b""
            sentencepiece_model.check_table(table, path)
            return cls(pieces, table, unknown, bool(model.get("byte_fallback")))

    def model(self, special: Collection[int]) -> bytes:
        """The SentencePiece model of the same pieces, with the same ids.

        Args:
            special: ids of the pieces that text does not spell.
        """
        pieces = [
            (piece, score, self._type(i, piece, special))
            for i, (piece, score) in enumerate(self.pieces)
        ]
        return sentencepiece_model.write(pieces, self.table, self.unknown, self.byte_fallback)

    def _type(self, i: int, piece: str, special: Collection[int]) -> PieceType:
        if i == self.unknown:
            return PieceType.UNKNOWN
        if i in special or piece.endswith(_NOT_USED):
            return PieceType.CONTROL
        byte = self.byte_fallback and len(piece) == 6 and piece.startswith("<0x")
        return PieceType.BYTE if byte else PieceType.NORMAL


def _is_of_sentencepiece(step: Mapping[str, Any]) -> bool:
    """Whether a step of normalization is among what SentencePiece does by itself."""
    if step["type"] == "Replace":  # several spaces by one
        return step["pattern"] == {"Regex": " {2,}"} and step["content"] in (" ", SPACE)
    return step["type"] in ("Precompiled", "Strip")


def _puts_space(step: Mapping[str, Any]) -> bool:
    """Whether a step of splitting begins each word with a space."""
    always = step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never")
    return step["type"] == "Metaspace" and step["replacement"] == SPACE and always != "never"

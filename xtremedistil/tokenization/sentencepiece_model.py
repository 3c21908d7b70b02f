"""The model file of the SentencePiece library: what it says, and a new one.

The file is a protocol buffer, `sentencepiece_model.proto` of that library. A few fields of it are
read and written here, field by field, so that a served student needs no compiler of such files.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.runtime.protobuf import sized, varint

# Numbers of fields: of the model, of a piece, of the trainer's and the normalizer's settings.
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_SPELLED, _SCORE, _TYPE = 1, 2, 3
_MODEL_TYPE, _SIZE, _SUFFIX, _BYTES, _UNKNOWN_ID = 3, 4, 24, 35, 40
_RULE, _TABLE, _PREFIX, _ESCAPE = 1, 2, 3, 5
_UNIGRAM = 1
_VARINT, _FIXED_64, _SIZED, _FIXED_32 = 0, 1, 2, 5
# Of a piece as every known file has it.
_PIECE_KEY, _SPELLED_KEY = _PIECE << 3 | _SIZED, _SPELLED << 3 | _SIZED
_SCORE_KEY, _TYPE_KEY = _SCORE << 3 | _FIXED_32, _TYPE << 3 | _VARINT
_MOST_OF_PIECE = 260  # bytes that a piece has, whose sizes are one byte, or seems to have


class PieceType(IntEnum):
    """What a piece is for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    BYTE = 6


@dataclass(frozen=True)
class Described:
    """What a model file says.

    Attributes:
        pieces: what each spells, in the order of the ids.
        table: of normalization, as the library compiled it.
    """

    pieces: list[str]
    table: bytes


def describe(content: bytes, path: str) -> Described:
    """Reads a model file, and checks that its rules are those that are followed here.

    Args:
        content: of the file.
        path: for the errors.

    Raises:
        CheckpointError: it is cut off or damaged, is no Unigram model, or one that does not put a
            space before each word.
    """
    pieces, place = _first_pieces(content)
    settings = {}
    for number, value in _fields(content[place:], path):
        if number not in (_PIECE, _TRAINER, _NORMALIZER):
            continue
        if not isinstance(value, bytes):
            raise _damaged(path)
        if number == _PIECE:
            pieces.append(dict(_fields(value, path)).get(_SPELLED, b""))
        else:
            settings[number] = dict(_fields(value, path))
    if not pieces or len(settings) != 2:
        raise CheckpointError(
            f"{path}: a SentencePiece model has pieces, then settings of its trainer and its "
            f"normalizer; the file may be cut off. Received: {len(pieces)} pieces, "
            f"{len(settings)} of 2 settings"
        )
    trainer, normalizer = settings[_TRAINER], settings[_NORMALIZER]
    rules = {
        "model_type": trainer.get(_MODEL_TYPE, _UNIGRAM) == _UNIGRAM,
        "treat_whitespace_as_suffix": not trainer.get(_SUFFIX, 0),
        "add_dummy_prefix": bool(normalizer.get(_PREFIX, 1)),
        "escape_whitespaces": bool(normalizer.get(_ESCAPE, 1)),
    }
    broken = ", ".join(rule for rule, kept in rules.items() if not kept)
    if broken:
        raise CheckpointError(
            f"{path}: SentencePiece is read as Unigram models whose words begin with a space, "
            f"written as a piece's first character. Received: another {broken}"
        )
    table = normalizer.get(_TABLE, b"")
    if not isinstance(table, bytes):
        raise _damaged(path)
    check_table(table, path)
    try:
        return Described([piece.decode("utf-8") for piece in pieces], table)
    except (AttributeError, UnicodeDecodeError) as error:  # a number, or no text
        raise _damaged(path) from error


def check_table(table: bytes, path: str) -> None:
    """Follows every step that a table of normalization can lead to.

    The library does not, and reads whatever memory a damaged table points to. The table is the
    length of a trie (a double array of 32-bit units, as darts-clone lays it out), the trie, and
    strings that end in a zero byte.

    Args:
        table: may be empty, for none.
        path: for the error.

    Raises:
        CheckpointError: a step leads out of the table.
    """
    if not table:
        return
    length = int.from_bytes(table[:4], "little")
    strings = len(table) - 4 - length
    if not length or length % 4 or strings <= 0 or table[-1]:
        raise _damaged(path)
    units = np.frombuffer(table, "<u4", length // 4, 4).astype(np.int64)
    inner = np.flatnonzero(units < 1 << 31)
    base = inner ^ ((units[inner] >> 10) << ((units[inner] & (1 << 9)) >> 6))
    if (base | 0xFF).max(initial=-1) >= len(units):
        raise _damaged(path)
    leaves = units[base[(units[inner] & (1 << 8)) > 0]]
    if (leaves & ((1 << 31) - 1)).max(initial=0) >= strings:
        raise _damaged(path)


def write(
    pieces: Sequence[tuple[str, float, PieceType]],
    table: bytes,
    unknown: int,
    byte_fallback: bool,
) -> bytes:
    """A Unigram model file.

    Args:
        pieces: what each spells, its score, and its type, in the order of the ids.
        table: of normalization, as the library compiled it.
        unknown: id of the unknown piece.
        byte_fallback: spell unknown characters in pieces of one byte.
    """
    parts = []
    for spelled, score, kind in pieces:
        piece = sized(_SPELLED, spelled.encode("utf-8"))
        piece += varint(_SCORE << 3 | _FIXED_32) + struct.pack("<f", score)
        parts.append(sized(_PIECE, piece + _number(_TYPE, kind)))
    trainer = _number(_MODEL_TYPE, _UNIGRAM) + _number(_SIZE, len(pieces))
    trainer += _number(_BYTES, byte_fallback) + _number(_UNKNOWN_ID, unknown)
    normalizer = sized(_RULE, b"") + sized(_TABLE, table)
    return b"".join([*parts, sized(_TRAINER, trainer), sized(_NORMALIZER, normalizer)])


def _number(field: int, value: int) -> bytes:
    return varint(field << 3 | _VARINT) + varint(value)


def _first_pieces(content: bytes) -> tuple[list[bytes], int]:
    """What pieces spell, as long as they are written as in every known file, and where they end.

    There are hundreds of thousands, so they are read here at once, and only the rest by `_fields`:
    a text, a score and, where it is not a normal piece, its type, each size and type in one byte.
    """
    pieces, place = [], 0
    last = len(content) - _MOST_OF_PIECE
    while place < last and content[place] == _PIECE_KEY and content[place + 2] == _SPELLED_KEY:
        size, length = content[place + 1], content[place + 3]
        begin, end = place + 4, place + 2 + size
        score = begin + length
        if content[score] != _SCORE_KEY or size >= 0x80:
            break
        if end != score + 5 and not (
            end == score + 7 and content[end - 2] == _TYPE_KEY and content[end - 1] < 0x80
        ):
            break
        pieces.append(content[begin:score])
        place = end
    return pieces, place


def _fields(content: bytes, path: str) -> Iterator[tuple[int, int | bytes]]:
    """The number of each field of a message, and its value."""
    place, end = 0, len(content)

    def next_varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            if place >= end or shift > 63:
                raise _damaged(path)
            byte = content[place]
            place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while place < end:
        key = next_varint()
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            yield number, next_varint()
            continue
        if wire not in (_FIXED_64, _SIZED, _FIXED_32):
            raise _damaged(path)
        size = next_varint() if wire == _SIZED else 8 if wire == _FIXED_64 else 4
        if place + size > end:
            raise _damaged(path)
        yield number, content[place : place + size]
        place += size


def _damaged(path: str) -> CheckpointError:
    return CheckpointError(f"{path}: not a SentencePiece model, or one that is cut off or damaged.")

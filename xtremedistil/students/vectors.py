"""Word vectors from GloVe and fastText text files, for the student's pieces (Table 14)."""

from dataclasses import dataclass

import numpy as np

from xtremedistil.data.lines import read_lines
from xtremedistil.runtime.errors import DataError

VECTOR_FILES = ("glove", "fasttext")


@dataclass(frozen=True)
class Vectors:
    """What a vector file holds for a student's pieces.

    Attributes:
        found: `(V,)` bool: which pieces it has.
        table: `(V, E)` float32; zeros where it has none.
    """

    found: np.ndarray
    table: np.ndarray


def read_vectors(path: str, pieces: list[str], dimensions: int) -> Vectors:
    """Streams a GloVe or fastText text file: `token v1 ... vE` a line, perhaps under a header.

    A piece takes the vector of the token that it spells: as it is, else in lower case.

    Args:
        path: the file, perhaps gzipped.
        pieces: what each piece of the student's vocabulary spells (`Tokenizer.surface`).
        dimensions: E.

    Raises:
        DataError: a line has another number of values, or one that is no number.
    """
    wanted: dict[str, list[int]] = {}
    lowered: dict[str, list[int]] = {}
    for row, name in enumerate(pieces):
        wanted.setdefault(name, []).append(row)
        lowered.setdefault(name.lower(), []).append(row)
    exact = np.zeros(len(pieces), bool)
    found = np.zeros(len(pieces), bool)
    table = np.zeros((len(pieces), dimensions), np.float32)
    for number, line in read_lines(path):
        token, *values = line.rstrip(" ").split(" ")
        header = number == 1 and len(values) == 1 and token.isdigit() and values[0].isdigit()
        width = int(values[0]) if header else len(values)
        # GloVe has tokens with spaces inside: no wordpiece is among them, their lines are whole.
        spaced = len(values) > dimensions and not _is_number(values[-dimensions - 1])
        if width != dimensions and not spaced:
            raise DataError(
                f"{path}:{number}: vectors must have --embedding_dim={dimensions} values. "
                f"Received: {width}"
            )
        if header or spaced:
            continue
        rows = wanted.get(token, []) + [r for r in lowered.get(token, []) if not exact[r]]
        if rows:
            try:
                table[rows] = np.array(values, np.float32)
            except ValueError as error:
                raise DataError(
                    f"{path}:{number}: every value of a vector is a number. Received: {line[:80]!r}"
                ) from error
            found[rows] = True
            exact[wanted.get(token, [])] = True
    return Vectors(found, table)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def fill_missing(vectors: Vectors, rng: np.random.Generator) -> np.ndarray:
    """A start for every piece: its vector, or a draw with the spread of those found."""
    spread = vectors.table[vectors.found].std() if vectors.found.any() else 0.05
    drawn = rng.normal(0, spread, vectors.table.shape)
    return np.where(vectors.found[:, None], vectors.table, drawn).astype(np.float32)

"""Which row of the student's table each piece of the full vocabulary reads, in training and in the
student that is scored and served."""

from collections.abc import Callable
from typing import Any

import numpy as np
import safetensors.numpy

from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.experiments.teacher import RunTeacher
from xtremedistil.runtime import files
from xtremedistil.runtime.once import once
from xtremedistil.runtime.parts import Part
from xtremedistil.students.rows import (
    NEAREST,
    predict_rows,
    row_of_piece,
    with_added,
    with_nearest,
    without_row,
)
from xtremedistil.tokenization.base import SpecialIds

_ROWS = "rows.safetensors"


class RunRows:
    """The rows of a run's pieces."""

    def __init__(self, run: Opened, data: RunData, teacher: RunTeacher):
        """Reads nothing yet."""
        self._run, self._data, self._teacher = run, data, teacher

    @once
    def make(self) -> dict[str, Any]:
        """Finds the rows that pieces without one of their own read, where that takes a while and is
        not done; the teacher must be made. Returns what it recorded."""
        if self._run.config.student.other_pieces != NEAREST:
            return {}

        def find(rows: np.ndarray, pieces: np.ndarray, table: np.ndarray) -> np.ndarray:
            with_nearest(rows, pieces, table, self._special_ids)
            return rows

        return self._keep(self._run.parts.rows(), find)

    @once
    def read(self) -> np.ndarray:
        """`(full vocabulary,)` int32: each piece's row in training."""
        return _read(self._run.parts.rows()) if self.make() else self._own()

    @once
    def added(self) -> int:
        """Rows that are added to a trained student's table (`--other_rows`)."""
        pieces = self._data.read_pieces()
        known = len(pieces) - len(self._special_ids.all)  # what regression learns from
        if not self._run.config.student.other_rows or known <= 0:
            return 0
        lacking = without_row(pieces, len(self._run.checkpoint.tokenizer), self._special_ids)
        return min(self._run.config.student.other_rows, len(lacking))

    def added_parts(self) -> list[Part]:
        """The part of the added rows, if any are."""
        return [self._run.parts.added_rows()] if self.added() else []

    @once
    def make_added(self) -> dict[str, Any]:
        """Finds the pieces that read each added row, likewise."""
        if not self.added():
            return {}

        def find(rows: np.ndarray, pieces: np.ndarray, table: np.ndarray) -> np.ndarray:
            return with_added(rows, self.added(), pieces, table, self._special_ids)

        return self._keep(self._run.parts.added_rows(), find)

    @once
    def read_served(self) -> np.ndarray:
        """`(full vocabulary,)` int32: each piece's row in the table of a student that is scored and
        served."""
        return _read(self._run.parts.added_rows()) if self.make_added() else self.read()

    def grown(self, trained: np.ndarray) -> np.ndarray:
        """A trained table `(V, E)` with the added rows behind it."""
        pieces, table = self._data.read_pieces(), self._teacher.read_table(tuned=True)
        served, ids = self.read_served(), self._special_ids
        return np.concatenate(
            [trained, predict_rows(trained, served, self.added(), pieces, table, ids)]
        )

    @property
    def _special_ids(self) -> SpecialIds:
        return self._run.checkpoint.tokenizer.special_ids

    def _own(self) -> np.ndarray:
        """The rows where other pieces are unknown."""
        total, unknown = len(self._run.checkpoint.tokenizer), self._special_ids.unknown
        return row_of_piece(self._data.read_pieces(), total, unknown)

    def _keep(
        self, part: Part, find: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    ) -> dict[str, Any]:
        """Makes a part of rows that `find` finds, from those of `_own`, the student's pieces and
        the teacher's table, unless it is there; returns what it recorded."""
        part.check(overwrite=True)

        def compute() -> tuple[dict[str, Any], tuple[str, ...]]:
            pieces = self._data.read_pieces()
            rows = find(self._own(), pieces, self._teacher.read_table(tuned=True))
            files.write_bytes(part.path(_ROWS), safetensors.numpy.save({"rows": rows}))
            return {"pieces": len(rows), "rows": len(pieces)}, (_ROWS,)

        return part.ensure(compute)


def _read(part: Part) -> np.ndarray:
    return safetensors.numpy.load(files.read_bytes(part.path(_ROWS)))["rows"]

"""Which row of the student's table each piece of the full vocabulary reads."""

from typing import Any

import numpy as np
import safetensors.numpy

from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.experiments.teacher import RunTeacher
from xtremedistil.runtime import files
from xtremedistil.runtime.once import once
from xtremedistil.students.rows import NEAREST, row_of_piece, with_nearest

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
        part = self._run.parts.rows()
        part.check(overwrite=True)

        def find() -> tuple[dict[str, Any], tuple[str, ...]]:
            pieces, tokenizer = self._data.read_pieces(), self._run.checkpoint.tokenizer
            rows = self._own()
            table = self._teacher.read_table(tuned=True)
            with_nearest(rows, pieces, table, tokenizer.special_ids)
            files.write_bytes(part.path(_ROWS), safetensors.numpy.save({"rows": rows}))
            return {"pieces": len(rows), "rows": len(pieces)}, (_ROWS,)

        return part.ensure(find)

    def _own(self) -> np.ndarray:
        """The rows where other pieces are unknown."""
        tokenizer = self._run.checkpoint.tokenizer
        unknown = tokenizer.special_ids.unknown
        return row_of_piece(self._data.read_pieces(), len(tokenizer), unknown)

    @once
    def read(self) -> np.ndarray:
        """`(full vocabulary,)` int32: each piece's row."""
        if not self.make():
            return self._own()
        path = self._run.parts.rows().path(_ROWS)
        return safetensors.numpy.load(files.read_bytes(path))["rows"]

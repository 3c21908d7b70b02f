"""What a run's teacher says of its transfer set: where that is kept, how it is made, and how steps
read it."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from xtremedistil.data.batches import Source
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.transfer import VALIDATION
from xtremedistil.distil.losses import LOGITS, REPRESENTATION
from xtremedistil.distil.targets import (
    LiveTargets,
    StoredTargets,
    make_targets,
    missing_targets,
    targets_bytes,
)
from xtremedistil.experiments.data import RunData
from xtremedistil.experiments.opening import Opened
from xtremedistil.experiments.rows import RunRows
from xtremedistil.experiments.teacher import RunTeacher
from xtremedistil.runtime import disk, files
from xtremedistil.runtime.once import once
from xtremedistil.runtime.parts import DONE
from xtremedistil.scoring.predictions import forward_of


class RunTargets:
    """The targets of one run, stored or live."""

    def __init__(self, run: Opened, data: RunData, teacher: RunTeacher, rows: RunRows):
        """Reads nothing yet."""
        self._run, self._data, self._teacher, self._rows = run, data, teacher, rows

    def folders(self) -> dict[str, str]:
        """By kind of target that the strategy needs, its folder in the targets' part."""
        layer = self._run.config.distillation.teacher_layer
        kinds = {
            LOGITS: ("logits", "logits"),
            REPRESENTATION: ("states", f"states-{layer:02d}"),
        }
        return dict(kinds[loss] for loss in self._run.wanted_targets)

    @property
    def _layer(self) -> int | None:
        """The teacher's block whose states are wanted, if any."""
        layer = self._run.config.distillation.teacher_layer
        return layer if "states" in self.folders() else None

    @once
    def _load_live_teacher(self) -> keras.Model:
        with self._run.workers.scope():
            return self._teacher.load(self._layer)

    def describe(self) -> str:
        """What the targets take on disk, and what is free there; "" if none are wanted.

        Raises:
            ArtifactError: too little is free, and `--ignore_disk` is not given.
        """
        if not self.folders():
            return ""
        run, folder = self._run, self._run.parts.targets.folder
        needed, free = self.stored_bytes(), disk.free_bytes(folder)
        room = "" if free is None else f", {free / 1e9:,.1f} GB are free"
        if run.config.run.targets == "live":
            return f"targets   live (stored, about {needed / 1e9:,.3f} GB{room})"
        if not run.config.run.ignore_disk and not files.exists(run.parts.targets.path(DONE)):
            disk.check_room(
                folder,
                needed,
                "--target_precision=int8 halves the teacher's states, --targets=live stores none, "
                "and --ignore_disk begins all the same",
            )
        return f"targets   stored, about {needed / 1e9:,.3f} GB{room}"

    def stored_bytes(self) -> int:
        """About what the targets take on disk, where they are stored."""
        config = self._run.config
        width = {
            "logits": len(self._data.read_labels()),
            "states": self._run.checkpoint.config.width,
        }
        return targets_bytes(
            self._data.read_manifest(),
            {kind: width[kind] for kind in self.folders()},
            config.data.max_seq_length,
            config.data.task == "classification",
            config.run.target_precision,
        )

    def make(self) -> dict[str, Any]:
        """Runs the teacher over the transfer set where needed; returns what it last cost."""
        run, workers = self._run, self._run.workers
        if run.config.run.targets == "live":
            return {}
        folders, part = self.folders(), run.parts.targets
        done = part.results() or {}
        if set(folders.values()) <= set(done.get("kinds", ())):  # however many shards there are
            return done
        names = [VALIDATION, *self._data.read_manifest().names]

        def missing() -> dict[str, list[str]]:
            return missing_targets(list(folders.values()), names, part)

        def run_teacher() -> tuple[dict[str, Any], tuple[str, ...]]:
            outputs = forward_of(self._teacher.load(self._layer), tuple(folders))

            def forward(ids: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
                return {folders[kind]: values for kind, values in outputs(ids, mask).items()}

            length = run.config.data.max_seq_length
            lacking, mine = missing(), names[workers.index :: workers.number]
            # by place among all, so that no two workers ever make the same shard
            mine = {name: lacking[name] for name in mine if name in lacking}
            kinds = {*folders.values(), *(part.results() or {}).get("kinds", ())}
            make_targets(
                forward,
                mine,
                run.parts.transfer.folder,
                length,
                part,
                run.config.run.target_precision,
            )
            return {"shards": len(names), "kinds": sorted(kinds)}, ()

        # Shards may be missing though the part was done once: for another layer, or a damaged one.
        if workers.any(bool(missing())):
            with part.held():
                if workers.any(bool(missing())):  # no other run made them meanwhile
                    return part.make(run_teacher, together=True)
        return part.results() or {}

    def to_learn(self, kinds: tuple[str, ...]) -> tuple[Source, Ragged, Callable | None]:
        """The transfer set with targets of some kinds (`DistillationData.transfer`)."""
        run = self._run
        common = {
            "sentences": run.parts.transfer.folder,
            "shards": self._data.read_manifest(),
            "length": run.config.data.max_seq_length,
            "rows": self._rows.read(),
        }
        if run.config.run.targets == "live":
            live = LiveTargets(**common, teacher=self._load_live_teacher(), kinds=kinds)
            return live.source(), live.validation(), live.complete
        folders = {kind: self.folders()[kind] for kind in kinds}
        stored = StoredTargets(**common, part=run.parts.targets, kinds=folders)
        return stored.source(), stored.validation(), None

"""Everything that a half-done training needs to go on as if it had never stopped, in one file."""

import json
from typing import Any

import keras
import numpy as np
import safetensors.numpy
from absl import logging

from xtremedistil.runtime import files


class TrainingState:
    """Where a training stands: weights, optimizer, dropout seeds, best weights, history.

    Attributes:
        epoch: the epoch that is under way, from 0.
        batch: batches of it that are done.
        losses: their losses.
        seconds: time spent in it.
        waiting_seconds: of these, until batches were ready.
        history: one dict per finished epoch, the first for the start.
        best_epoch, best_score: of the best so far.
        positions: by name of a loss, positions of a held-out row that it is a mean over.
    """

    def __init__(self, path: str, model: keras.Model, optimizer: keras.optimizers.Optimizer):
        self.path, self.model, self.optimizer = path, model, optimizer
        self.epoch = self.batch = 0
        self.losses: list[float] = []
        self.seconds = self.waiting_seconds = 0.0
        self.history: list[dict[str, Any]] = []
        self.best_epoch, self.best_score = 0, -np.inf
        self.positions: dict[str, float] = {}
        self.best = [v.numpy() for v in model.trainable_variables]

    def summary(self) -> dict[str, str]:
        """What the progress line shows of past epochs."""
        last = self.history[-1]
        shown = {"valid": f"{last['validation_loss']:.4f}"}
        if last["metric"] is not None:
            shown["metric"] = f"{last['metric']:.2f}"
        return shown

    def end_epoch(self, entry: dict[str, Any], score: float) -> None:
        """Adds a finished epoch (0: the start), and remembers the weights if they are the best so
        far."""
        self.history.append(entry)
        if score > self.best_score:
            self.best_epoch, self.best_score = entry["epoch"], score
            self.best = [v.numpy() for v in self.model.trainable_variables]
        self.epoch, self.batch, self.losses = entry["epoch"], 0, []
        self.seconds = self.waiting_seconds = 0.0

    def restore_best(self) -> None:
        """Gives the model the weights of the best epoch."""
        for variable, value in zip(self.model.trainable_variables, self.best, strict=True):
            variable.assign(value)

    def _groups(self) -> dict[str, list]:
        return {"model": self.model.variables, "optimizer": self.optimizer.variables}

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        tensors = {f"best.{i:05d}": value for i, value in enumerate(self.best)}
        for group, variables in self._groups().items():
            tensors |= {f"{group}.{i:05d}": np.asarray(v.numpy()) for i, v in enumerate(variables)}
        meta = json.dumps({name: getattr(self, name) for name in _META})
        files.write_bytes(self.path, safetensors.numpy.save(tensors, {"training": meta}))

    def load(self) -> bool:
        """Takes up what `save` wrote; False if there is nothing, or nothing whole."""
        if not files.exists(self.path):
            return False
        content = files.read_bytes(self.path)
        try:
            tensors = safetensors.numpy.load(content)
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            meta = json.loads(header["__metadata__"]["training"])
            values = {
                group: [_like(tensors[f"{group}.{i:05d}"], v) for i, v in enumerate(variables)]
                for group, variables in self._groups().items()
            }
            best = [_like(tensors[f"best.{i:05d}"], v) for i, v in enumerate(self.best)]
            meta = {name: meta[name] for name in _META}
        except (safetensors.SafetensorError, ValueError, KeyError) as error:
            logging.warning("%s is damaged (%s): this step starts again.", self.path, error)
            return False
        for group, variables in self._groups().items():
            for variable, value in zip(variables, values[group], strict=True):
                variable.assign(value)
        self.best = best
        for name, value in meta.items():
            setattr(self, name, value)
        return True


_META = (
    "epoch",
    "batch",
    "losses",
    "seconds",
    "waiting_seconds",
    "history",
    "best_epoch",
    "best_score",
    "positions",
)


def _like(value: np.ndarray, wanted: Any) -> np.ndarray:
    if value.shape != tuple(wanted.shape):
        raise ValueError(f"shape {value.shape} instead of {tuple(wanted.shape)}")
    return value

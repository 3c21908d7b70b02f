"""Everything that a half-done training needs to go on as if it had never stopped, in one file."""

import json
from functools import partial
from typing import Any

import keras
import numpy as np
from absl import logging

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.training.lazy_adam import LazyAdam
from xtremedistil.training.state_file import StateReader, Tensor, reading_state, write_state


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
    """

    def __init__(self, path: str, model: keras.Model, optimizer: keras.optimizers.Optimizer):
        self.path, self.model, self.optimizer = path, model, optimizer
        self.epoch = self.batch = 0
        self.losses: list[float] = []
        self.seconds = self.waiting_seconds = 0.0
        self.history: list[dict[str, Any]] = []
        self.best_epoch, self.best_score = 0, -np.inf
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

    def _variables(self) -> dict[str, keras.Variable]:
        groups = {"model": self.model.variables, "optimizer": self.optimizer.variables}
        return {_name(group, i): v for group, all_ in groups.items() for i, v in enumerate(all_)}

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        tensors = {
            _name("best", i): Tensor(value.dtype, value.shape, partial(np.asarray, value))
            for i, value in enumerate(self.best)
        }
        for name, variable in self._variables().items():
            dtype, shape = np.dtype(variable.dtype), tuple(variable.shape)
            tensors[name] = Tensor(dtype, shape, variable.numpy)
        meta = json.dumps({name: getattr(self, name) for name in _META})
        write_state(self.path, tensors, {"training": meta})

    def load(self) -> bool:
        """Restores what `save` wrote; False if there is nothing, or nothing whole."""
        if not files.exists(self.path):
            return False
        try:
            with reading_state(self.path) as saved:
                self._restore(saved)
        except (ArtifactError, ValueError, KeyError) as error:
            logging.warning("%s is damaged (%s): this step starts again.", self.path, error)
            return False
        return True

    def _last_seen(self, saved: StateReader | None = None) -> list[str]:
        """Names of `LazyAdam.last_seen` in a state file: here, or in one that may have none."""
        optimizer = self.optimizer
        if not isinstance(optimizer, LazyAdam):
            return []
        first = len(optimizer.variables) - len(optimizer.last_seen)
        if saved is None:
            number = len(optimizer.last_seen)
        else:
            number = len(optimizer.tables) if _name("optimizer", first) in saved.header else 0
        return [_name("optimizer", first + i) for i in range(number)]

    def _restore(self, saved: StateReader) -> None:
        meta = json.loads(saved.metadata["training"])
        meta = {name: meta[name] for name in _META}
        variables = self._variables()
        for name in self._last_seen():  # which a training that was not lazy does not have
            variables.pop(name)
        best = {_name("best", i): value for i, value in enumerate(self.best)}
        for name, wanted in {**variables, **best}.items():  # all, before the first is changed
            if saved.shape(name) != tuple(wanted.shape):
                raise ValueError(f"{name}: shape {saved.shape(name)}, not {tuple(wanted.shape)}")
        last_seen = [saved.values(name) for name in self._last_seen(saved)]
        for name, variable in variables.items():
            variable.assign(saved.values(name))
        if isinstance(self.optimizer, LazyAdam):
            self.optimizer.take_up(last_seen)
        self.best = [saved.values(name) for name in best]
        for name, value in meta.items():
            setattr(self, name, value)


def _name(group: str, number: int) -> str:
    return f"{group}.{number:05d}"


_META = (
    "epoch",
    "batch",
    "losses",
    "seconds",
    "waiting_seconds",
    "history",
    "best_epoch",
    "best_score",
)

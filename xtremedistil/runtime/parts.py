"""The parts of a run, each made once and known by what it was made from."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from absl import logging

from xtremedistil.runtime import files, progress
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.runtime.locks import locked
from xtremedistil.runtime.machine import measured
from xtremedistil.runtime.workers import ALONE, Workers

# Does the work of a part; returns its results and the names of the files to checksum.
Maker = Callable[[], tuple[Mapping[str, Any], tuple[str, ...]]]
INPUTS, DONE = "inputs.json", "done.json"
_PATIENCE = 120  # seconds


class Part:
    """A piece of a run that is made once: a folder, what it is made from, and what came out.

    `inputs.json` is written when work on the part starts, `done.json` when it ends. A part is done
    while both are there and the inputs are the ones asked for now; between the two it is half-done,
    and its maker may go on.
    """

    def __init__(
        self,
        folder: str,
        inputs: Mapping[str, Any],
        workers: Workers = ALONE,
        shared: bool = False,
    ):
        """Args:
        folder: where the part lives.
        inputs: what its content depends on, as flat JSON values.
        workers: who makes it: the chief alone writes, unless `make` says otherwise, and all of
            them call `results`, `make`, `ensure` and whatever else holds the part.
        shared: whether other runs, perhaps at this moment, may make it too.
        """
        self.folder, self.workers, self.shared = folder, workers, shared
        self.inputs = json.loads(json.dumps(dict(inputs)))

    def path(self, *names: str) -> str:
        """A path inside the part's folder."""
        return os.path.join(self.folder, *names)

    @property
    def fingerprint(self) -> str:
        """What the part is made from, in sixteen digits."""
        return files.fingerprint(self.inputs)

    def check(self, overwrite: bool) -> None:
        """Makes sure that the folder is empty or belongs to these inputs (the chief does).

        Args:
            overwrite: empty the folder instead of stopping.

        Raises:
            ArtifactError: another configuration made it.
        """
        if not self.workers.chief:
            return
        if files.exists(self.path(INPUTS)):
            found = self._found_inputs()
            if found is None:
                return
            names = [n for n in {**found, **self.inputs} if found.get(n) != self.inputs.get(n)]
            if not names:
                return
            changes = "; ".join(
                f"{n}: {_short(found.get(n))} there, {_short(self.inputs.get(n))} now"
                for n in sorted(names)
            )
            message = f"{self.folder} was made by another run ({changes})."
        elif any(not name.startswith(".") for name in files.list_folder(self.folder)):
            message = f"{self.folder} holds files that no run of this package made."
        else:
            return
        if not overwrite:
            raise ArtifactError(
                f"{message} Choose another --output_dir, or give --overwrite to make it again."
            )
        logging.warning("%s Making it again.", message)
        files.remove(self.folder)

    def _found_inputs(self) -> dict[str, Any] | None:
        """What `inputs.json` says, or None after it was damaged: `done.json` knows it too, and a
        part that has neither is made again."""
        try:
            found = files.read_json(self.path(INPUTS))
            if isinstance(found, dict):
                return found
        except ArtifactError:
            pass
        with contextlib.suppress(ArtifactError, KeyError, TypeError):
            if files.read_json(self.path(DONE))["fingerprint"] == self.fingerprint:
                files.write_json(self.path(INPUTS), self.inputs)
                return None
        logging.warning("%s is damaged: %s is made again.", self.path(INPUTS), self.folder)
        files.remove(self.folder)
        return None

    def begin(self) -> None:
        """Marks the part as being made."""
        files.make_folder(self.folder)
        if not files.exists(self.path(INPUTS)):
            files.write_json(self.path(INPUTS), self.inputs)

    def finish(self, results: Mapping[str, Any], names: tuple[str, ...] = ()) -> None:
        """Marks the part as done.

        Args:
            results: JSON values to keep with it.
            names: of files inside the folder whose size and checksum are recorded.
        """
        described = {name: files.describe_file(self.path(name)) for name in names}
        done = {"results": dict(results), "files": described, "fingerprint": self.fingerprint}
        files.write_json(self.path(DONE), done)

    def results(self) -> dict[str, Any] | None:
        """What `finish` recorded, or None while the part is not done or a file of it is damaged."""
        found = self._results() if self.workers.chief else None
        if not self.workers.agree(found is not None):
            return None
        return found if self.workers.chief else self._recorded()

    def _recorded(self) -> dict[str, Any]:
        """What `finish` recorded; a shared file system may show it to others a little later."""
        for _ in range(_PATIENCE):
            if files.exists(self.path(DONE)):
                return files.read_json(self.path(DONE))["results"]
            time.sleep(1)
        raise ArtifactError(
            f"{self.path(DONE)}: the chief wrote it, and this worker does not see it: workers "
            "must share --output_dir."
        )

    def _results(self) -> dict[str, Any] | None:
        if not files.exists(self.path(DONE)):
            return None
        try:
            done = files.read_json(self.path(DONE))
            for name, described in done["files"].items():
                files.check_file(self.path(name), described)
            return dict(done["results"])
        except (ArtifactError, AttributeError, KeyError, TypeError) as error:
            logging.warning("%s: %s It will be made again.", self.folder, error)
            files.remove(self.path(DONE))
            return None

    def make(
        self, maker: Maker, scratch: tuple[str, ...] = (), together: bool = False
    ) -> dict[str, Any]:
        """Makes the part.

        Args:
            maker: does the work; returns results and the names of the files to checksum.
            scratch: names of files that a half-done part needs and a done one does not.
            together: every worker runs the maker; else the chief alone.

        Returns:
            The results, with `seconds` and `peak_memory_bytes` of the work, unless the maker knows
            better.
        """
        if self.workers.chief:
            self.begin()
        self.workers.meet()
        cost: dict[str, float] = {}
        if self.workers.chief or together:
            with measured(cost), progress.part(self.folder):
                results, names = maker()
        self.workers.meet()
        if self.workers.chief:
            self.finish({**cost, **results}, names)
            for name in scratch:
                files.remove(self.path(name))
        self.workers.meet()
        return self._recorded()

    def ensure(
        self, maker: Maker, scratch: tuple[str, ...] = (), together: bool = False
    ) -> dict[str, Any]:
        """The part's results, as recorded, or as `make` makes them."""
        with self.claimed() as results:
            return self.make(maker, scratch, together) if results is None else results

    @contextlib.contextmanager
    def claimed(self) -> Iterator[dict[str, Any] | None]:
        """The part's results; or None, and then it is this run's to make within the block."""
        results = self.results()
        if results is not None:
            yield results
            return
        with self.held():
            yield self.results() if self.shared else None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other runs from making a shared part; waits for the one that is making it."""
        if not self.shared or files.is_remote(self.folder):
            yield
            return
        folder, name = os.path.split(self.folder)
        files.make_folder(folder)
        lock = os.path.join(folder, f".{name}.lock")  # beside it, since the folder may be removed
        with locked(lock, self._say_waiting) if self.workers.chief else contextlib.nullcontext():
            self.workers.meet()
            yield

    def _say_waiting(self, owner: str) -> None:
        logging.info("%s is being made by another run (%s): waiting for it.", self.folder, owner)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:60]}... ({files.fingerprint(value)})"

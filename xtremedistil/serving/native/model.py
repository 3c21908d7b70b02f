"""A student's network in C, as a function from ids to logits."""

import numpy as np

from xtremedistil.data import decoding
from xtremedistil.runtime.errors import ArtifactError, ConfigError, DataError
from xtremedistil.serving.python.division import Division, default_threads

try:
    from xtremedistil.serving.native import _kernel
except ImportError:  # there was no compiler where the package was installed
    _kernel = None

REFERENCE = "plain"
# Pieces, padding included, that one core reads at once: what it computes stays in its cache.
_CALL_PIECES = 512
_NOWHERE = np.zeros(0, np.int32)


def kernels() -> list[str]:
    """The kernels that this machine runs, the fastest first: `vnni` (AVX-512 VNNI), `avx2`, and
    `plain`, in plain C, a reference; none where the package was installed without a compiler."""
    return [] if _kernel is None else _kernel.kernels()


def can_run() -> bool:
    """Whether this machine runs the network in C faster than as plain C."""
    return any(name != REFERENCE for name in kernels())


class NativeModel:
    """A student as a function from ids to logits: the same to the last bit with every kernel, for a
    text alone and in any batch. It may be called from several threads.

    Attributes:
        vocabulary_size: rows of the student's table.
        classes: of its head.
        reads_last: whether it gives logits per text.
        batch_pieces: pieces of a batch, padding included, that it reads fastest.
    """

    def __init__(self, content: bytes, path: str, threads: int = 0, kernel: str = ""):
        """Args:
            content: what `pack` made.
            path: names it in errors.
            threads: that one call may use; 0 for every core.
            kernel: one of `kernels()`; the fastest unless given.

        Raises:
            ArtifactError: not a whole file of weights.
            ConfigError: the package was installed without a compiler, or no such kernel.
        """
        usable = kernels()
        if not usable:
            raise ConfigError(
                "native models need the package's C extension: install it where there is a C "
                "compiler. Received: no extension"
            )
        if kernel and kernel not in usable:
            raise ConfigError(
                f"this machine runs the kernels {', '.join(usable)}. Received: kernel={kernel!r}"
            )
        try:
            self._network = _kernel.open(content, kernel or usable[0])
        except ValueError as error:
            raise ArtifactError(
                f"{path}: not a student's weights for the native kernel: {error}. Received: "
                f"{len(content):,} bytes"
            ) from error
        self.vocabulary_size, self.classes, reads_last = _kernel.sizes(self._network)
        self.reads_last = bool(reads_last)
        self._threads = threads or default_threads()
        self.batch_pieces = _CALL_PIECES * self._threads
        self._divided = Division(self._run, self._threads, _CALL_PIECES)

    def __call__(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Logits.

        Args:
            ids: `(batch, length)` int32 rows of the student's table, 0 where padded.
            lengths: `(batch,)` int32.

        Returns:
            `(batch, length, classes)`, 0 where padded, or `(batch, classes)`.

        Raises:
            DataError: an id is no row of the table, a length is not one of the batch, or the arrays
                are not of whole numbers or do not fit each other.
        """
        ids, lengths = _checked(ids, lengths)
        if self.reads_last:
            return self._divided(ids, lengths, None)
        places = np.flatnonzero(np.arange(ids.shape[1]) < lengths[:, None])
        logits = np.zeros((ids.size, self.classes), np.float32)
        logits[places] = self._divided(ids, lengths, places)
        return logits.reshape(*ids.shape, self.classes)

    def at(self, ids: np.ndarray, lengths: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Logits of some pieces.

        Args:
            ids, lengths: as above.
            places: `(asked,)` positions in the flat ids, in ascending order, none of them padding.

        Returns:
            `(asked, classes)`.

        Raises:
            DataError: as above, or a place is not that of a piece.
        """
        ids, lengths = _checked(ids, lengths)
        return self._divided(ids, lengths, places)

    @staticmethod
    def best_tags(scores: np.ndarray, edges: np.ndarray, legal: np.ndarray | None) -> np.ndarray:
        """What `decoding.best_tags` gives, to the same tags: where a best tag is not legal, in some
        microseconds a text, for numpy's calls for each word take hundreds.

        Args:
            scores: `(words, tags)` float32, text after text.
            edges: `(texts + 1,)`: where the words of each text begin, and those of the last end.
            legal: of `decoding.legal_steps`.

        Returns:
            `(words,)` int32 indices of tags, or int64 where every sequence is legal.
        """
        if legal is None:
            return decoding.best_tags(scores, edges, legal)
        tags = np.empty(len(scores), np.int32)
        scores = np.ascontiguousarray(scores, np.float32)
        _kernel.choose(scores, edges.astype(np.int32), legal.astype(np.int32), tags)
        return tags

    def _run(self, ids: np.ndarray, lengths: np.ndarray, places: np.ndarray | None) -> np.ndarray:
        asked = _NOWHERE if places is None else _int32(places, "places", 1)
        answers = len(ids) if self.reads_last else len(asked)
        logits = np.empty((answers, self.classes), np.float32)
        try:
            _kernel.run(self._network, ids, lengths, asked, logits, self._threads)
        except ValueError as error:
            given = {"ids": ids, "lengths": lengths, "places": asked}
            received = [
                f"{name} {array.shape} from {array.min(initial=0)} to {array.max(initial=0)}"
                for name, array in given.items()
            ]
            raise DataError(
                f"{error}. Received: vocabulary_size={self.vocabulary_size} {', '.join(received)}"
            ) from error
        return logits


def _checked(ids: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A batch as the kernel reads it, whose rows still have to be compared with the table.

    Raises:
        DataError: the arrays are not of whole numbers, or do not fit each other.
    """
    ids, lengths = _int32(ids, "ids", 2), _int32(lengths, "lengths", 1)
    if len(ids) != len(lengths):
        raise DataError(
            f"the arrays do not fit each other. Received: ids {ids.shape} lengths {lengths.shape}"
        )
    return ids, lengths


def _int32(array: np.ndarray, name: str, axes: int) -> np.ndarray:
    """An array in one piece; numbers that int32 has not would become others without a word."""
    whole = array.ndim == axes and array.dtype.kind in "iu"
    if whole and array.dtype != np.int32:
        limits = np.iinfo(np.int32)
        whole = limits.min <= array.min(initial=0) and array.max(initial=0) <= limits.max
    if not whole:
        raise DataError(
            f"{name} has {axes} axes of whole numbers in the range of int32. Received: "
            f"{array.dtype} {array.shape}"
        )
    return np.ascontiguousarray(array, np.int32)

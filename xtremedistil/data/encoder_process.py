"""Text encoded by processes of their own, which know nothing of TensorFlow.

A process is a Python that runs this module. It is told by lines of JSON what to do, and answers
each with a line when the chunk is on disk: no text comes back, and a process ends when the one
that started it does, however that ends. (`multiprocessing` would run a user's program once more in
every process, and import TensorFlow with it.)
"""

import contextlib
import ctypes
import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO

import xtremedistil
from xtremedistil.data.encoding import TextEncoder
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.shards import save_shard
from xtremedistil.data.sources import Text
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.tokenization.kind import TokenizerFolder
from xtremedistil.tokenization.registry import TOKENIZERS

_DONE = b"done\n"
_END_WITH_PARENT = 1  # of Linux' prctl


class Encoders:
    """Processes that encode chunks of text, as a context.

    Attributes:
        processes: those that were started.
    """

    def __init__(self, encoder: TextEncoder, folder: str, workers: int):
        """Starts them.

        Args:
            encoder: what they do.
            folder: a local one, where they find the tokenizer.
            workers: how many.
        """
        tokenizer = os.path.join(folder, "tokenizer")
        files.make_folder(tokenizer)
        encoder.tokenizer.save(tokenizer)
        labels = encoder.labels and dataclasses.asdict(encoder.labels)
        order = {
            "tokenizer": [encoder.tokenizer.kind, tokenizer],
            "labels": labels,
            "longest": encoder.longest,
        }
        self.processes = [_start() for _ in range(workers)]
        self._free: queue.SimpleQueue[subprocess.Popen] = queue.SimpleQueue()
        for process in self.processes:
            _tell(process, order)
            self._free.put(process)

    def encode(self, texts: Sequence[Text], path: str) -> None:
        """Has a free process encode some texts and write them to a shard; from any thread.

        Raises:
            DataError: the process has ended.
        """
        process = self._free.get()
        try:
            _tell(process, {"path": path, "texts": [(text.words, text.raw) for text in texts]})
            if process.stdout.readline() != _DONE:
                raise BrokenPipeError
        except BrokenPipeError as error:
            code = process.wait()
            raise DataError(
                "a process that encodes text ended before its work did; if memory is short, "
                "--data_workers=1 takes the least. What is encoded is kept. Received: exit code "
                f"{code}"
            ) from error
        finally:
            self._free.put(process)

    def __enter__(self) -> "Encoders":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def _start() -> subprocess.Popen:
    """A process that has this package, wherever this one has it from."""
    top = os.path.dirname(os.path.dirname(os.path.abspath(xtremedistil.__file__)))
    path = os.pathsep.join(filter(None, (top, os.environ.get("PYTHONPATH"))))
    one_core = {"TOKENIZERS_PARALLELISM": "false", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "xtremedistil.data.encoder_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **one_core, "PYTHONPATH": path},
    )


def _tell(process: subprocess.Popen, order: object) -> None:
    process.stdin.write(json.dumps(order).encode("ascii") + b"\n")
    process.stdin.flush()


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """The whole life of a process.

    Args:
        orders: lines of JSON: first how to encode, then chunks.
        answers: gets a line for each chunk that is on disk.
    """
    how = json.loads(orders.readline())
    kind, folder = how["tokenizer"]
    tokenizer = TOKENIZERS[kind].open(TokenizerFolder(folder), "checkpoint")
    labels = how["labels"] and LabelSet(**how["labels"])
    encoder = TextEncoder(tokenizer, labels, how["longest"])
    for line in orders:
        chunk = json.loads(line)
        save_shard(encoder.encode(Text(*text) for text in chunk["texts"]), chunk["path"])
        answers.write(_DONE)
        answers.flush()


def main() -> None:
    """Serves the process that started this one; Ctrl-C is for that one alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = os.getppid()
    with contextlib.suppress(OSError, AttributeError):  # else at the next order, which never comes
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
    if os.getppid() == owner:
        serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()

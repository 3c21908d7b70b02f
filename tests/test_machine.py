"""What the process takes of the machine."""

import platform
import subprocess
import sys

import pytest

_THREADS = """
import threading, numpy as np
from xtremedistil.runtime.machine import share_one_heap
{call}
together = threading.Barrier(8)
def allocate():
    together.wait()
    kept.append(np.ones(100_000))
    together.wait()
kept = []
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
import ctypes
ctypes.CDLL("libc.so.6").malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of glibc")
def test_threads_share_one_heap():
    """`malloc_stats` prints `Arena 0:`, `Arena 1:` and so on to stderr, one for each heap."""

    def heaps(call):
        script = [sys.executable, "-c", _THREADS.format(call=call)]
        return subprocess.run(script, capture_output=True, text=True, check=True).stderr

    assert "Arena 1:" in heaps("")
    found = heaps("share_one_heap()")
    assert "Arena 0:" in found
    assert "Arena 1:" not in found

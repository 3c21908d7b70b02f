"""What the process takes of the machine."""

import os
import platform
import subprocess
import sys

import pytest
from soak.measure_run import anonymous_bytes

from xtremedistil.runtime import machine

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


_AGAIN = """
import os, sys
from xtremedistil.runtime import machine
machine._HUGE_PAGES = sys.argv[1]
print("begun")
sys.stdout.flush()
machine.take_large_pages()
print(sys.argv[2:], os.environ.get("GLIBC_TUNABLES", "none"))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
@pytest.mark.parametrize(
    ("pages", "own", "starts"),
    [("[always] madvise never", None, 2), ("always madvise [never]", None, 1), (None, None, 1)]
    + [("always [madvise] never", "glibc.malloc.check=0", 1)],
)
def test_a_program_starts_again_with_large_pages_once(tmp_path, pages, own, starts):
    if tuple(map(int, platform.libc_ver()[1].split("."))) < machine._FIRST_GLIBC:
        pytest.skip("this glibc does not know the settings")
    if pages:
        (tmp_path / "enabled").write_text(pages)
    environment = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES"}
    environment |= {"GLIBC_TUNABLES": own} if own else {}
    program = [sys.executable, "-c", _AGAIN, str(tmp_path / "enabled"), "--a=b c", "d"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    settings = machine._LARGE_PAGES if starts == 2 else own or "none"
    assert done.stdout.splitlines() == ["begun"] * starts + [f"['--a=b c', 'd'] {settings}"]


_STARTING = """
import subprocess, sys, time
held = bytearray(100 << 20)
def wait():
    print("starting", flush=True)
    time.sleep(1)
child = subprocess.Popen(["sleep", "60"], preexec_fn=wait)
print("started", flush=True)
sys.stdin.read()
child.kill()
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory as Linux tells it")
def test_memory_is_counted_once_while_a_process_starts_another():
    command, pipe = [sys.executable, "-c", _STARTING], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "starting\n"
        starting = anonymous_bytes(process.pid)
        assert process.stdout.readline() == "started\n"
        after = anonymous_bytes(process.pid)
        process.stdin.close()
    assert 100 << 20 < starting < 150 << 20
    assert 0 <= after - starting < 10 << 20

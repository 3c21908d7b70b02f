"""What a piece of work cost, time and memory, and how its memory is kept from growing."""

import contextlib
import ctypes
import os
import resource
import sys
import time
from collections.abc import Iterator

_ARENA_MAX = -8  # of glibc's mallopt
_TUNABLES = "GLIBC_TUNABLES"
_LARGE_PAGES = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8388608:"
    "glibc.malloc.trim_threshold=67108864"
)
_FIRST_GLIBC = (2, 35)  # that knows the first of these
_HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"


@contextlib.contextmanager
def measured(cost: dict[str, float]) -> Iterator[None]:
    """Puts `seconds`, `processor_seconds` (of this process and of those that it started and that
    have ended) and `peak_memory_bytes` of the block into `cost`."""
    _reset_peak()
    start, worked = time.monotonic(), sum(os.times()[:4])
    try:
        yield
    finally:
        cost["seconds"] = time.monotonic() - start
        cost["processor_seconds"] = sum(os.times()[:4]) - worked
        cost["peak_memory_bytes"] = peak_memory()


def _reset_peak() -> None:
    """Makes Linux forget the process's peak so far; elsewhere the peak stays that of the whole
    process."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_memory() -> int:
    """Peak resident bytes since the last reset."""
    return _status("VmHWM") or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def anonymous_memory() -> int:
    """Resident bytes that are of no file, and so of this process alone; 0 where the system does not
    say."""
    return _status("RssAnon")


def _status(name: str) -> int:
    """Bytes that Linux tells of this process; 0 elsewhere."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith(f"{name}:"):
                return 1024 * int(line.split()[1])
    return 0


def take_large_pages() -> None:
    """Starts this program again, as the same process, with glibc set to ask for memory in pages of
    2 MB, to give blocks of 8 MB back at once, and to keep up to 64 MB that lie free at the heap's
    end; for the first act of a program that trains.

    A step of training takes and frees hundreds of megabytes. In pages of 4 kB a quarter of its time
    can go into the system's handing them out, and what lies free in the heap in between grows with
    the number of steps. And once the size of blocks that are given back is set, glibc would by
    itself keep 128 kB at the heap's end, and each step would give back and take tens of megabytes
    anew (a quarter of a small student's step). glibc reads these settings only when a process
    begins. Nothing happens where the user has settings of glibc's, or where glibc is older or pages
    of 2 MB are not to be had, since blocks would then be given back at the cost of 4 kB pages.
    """
    if _TUNABLES in os.environ or not sys.executable:
        return
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
        with open(_HUGE_PAGES) as file:
            pages = file.read()
    except (AttributeError, OSError, ValueError):
        return
    known = name == "glibc" and tuple(map(int, version.split("."))) >= _FIRST_GLIBC
    if known and "[never]" not in pages:
        os.environ[_TUNABLES] = _LARGE_PAGES
        os.execv(sys.executable, sys.orig_argv)


def share_one_heap() -> None:
    """Has glibc take the memory of all threads from one heap; for the start of a program.

    By itself it gives threads heaps of their own. The tensors of training have as many sizes as
    there are lengths, and what one thread freed did not fit or serve another: hundreds of megabytes
    lay free in several heaps, and the more batches, the higher the peak. Where there is no glibc,
    nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_ARENA_MAX, 1)


def return_free_memory() -> None:
    """Gives what lies free in the heap back to the system, in tens of milliseconds.

    Holes that the tensors of another length do not fit would pile up over thousands of batches.
    Where there is no glibc, nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

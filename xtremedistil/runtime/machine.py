"""What a piece of work cost: time and memory."""

import contextlib
import resource
import time
from collections.abc import Iterator


@contextlib.contextmanager
def measured(cost: dict[str, float]) -> Iterator[None]:
    """Puts `seconds` and `peak_memory_bytes` of the block into `cost`."""
    _reset_peak()
    start = time.monotonic()
    try:
        yield
    finally:
        cost["seconds"] = time.monotonic() - start
        cost["peak_memory_bytes"] = peak_memory()


def _reset_peak() -> None:
    """Makes Linux forget the process's peak so far; elsewhere the peak stays that of the whole
    process."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_memory() -> int:
    """Peak resident bytes since the last reset."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

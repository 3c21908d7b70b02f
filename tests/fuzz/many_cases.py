"""What the fuzzers have in common: many cases, each of which may end in two ways only."""

import argparse
import signal
import traceback
from collections.abc import Callable

import numpy as np

from xtremedistil.runtime.errors import XtremeDistilError
from xtremedistil.runtime.machine import peak_memory

SECONDS = 60  # a case that takes longer hangs


def run_cases(
    good: str, try_one: Callable[[np.random.Generator], None], cases: int, seed: int, memory: int
) -> dict[str, int]:
    """Tries so many cases.

    Args:
        good: the name of a good end; the other one is an error of the package.
        try_one: makes a case from its random numbers, and tries it.
        cases, seed: how many, and which; a case depends on the seed and on its own number.
        memory: bytes that all cases together may add to the peak.

    Returns:
        How many came to a good end, and how many were `refused`.

    Raises:
        AssertionError: one had another end than these two, or they took too much memory.
    """
    counts = {good: 0, "refused": 0}
    before = peak_memory()
    for case in range(cases):
        signal.alarm(SECONDS)
        try:
            try_one(np.random.default_rng([seed, case]))
            counts[good] += 1
        except XtremeDistilError:
            counts["refused"] += 1
        except Exception as error:
            traceback.print_exc()
            raise AssertionError(f"seed {seed}, case {case}: {error!r}") from error
        finally:
            signal.alarm(0)
    assert peak_memory() - before < memory, f"{peak_memory() - before:,} bytes more"
    return counts


def main(description: str, run: Callable[[int, int], dict[str, int]]) -> None:
    """The command line of a fuzzer.

    Args:
        description: for `--help`.
        run: from cases and seed to what `run_cases` returns.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(run(arguments.cases, arguments.seed))

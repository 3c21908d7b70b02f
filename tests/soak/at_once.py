"""Requests to a server, many at once, and the command line of the programs that send them."""

import argparse
import collections
import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = 64


def count_ends(requests: int, end_of: Callable[[int], Hashable]) -> collections.Counter:
    """How many requests had each end.

    Args:
        requests: how many.
        end_of: makes the request of a number and sends it. Each thread makes one when it sends it:
            all of them at once are the memory of the client, and grow with their number.
    """

    def ends_of(share: Iterable[int]) -> collections.Counter:
        return collections.Counter(map(end_of, share))

    shares = [range(first, requests, AT_ONCE) for first in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(ends_of, shares), collections.Counter())


def main(description: str, run: Callable[[int, int], dict[str, int]]) -> None:
    """The command line.

    Args:
        description: of the program.
        run: from the number of requests and a seed to what is printed.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.monotonic()
    counts = run(arguments.requests, arguments.seed)
    print(*(f"{end}: {number}" for end, number in counts.items()), sep="\n")
    print(f"{time.monotonic() - start:.0f} s")

"""The native kernels under sanitizers, over many sizes of students.

PYTHONPATH=.:tests python tests/soak/run_kernels.py --students=500 [--seed=0]
"""

import argparse
import tempfile

import numpy as np
from native.checks import build_driver, random_shape, run_driver


def main() -> int:
    """Runs the driver on random students; it stops at the first fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        driver = build_driver(folder)
        if driver is None:
            print("not run: no compiler with sanitizers here, or no AVX2")
            return 0
        for seed in range(arguments.seed, arguments.seed + arguments.students):
            shape = random_shape(np.random.default_rng(seed))
            run_driver(driver, shape, folder, seed, rounds=10)
    print(f"{arguments.students} students: every kernel the same, no fault")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

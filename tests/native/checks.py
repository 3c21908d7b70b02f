"""The kernels under sanitizers: a small C program (`driver.c`) and students of random sizes."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
from native.students import HEAD, random_weights

from xtremedistil.serving.native.pack import pack
from xtremedistil.students.shape import StudentShape

_HERE = pathlib.Path(__file__).parent
_KERNEL = _HERE.parent.parent / "xtremedistil/serving/native/kernel"
_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
VARIANTS = (
    {},
    {"heads_on": "states"},
    {"projection": "linear"},
    {"task": "classification"},
    {"task": "classification", "heads_on": "states"},
)


def build_driver(folder: str) -> str | None:
    """Compiles the driver.

    Returns:
        Its path; None where there is no compiler with sanitizers, or no AVX2 to emulate VNNI with.
    """
    compiler = os.environ.get("CC") or shutil.which("cc")
    if compiler is None or not _has_avx2():
        return None
    probe, driver = os.path.join(folder, "probe"), os.path.join(folder, "driver")
    empty = subprocess.run(
        [compiler, *_SANITIZERS, "-x", "c", "-", "-o", probe],
        input=b"int main(void) { return 0; }",
        capture_output=True,
        check=False,
    )
    if empty.returncode or subprocess.run([probe], check=False).returncode:
        return None
    options = ["-std=gnu11", "-O0", "-g", "-pthread", "-Wno-psabi", '-DINTRINSICS="emulated.h"']
    folders = [f"-I{_KERNEL}", f"-I{_HERE}"]
    sources = [str(path) for path in _KERNEL.glob("*.c") if path.name != "module.c"]
    sources.append(str(_HERE / "driver.c"))
    command = [compiler, *options, *_SANITIZERS, *folders, *sources, "-lm", "-o", driver]
    subprocess.run(command, check=True)
    return driver


def _has_avx2() -> bool:
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return {"avx2", "fma"} <= set(flags)


def run_driver(driver: str, shape: StudentShape, folder: str, seed: int, rounds: int) -> None:
    """Packs a random student and runs the driver on it.

    Raises:
        AssertionError: kernels differ, or a sanitizer found something.
    """
    path = os.path.join(folder, "weights")
    gain = 2.0 ** np.random.default_rng(seed).integers(-2, 4)
    with open(path, "wb") as file:
        file.write(pack(shape, random_weights(shape, seed, gain), HEAD))
    done = subprocess.run(
        [driver, path, str(seed), str(rounds)], capture_output=True, text=True, check=False
    )
    assert not done.returncode, f"{shape} seed={seed} gain={gain}\n{done.stderr}"


def random_shape(rng: np.random.Generator) -> StudentShape:
    """Sizes of which many are no multiple of anything."""
    sizes = (int(rng.integers(1, most)) for most in (60, 70, 70, 100, 14))
    return StudentShape(*sizes, **VARIANTS[rng.integers(len(VARIANTS))])

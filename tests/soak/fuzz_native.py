"""The fuzzer of native exports, with the C extension built under the address and
undefined-behaviour sanitizers, which end the process at the first fault.

PYTHONPATH=.:tests python tests/soak/fuzz_native.py --cases=10000 [--seed=0]
"""

import argparse
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "xtremedistil.serving.native"
SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all"
OPTIONS = {
    # Python itself leaves memory behind; sizes that no memory has are errors, as without sanitizers
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=32",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def main() -> None:
    """Builds the extension, and starts itself again with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--built", help="where the extension is, if it is built")
    arguments = parser.parse_args()
    if arguments.built:
        run(arguments.built, arguments.cases, arguments.seed)
        return
    with tempfile.TemporaryDirectory() as folder:
        build(folder)
        flags = [f"--cases={arguments.cases}", f"--seed={arguments.seed}", f"--built={folder}"]
        environment = os.environ | OPTIONS | {"LD_PRELOAD": runtime()}
        subprocess.run([sys.executable, __file__, *flags], check=True, env=environment)


def build(folder: str) -> None:
    """Compiles the extension into a folder of its own."""
    options = ["build_ext", f"--build-lib={folder}", f"--build-temp={folder}/temporary"]
    environment = os.environ | {"CFLAGS": f"{SANITIZERS} -g", "LDFLAGS": SANITIZERS}
    command = [sys.executable, "setup.py", "-q", *options]
    subprocess.run(command, check=True, cwd=TOP, env=environment)


def runtime() -> str:
    """The sanitizer's library, which must be loaded before Python is."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    command = [compiler, "-print-file-name=libasan.so"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run(built: str, cases: int, seed: int) -> None:
    """Fuzzes with the extension that was built."""
    folder = os.path.join(built, *PACKAGE.split("."))
    importlib.import_module(PACKAGE).__path__.insert(0, folder)
    kernel = importlib.import_module(f"{PACKAGE}._kernel")
    assert os.path.dirname(kernel.__file__) == folder, kernel.__file__

    from fuzz import fuzz_native  # after that, so that it finds this extension

    print(fuzz_native.run(cases, seed))


if __name__ == "__main__":
    main()

"""What a run ran on."""

import contextlib
import importlib.metadata
import os
import platform

PACKAGES = (
    "tensorflow",
    "tensorflow-text",
    "keras",
    "transformers",
    "tokenizers",
    "numpy",
    "scikit-learn",
    "seqeval",
    "absl-py",
    "xtremedistil",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the numbers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def hardware() -> dict[str, object]:
    """What the numbers were measured on."""
    import tensorflow as tf  # slow: only where results are written

    model = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        model = next(
            (line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), ""
        )
    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return {
        "cpu": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpus": gpus,
    }

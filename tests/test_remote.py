"""A run whose data and output are not on the local disk: TensorFlow's file system in memory."""

import os

import processes
import pytest

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError


def config_in_memory(**changes):
    """A small run from `ram://data` to `ram://out`."""
    from xtremedistil.config import Config
    from xtremedistil.data.sample import corpus_dir

    here = os.path.join(corpus_dir(), "de")
    for name in os.listdir(here):
        content = files.read_bytes(os.path.join(here, name))
        files.make_folder("ram://data/de")
        files.write_bytes(f"ram://data/de/{name}", content)
    return Config.from_dict(processes.small_config("ram://data", "ram://out", **changes))


def run_in_memory():
    """Goes to the last step, and does it again."""
    from xtremedistil.experiments.main import execute

    config = config_in_memory()
    execute(config)
    step = files.list_folder("ram://out/steps")[0]
    weights = f"ram://out/steps/{step}/weights.safetensors"
    first = files.checksum(weights)
    assert files.list_folder("ram://out/targets/logits")
    assert not [n for n in files.list_folder(f"ram://out/steps/{step}") if "part" in n]
    execute(config)  # finished: nothing is made again
    files.write_bytes(weights, files.read_bytes(weights)[:-7])
    execute(config)  # damaged: this step is made again
    assert files.checksum(weights) == first
    assert not os.path.exists("ram:")


def export_in_memory():
    """Goes to results and the SavedModel, exports to ONNX too, and reads all of them again."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    import xtremedistil
    from xtremedistil.experiments.main import execute
    from xtremedistil.serving.exports.export import export
    from xtremedistil.serving.exports.options import ExportOptions

    results = execute(config_in_memory(stage="all"))
    assert files.read_json("ram://out/results.json")["steps"] == results["steps"]
    assert all(step["waiting_seconds"] > 0 for step in results["steps"])
    served = tf.saved_model.load("ram://out/export/saved_model").signatures["serving_default"]
    assert served(texts=tf.constant(["Berlin ist schön"]))["counts"].numpy().tolist() == [3]
    report = export(ExportOptions("ram://out/student", "ram://out/export/onnx", format="onnx"))
    assert report["max_logit_difference"] < 1e-4
    for folder in ("ram://out", "ram://out/export/onnx"):
        assert len(xtremedistil.load(folder).tag("Berlin ist schön").tags) == 3
    assert not os.path.exists("ram:")


def test_a_whole_run_on_a_file_system_that_is_not_the_local_one():
    processes.timed(processes.start(run_in_memory))


def test_exports_to_a_file_system_that_is_not_the_local_one():
    processes.timed(processes.start(export_in_memory))


def test_a_file_elsewhere_appears_whole_or_not_at_all():
    files.make_folder("ram://box")
    files.write_bytes("ram://box/a", b"old")

    def fail():
        with files.writing("ram://box/a") as file:
            file.write(b"new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert files.read_bytes("ram://box/a") == b"old"
    files.write_bytes("ram://box/a", b"new")
    assert files.read_bytes("ram://box/a") == b"new"
    assert files.list_folder("ram://box") == ["a"]
    files.remove("ram://box")
    with pytest.raises(ArtifactError, match=r"ram://box/a: no such file"):
        files.read_bytes("ram://box/a")

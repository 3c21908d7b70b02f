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
    """Goes to results and the SavedModel, exports to ONNX too, reads all of them again, and makes a
    damaged step anew."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    import xtremedistil
    from xtremedistil.experiments.main import execute
    from xtremedistil.serving.exports.export import export
    from xtremedistil.serving.exports.options import ExportOptions

    config = config_in_memory(stage="all")
    results = execute(config)
    assert files.read_json("ram://out/results.json")["steps"] == results["steps"]
    assert all(step["waiting_seconds"] > 0 for step in results["steps"])
    served = tf.saved_model.load("ram://out/export/saved_model").signatures["serving_default"]
    assert served(texts=tf.constant(["Berlin ist schön"]))["counts"].numpy().tolist() == [3]
    report = export(ExportOptions("ram://out/student", "ram://out/export/onnx", format="onnx"))
    assert report["max_logit_difference"] < 1e-4
    for folder in ("ram://out", "ram://out/export/onnx"):
        assert len(xtremedistil.load(folder).tag("Berlin ist schön").tags) == 3
    step = files.list_folder("ram://out/steps")[0]
    weights = f"ram://out/steps/{step}/weights.safetensors"
    first = files.checksum(weights)
    assert files.list_folder("ram://out/targets/logits")
    assert not [n for n in files.list_folder(f"ram://out/steps/{step}") if "part" in n]
    files.write_bytes(weights, files.read_bytes(weights)[:-7])
    execute(config_in_memory(stage="3"))  # results and exports are seen above
    assert files.checksum(weights) == first
    assert not os.path.exists("ram:")


def test_a_whole_run_on_a_file_system_that_is_not_the_local_one():
    processes.timed(processes.start(run_in_memory))


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

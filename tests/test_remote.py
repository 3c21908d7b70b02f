"""A run whose data and output are not on the local disk: TensorFlow's file system in memory."""

import os

import processes
import pytest

from xtremedistil import artifacts
from xtremedistil.errors import ArtifactError


def run_in_memory():
    """Reads `ram://data`, writes `ram://out`, and does it again."""
    from xtremedistil.config import Config
    from xtremedistil.data.sample import corpus_dir
    from xtremedistil.experiments.main import execute

    here = os.path.join(corpus_dir(), "de")
    for name in os.listdir(here):
        content = artifacts.read_bytes(os.path.join(here, name))
        artifacts.make_folder("ram://data/de")
        artifacts.write_bytes(f"ram://data/de/{name}", content)
    config = Config.from_dict(processes.small_config("ram://data", "ram://out"))
    execute(config)
    step = artifacts.list_folder("ram://out/steps")[0]
    weights = f"ram://out/steps/{step}/weights.safetensors"
    first = artifacts.checksum(weights)
    assert artifacts.list_folder("ram://out/targets/logits")
    assert not [n for n in artifacts.list_folder(f"ram://out/steps/{step}") if "part" in n]
    execute(config)  # finished: nothing is made again
    artifacts.write_bytes(weights, artifacts.read_bytes(weights)[:-7])
    execute(config)  # damaged: this step is made again
    assert artifacts.checksum(weights) == first
    assert not os.path.exists("ram:")


def test_a_whole_run_on_a_file_system_that_is_not_the_local_one():
    process = processes.start(run_in_memory)
    process.join(1800)
    assert process.exitcode == 0


def test_a_file_elsewhere_appears_whole_or_not_at_all():
    artifacts.make_folder("ram://box")
    artifacts.write_bytes("ram://box/a", b"old")

    def fail():
        with artifacts.writing("ram://box/a") as file:
            file.write(b"new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert artifacts.read_bytes("ram://box/a") == b"old"
    artifacts.write_bytes("ram://box/a", b"new")
    assert artifacts.read_bytes("ram://box/a") == b"new"
    assert artifacts.list_folder("ram://box") == ["a"]
    artifacts.remove("ram://box")
    with pytest.raises(ArtifactError, match=r"ram://box/a: no such file"):
        artifacts.read_bytes("ram://box/a")

"""The same answer twice: a run repeated from its own config.json, bit for bit."""

import json
import os
import shutil

import processes
import pytest

from xtremedistil.data.sample import corpus_dir


def run_deterministic(config):
    """A run in a process of its own; exit code 1 when op determinism was not on."""
    from tensorflow.python.framework.config import is_op_determinism_enabled

    assert not is_op_determinism_enabled()
    processes.run(config)
    assert is_op_determinism_enabled()


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_run_repeated_from_its_config_gives_the_same_weights(tmp_path, deterministic):
    shutil.copytree(os.path.join(corpus_dir(), "de"), tmp_path / "data" / "de")
    data, outs = str(tmp_path / "data"), [tmp_path / "first", tmp_path / "second"]
    program = run_deterministic if deterministic else processes.run
    config = processes.small_config(data, str(outs[0]), deterministic=deterministic)
    processes.timed(processes.start(program, config))
    again = json.loads((outs[0] / "config.json").read_text("utf-8"))
    again["run"]["output_dir"] = str(outs[1])
    processes.timed(processes.start(program, again))
    expected, found = (processes.arrays_of(str(out)) for out in outs)
    assert len(expected) > 8
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    inputs = json.loads((outs[1] / "teacher" / "inputs.json").read_text("utf-8"))
    assert inputs.get("deterministic", False) == deterministic

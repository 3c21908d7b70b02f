"""The same answer twice: a run repeated from its own config.json, bit for bit. (Without
`--deterministic`, `test_run` and `test_kills` compare.)"""

import json
import os
import shutil

import processes

from xtremedistil.data.sample import corpus_dir


def run_deterministic(config):
    """A run in a process of its own; exit code 1 when op determinism was not on."""
    from tensorflow.python.framework.config import is_op_determinism_enabled

    assert not is_op_determinism_enabled()
    processes.run(config)
    assert is_op_determinism_enabled()


def test_a_deterministic_run_repeated_from_its_config_gives_the_same_weights(tmp_path):
    shutil.copytree(os.path.join(corpus_dir(), "de"), tmp_path / "data" / "de")
    data, outs = str(tmp_path / "data"), [tmp_path / "first", tmp_path / "second"]
    config = processes.small_config(data, str(outs[0]), deterministic=True)
    processes.timed(processes.start(run_deterministic, config))
    again = json.loads((outs[0] / "config.json").read_text("utf-8"))
    again["run"]["output_dir"] = str(outs[1])
    processes.timed(processes.start(run_deterministic, again))
    expected, found = (processes.arrays_of(str(out)) for out in outs)
    assert len(expected) > 8
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    inputs = json.loads((outs[1] / "teacher" / "inputs.json").read_text("utf-8"))
    assert inputs["deterministic"]  # so that no run without it takes these parts for its own

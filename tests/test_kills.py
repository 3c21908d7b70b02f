"""A run that is killed at random moments ends bit for bit as one that never was."""

import os
import shutil

import processes
import pytest

from xtremedistil.data.sample import corpus_dir


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """German of the sample corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    shutil.copytree(os.path.join(corpus_dir(), "de"), folder / "de")
    return str(folder)


def test_a_run_that_is_killed_again_and_again_ends_bit_for_bit_the_same(data, tmp_path):
    whole, killed = str(tmp_path / "whole"), str(tmp_path / "killed")
    seconds = processes.timed(processes.start(processes.run, processes.small_config(data, whole)))
    config = processes.small_config(data, killed)

    def begin():
        return processes.start(processes.run, config)

    story = processes.killed_run(begin, killed, kills=3, seconds=seconds, seed=0)
    expected, found = processes.arrays_of(whole), processes.arrays_of(killed)
    assert len(expected) > 8
    assert found.keys() == expected.keys(), story
    assert [name for name in expected if found[name] != expected[name]] == [], story
    assert processes.histories_of(killed) == processes.histories_of(whole), story

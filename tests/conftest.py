"""Fixtures that several tests share. Real data and real weights are optional: tests skip without
them."""

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
SHARED = os.path.join(os.path.dirname(os.path.dirname(HERE)), "shared")


@pytest.fixture(scope="session")
def shared_data() -> str:
    """The folder of real data, where it is."""
    folder = os.path.join(SHARED, "data")
    if not os.path.isdir(os.path.join(folder, "wikiann")):
        pytest.skip("no real data beside this checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def shared_cases() -> str:
    """The folder of small data folders as people have them, where it is."""
    folder = os.path.join(SHARED, "cases")
    if not os.path.isdir(folder):
        pytest.skip("no folders of cases beside this checkout (../shared/cases)")
    return folder


@pytest.fixture(scope="session")
def minilm(tmp_path_factory) -> str:
    """The folder of a real pretrained BERT, where it can be had."""
    tool = os.path.join(SHARED, "tools", "fetch-minilm")
    if not os.path.exists(tool):
        pytest.skip("no tool to fetch a pretrained BERT beside this checkout (../shared/tools)")
    folder = str(tmp_path_factory.mktemp("minilm") / "model")
    done = subprocess.run([tool, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the pretrained BERT could not be fetched: {done.stderr.strip()[-200:]}")
    return folder

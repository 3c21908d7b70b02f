"""Predictors in processes of their own: the answers of one process, and none is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from native.students import save_student

from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.load import load
from xtremedistil.serving.python import stream

LINES = [f"{n} Anna went to Paris, {n}. 東京" for n in range(50)] + ["", "end \ufffd"]


def test_processes_answer_as_one_does_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_CHUNK_LINES", 5)
    save_student(str(tmp_path))
    reopen = partial(load, str(tmp_path), "onnx", threads=1)
    expected = list(stream.predict_lines(reopen(), LINES))
    found = list(stream.predict_lines(reopen(), LINES, workers=2, reopen=reopen))
    assert found == expected
    assert len(found) == 11


def test_a_process_that_ends_before_its_work_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_CHUNK_LINES", 5)
    save_student(str(tmp_path))
    predictor = load(str(tmp_path), "onnx", threads=1)
    answers = stream.predict_lines(predictor, LINES, workers=2, reopen=partial(os._exit, 3))
    with pytest.raises(ConfigError, match=r"fewer workers need less\. Received: workers=2"):
        list(answers)


_OWNER = """
import os, time
from xtremedistil.serving.python.processes import answer, pool_of
with pool_of(os.getpid, 1) as pool:
    print(pool.submit(answer, max, 0).result(), flush=True)  # its "predictor" is its number
    time.sleep(60)
"""


def test_no_process_outlives_its_owner():
    owner = subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE)
    worker = int(owner.stdout.readline())
    os.kill(worker, 0)  # it is there
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    with contextlib.suppress(ProcessLookupError):
        for _ in range(300):
            os.kill(worker, 0)
            time.sleep(0.1)
        pytest.fail("the process was still there after 30 seconds")

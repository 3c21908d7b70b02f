"""Processes of the benchmark: one that is busy, and those that serve; no TensorFlow is needed."""

import json
import os
import subprocess
import sys

from native.students import save_student

from xtremedistil.benchmark import processes
from xtremedistil.benchmark.exported import exported
from xtremedistil.serving.exports.card import write_card
from xtremedistil.serving.exports.saved_model import SAVED_MODEL


def test_a_process_of_each_form_answers_and_tells_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    student = save_student(str(tmp_path / "student"))
    for title, export, settings in exported():
        if export is not SAVED_MODEL:
            names = export.write(student, str(tmp_path / title), settings)
            write_card(export, student, str(tmp_path / title), settings, {}, names)
    forms = processes.programs(str(tmp_path))
    assert [*forms] == ["Keras", *(title for title, _, _ in exported())]
    slow = {name for name, program in forms.items() if not program.starts_fast}
    assert slow == {"Keras", "SavedModel", "SavedModel + XLA"}
    fast = {name: program for name, program in forms.items() if program.starts_fast}
    found = processes.start_each(fast, starts=1)
    assert set(found) == set(fast)
    for row in found.values():
        assert 0 < row["anonymous_bytes"] < row["peak_bytes"]
        assert row["ready_seconds"] > 0
    json.dumps(found)


def test_the_neighbour_is_busy_and_ends(monkeypatch):
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **settings):
            super().__init__(*args, **settings)
            started.append(self)

    monkeypatch.setattr(processes.subprocess, "Popen", Recorded)
    with processes.busy_neighbour():
        assert started[0].poll() is None
    assert started[0].poll() is not None

"""The progress line of a whole that has parts: it moves by the work that they do."""

import contextlib

import pytest

from xtremedistil.runtime import progress as lines
from xtremedistil.runtime.parts import Part


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    time = monotonic


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(lines, "time", clock)
    return clock


def test_a_line_moves_by_the_work_of_its_parts():
    with lines.progress("sweep", 90, "s of work") as bar:
        with lines.nested(bar, "first", 60.4, {"teacher": 40.0, "step": 16.0}):
            lines.progress("reading", None, "lines").update()  # of nothing that was expected
            assert bar.n == 0
            with lines.part("teacher"):
                training = lines.progress("training", 10, "batches")
                training.update()
                assert bar.n == 4
                training.update(4)
                assert bar.n == 20
                lines.progress("validating", 10, "batches").update()  # never back
                assert bar.n == 20
            assert bar.n == 40
            with lines.part("step"):
                lines.progress("training", 10, "batches", done=5).update(0)
                assert bar.n == 48
            assert bar.n == 56
        assert bar.n == 60
        with lines.nested(bar, "second", 29.6, {}):
            lines.progress("scoring", 10, "sentences").update()
            assert bar.n == 60
        assert bar.n == bar.total == 90


def test_a_part_within_another_leaves_the_outer_one_at_work():
    with (
        lines.progress("sweep", 60, "s of work") as bar,
        lines.nested(bar, "run", 60, {"outer": 20.0, "inner": 10.0}),
    ):
        with lines.part("outer"):
            lines.progress("training", 10, "batches").update(5)
            with lines.part("inner"):
                pass
            assert bar.n == 20
        assert bar.n == 30


def test_parts_of_a_run_are_counted_by_their_folders(tmp_path):
    part = Part(str(tmp_path / "teacher"), {})
    with (
        lines.progress("sweep", 60, "s of work") as bar,
        lines.nested(bar, "run", 60, {part.folder: 40.0}),
    ):
        part.ensure(lambda: ({}, ()))
        assert bar.n == 40
        part.ensure(lambda: ({}, ()))  # done already
        assert bar.n == 40


def test_a_line_that_stands_still_is_drawn_again_at_its_interval(clock, capsys):
    with lines.progress("sweep", 60, "s of work") as bar, lines.nested(bar, "run", 60, {}):
        scoring = lines.progress("scoring", 1000, "sentences")
        assert capsys.readouterr().err.count("scoring 0%") == 1
        scoring.update(100)
        assert not capsys.readouterr().err
        clock.now += 31
        scoring.update(100)
        scoring.update(100)
        found = capsys.readouterr().err
        assert found.count("\n") == found.count("scoring 20%") == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_line_ends_where_its_blocks_do(fails, monkeypatch, capsys):
    monkeypatch.setattr(lines, "_interval", lambda: 0.0)
    ending = pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext()
    with ending, lines.progress("sweep", 30, "s of work") as bar:
        bar.start_t -= 60.0
        for name in ("first", "second"):
            with lines.nested(bar, name, 15, {}):
                lines.progress("scoring", 10, "sentences").update(10)
        if fails:
            raise ZeroDivisionError
    drawn = capsys.readouterr().err.splitlines()
    assert " 50% 15/30 s of work [01:00<01:00" in drawn[-2]
    assert "100% 30/30 s of work" in drawn[-1]


def test_rounded_parts_may_be_more_than_the_rounded_whole():
    with lines.progress("sweep", round(3 * 10.6), "s of work") as bar:
        for _ in range(3):
            with lines.nested(bar, "run", 10.6, {"step": 10.6}), lines.part("step"):
                lines.progress("training", 10, "batches").update(10)
                assert bar.n <= bar.total
        assert bar.n == bar.total == 32


def test_a_part_that_fails_leaves_the_line_where_it_stood():
    with lines.progress("sweep", 90, "s of work") as bar:
        failing = lines.nested(bar, "run", 60, {"step": 60.0})
        with pytest.raises(ZeroDivisionError), failing, lines.part("step"):
            raise ZeroDivisionError
        assert bar.n == 0
        assert isinstance(lines.progress("alone", 10, "batches"), lines.tqdm)

"""The progress line of a whole that has parts: it moves while a part is at work."""

import pytest

from xtremedistil.runtime import progress as lines


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(lines, "time", clock)
    return clock


def test_a_line_moves_with_the_clock_while_a_part_is_done(clock):
    with lines.progress("sweep", 90, "s of work") as bar:
        with lines.nested(bar, "first", 60.4):
            step = lines.progress("training", 10, "batches")
            clock.now += 20
            step.update()
            assert bar.n == 20
            clock.now += 500  # slower than expected, which makes the whole longer
            step.update()
            assert (bar.n, bar.total) == (520, 550)
        with lines.nested(bar, "second", 29.6):
            clock.now += 1  # faster than expected
            lines.progress("training", 10, "batches").update()
            assert (bar.n, bar.total) == (521, 550)
        assert bar.n == bar.total == 550


def test_rounded_parts_may_be_more_than_the_rounded_whole(clock):
    with lines.progress("sweep", round(3 * 10.6), "s of work") as bar:
        for _ in range(3):
            with lines.nested(bar, "part", 10.6):
                clock.now += 5
                lines.progress("training", 10, "batches").update()
                assert bar.n <= bar.total
        assert bar.n == bar.total == 33


def test_a_part_that_fails_leaves_the_line_where_it_stood(clock):
    with lines.progress("sweep", 90, "s of work") as bar:
        with pytest.raises(ZeroDivisionError), lines.nested(bar, "first", 60):
            raise ZeroDivisionError
        assert bar.n == 0
        assert isinstance(lines.progress("alone", 10, "batches"), lines.tqdm)

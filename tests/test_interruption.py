"""Signals: work stops where it can go on, once it has saved what it must."""

import os
import signal
import weakref

import pytest

from xtremedistil.runtime import signals
from xtremedistil.runtime.signals import Interrupted


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_an_exception_that_knows_its_exit_code(number, code):
    with signals.handled(), pytest.raises(Interrupted, match=number.name) as caught:
        send(number)
    assert caught.value.exit_code == code
    assert not isinstance(caught.value, Exception)


def test_the_handlers_from_before_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with signals.handled():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_work_that_must_save_learns_of_it_and_stops_itself():
    saved = []

    def work():
        with signals.handled(), signals.deferred():
            signals.check()
            send(signal.SIGTERM)
            saved.append(signals.noted())
            signals.check()
            saved.append("too late")

    with pytest.raises(Interrupted, match="SIGTERM"):
        work()
    assert saved == [True]
    assert not signals.noted()


def test_a_signal_that_nobody_looked_for_is_raised_in_the_end():
    finished = []

    def work():
        with signals.handled(), signals.deferred():
            send(signal.SIGTERM)
            finished.append(True)

    with pytest.raises(Interrupted):
        work()
    assert finished


def test_a_second_signal_stops_at_once():
    reached = []

    def work():
        with signals.handled(), signals.deferred():
            send(signal.SIGTERM)
            reached.append("after one")
            send(signal.SIGINT)
            reached.append("after two")

    with pytest.raises(Interrupted, match="SIGINT"):
        work()
    assert reached == ["after one"]
    assert not signals.noted()  # nothing of it is left for what comes next


class Anything:
    """Something that a weak reference can refer to."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_python_drops_stops_work_at_the_next_check():
    with signals.handled():
        thing = Anything()
        watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
        del thing  # the callback's exception goes nowhere
        assert watched() is None
        assert signals.noted()
        with pytest.raises(signals.Interrupted, match="SIGTERM"):
            signals.check()
        assert not signals.noted()

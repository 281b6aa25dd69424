"""Tests of framework/loop/stop.py."""

import os
import signal
import threading

import pytest

from framework.config import command
from framework.errors import Stopped
from framework.loop import stop as stop_lib
from framework.loop.stop import SIGNALS, Stop

NAMES = [number.name for number in SIGNALS]


def send(number):
    os.kill(os.getpid(), number)


def test_nothing_asked_nothing_done():
    stop = Stop()
    stop.check()
    assert not stop.is_requested


@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_a_signal_is_taken_note_of_until_somebody_checks(number):
    with stop_lib.handle_signals() as stop:
        stop.defer()
        send(number)
        assert stop.is_requested
        with pytest.raises(Stopped, match=f"stopped by {number.name}"):
            stop.check()


@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_where_there_is_nothing_to_save_it_stops_at_once(number):
    with pytest.raises(Stopped), stop_lib.handle_signals():
        send(number)


@pytest.mark.parametrize("first", SIGNALS, ids=NAMES)
def test_a_second_ctrl_c_does_not_wait(first):
    with stop_lib.handle_signals() as stop:
        stop.defer()
        send(first)
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt) as raised:
            send(signal.SIGINT)
    assert raised.type is KeyboardInterrupt


def test_signals_are_then_as_they_were():
    before = [signal.getsignal(number) for number in SIGNALS]
    with stop_lib.handle_signals():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_stopping_is_no_failure_that_code_in_between_may_catch():
    assert not issubclass(Stopped, Exception)


def test_another_thread_has_no_signals():
    actual = []

    def work():
        with stop_lib.handle_signals() as stop:
            actual.append(stop.is_requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert actual == [False]


def signalled(number):
    """Receives a signal in a block that is over before anybody checks."""
    with stop_lib.handle_signals() as stop:
        stop.defer()
        send(number)


@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_what_comes_too_late_stops_the_next_block(number):
    """A trial that is over swallowed the signal: the diagnosis went on to its end."""
    with stop_lib.handle_signals() as outer:
        outer.defer()
        signalled(number)
        assert outer.is_requested
        with pytest.raises(Stopped, match=number.name):
            stop_lib.handle_signals().__enter__()
    with stop_lib.handle_signals() as other:
        assert not other.is_requested


def test_what_comes_too_late_is_passed_to_a_handler_that_stops_at_once():
    with command.stopped_by(signal.SIGTERM), pytest.raises(Stopped):
        signalled(signal.SIGTERM)


def test_python_itself_is_not_stopped_by_what_comes_too_late():
    with stop_lib.handle_signals() as stop:
        stop.defer()
        send(signal.SIGTERM)
        send(signal.SIGUSR1)

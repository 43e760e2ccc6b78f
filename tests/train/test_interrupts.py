from __future__ import annotations

import os
import signal
import threading

import pytest

from brahma.core.errors import EXIT_TERMINATED
from brahma.train.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.listening():
        assert interrupts.signal is None
        os.kill(os.getpid(), number)
        assert interrupts.signal == number


def test_a_second_ctrl_c_stops_at_once() -> None:
    interrupts = Interrupts()
    with interrupts.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="inside"), Interrupts().listening():
        raise ValueError("inside")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_leaving_goes_the_way_that_was_asked_for() -> None:
    interrupts = Interrupts()
    interrupts.leave()
    interrupts.signal = signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        interrupts.leave()
    interrupts.signal = signal.SIGTERM
    with pytest.raises(SystemExit) as caught:
        interrupts.leave()
    assert caught.value.code == EXIT_TERMINATED == 143


def test_a_trainer_in_another_thread_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    inside: list[object] = []

    def listen() -> None:
        with Interrupts().listening():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert inside == [before]

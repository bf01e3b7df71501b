"""The first Ctrl-C is noted, the second interrupts; afterwards signals are handled as before."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from forensics.interrupt import patient_interrupt


def test_the_first_is_noted_and_the_second_interrupts():
    def work():
        with patient_interrupt() as interrupted:
            assert not interrupted()
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupted()
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_another_thread_leaves_signals_alone():
    answers = []

    def work():
        with patient_interrupt() as interrupted:
            answers.append((interrupted(), signal.getsignal(signal.SIGINT)))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [(False, before)]

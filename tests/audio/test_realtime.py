from __future__ import annotations

import threading
import time

import pytest
from patience import PATIENCE_S

from kwsd.audio.realtime import RealtimePacer


def test_it_waits_for_the_audio_and_catches_up_after_a_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of its own: each wait lasts until the deadline, and a late caller does not wait at all."""
    now = 100.0
    waited = []

    class Closed(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal now
            assert timeout is not None
            waited.append(timeout)
            now += timeout
            return False

    monkeypatch.setattr(time, "monotonic", lambda: now)
    pacer = RealtimePacer(Closed())
    assert pacer.wait(1600)
    now += 0.25  # the reader was busy for two and a half blocks
    for _ in range(3):
        assert pacer.wait(1600)
    assert waited == pytest.approx([0.1, 0.0, 0.0, 0.05])
    assert now == pytest.approx(100.4)


def test_closing_ends_a_long_wait() -> None:
    closed = threading.Event()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(RealtimePacer(closed).wait(16_000 * 3600)))
    thread.start()
    closed.set()
    thread.join(PATIENCE_S)
    assert answers == [False]

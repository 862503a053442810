"""A pipe that gives nothing is told once each time, the first time as a warning."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from kwsd.audio.decoding import stalling
from kwsd.audio.decoding.stalling import STALLED_S, Stall


def test_pauses_after_the_first_are_no_warnings(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who talks while a button is pressed pauses all day."""
    now = 0.0
    monkeypatch.setattr(stalling, "time", SimpleNamespace(monotonic=lambda: now))
    stall = Stall("stdin")
    with caplog.at_level(logging.INFO):
        for pause in (9.0, 60.0, 70.0):
            stall.begin()
            now += pause
            stall.tell()
            stall.tell()
            stall.end()
    told = "stdin: no samples for 10 s, though it is open; see what feeds it"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", told), ("WARNING", "stdin goes on, after 60 s without samples"),
        ("INFO", told), ("INFO", "stdin goes on, after 70 s without samples"),
    ]  # fmt: skip
    assert STALLED_S == 10

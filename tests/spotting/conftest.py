"""A voice activity detector whose verdicts can be counted step by step."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest


class Detector:
    """Takes any sample that is not zero for speech."""

    def __init__(self, mode: int) -> None:
        self.mode = mode

    def is_speech(self, step: bytes, rate: int) -> bool:
        return any(step) and rate == 16_000

    def set_mode(self, mode: int) -> None:
        self.mode = mode


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> list[Detector]:
    """Those that were made, in the place of WebRTC's."""
    made: list[Detector] = []

    def make(mode: int) -> Detector:
        made.append(Detector(mode))
        return made[-1]

    monkeypatch.setitem(sys.modules, "webrtcvad", SimpleNamespace(Vad=make))
    return made

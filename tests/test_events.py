"""Events and their JSON form, which other programs rely on."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from datetime import datetime, timezone

import pytest

from kwsd.envelope import Envelope
from kwsd.events import (
    AudioLost,
    Detection,
    DeviceAudible,
    DeviceLost,
    DeviceRestored,
    DeviceSilent,
    Event,
    HookFinished,
    HopChanged,
    NearMiss,
    Ready,
    SpeechEnded,
    SpeechStarted,
    Stopped,
)
from kwsd.samples import seconds

TIME = datetime(2025, 3, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc)
HEAD = {"schema": 1, "sequence": 7, "time": "2025-03-01T12:00:00.250Z", "stream": "desk"}


@pytest.mark.parametrize(
    ("event", "own"),
    [
        (Ready("desk", "tiny", "cpu"), {"type": "ready", "model": "tiny", "device": "cpu"}),
        (SpeechStarted("desk", 16_000), {"type": "speech_started", "at_s": 1.0}),
        (SpeechEnded("desk", 24_000), {"type": "speech_ended", "at_s": 1.5}),
        (AudioLost("desk", 32_000, 800), {"type": "audio_lost", "at_s": 2.0, "lost_s": 0.05}),
        (DeviceLost("desk", 16_000, "gone"), {"type": "device_lost", "at_s": 1.0, "reason": "gone"}),
        (DeviceRestored("desk", 48_000, 32_000), {"type": "device_restored", "at_s": 3.0, "lost_s": 2.0}),
        (DeviceSilent("desk", 48_000, 32_000), {"type": "device_silent", "at_s": 3.0, "silent_s": 2.0}),
        (DeviceAudible("desk", 48_000, 32_000), {"type": "device_audible", "at_s": 3.0, "silent_s": 2.0}),
        (
            HopChanged("desk", 16_000, 3_200, 24_000),
            {"type": "hop_changed", "at_s": 1.0, "hop_ms": 200, "behind_s": 1.5},
        ),
        (
            NearMiss("desk", 16_000, "stop", 0.99751234, 0.998, "score"),
            {
                "type": "near_miss",
                "at_s": 1.0,
                "word": "stop",
                "score": 0.997512,
                "threshold": 0.998,
                "reason": "score",
            },
        ),
        (Stopped("desk", 48_000, "end of input"), {"type": "stopped", "at_s": 3.0, "reason": "end of input"}),
        (
            Detection("desk", "stop", 0.99751234, 0.9, 54_720, 62_400, 64_000, "tiny"),
            {
                "type": "detection",
                "word": "stop",
                "score": 0.997512,
                "threshold": 0.9,
                "start_s": 3.42,
                "end_s": 3.9,
                "at_s": 4.0,
                "latency_ms": 100.0,
                "model": "tiny",
            },
        ),
        (
            HookFinished("desk", "stop", "ls", 1, False, 12.5, 5),
            {
                "type": "hook_finished",
                "word": "stop",
                "command": "ls",
                "exit_status": 1,
                "timed_out": False,
                "duration_ms": 12.5,
                "detection": 5,
            },
        ),
    ],
)
def test_json_form(event: Event, own: dict[str, object]) -> None:
    line = Envelope(event, 7, TIME).to_json()
    assert "\n" not in line
    assert json.loads(line) == HEAD | own


def test_head_comes_first() -> None:
    keys = list(Envelope(SpeechStarted("desk", 0), 1, TIME).to_dict())
    assert keys[:4] == ["schema", "type", "sequence", "time"]


def test_sealing_stamps_the_present_time_in_utc() -> None:
    before = datetime.now(timezone.utc)
    sealed = Envelope.seal(SpeechStarted("desk", 0), 3)
    assert before <= sealed.time <= datetime.now(timezone.utc)
    assert sealed.sequence == 3


def test_seconds_are_rounded_to_a_tenth_of_a_millisecond() -> None:
    assert seconds(1) == 0.0001
    assert seconds(16_000) == 1.0


def test_events_are_values() -> None:
    assert SpeechStarted("desk", 5) == SpeechStarted("desk", 5)
    with pytest.raises(FrozenInstanceError):
        SpeechStarted("desk", 5).at = 6  # type: ignore[misc]

"""Whether anybody may be speaking: what opens a gate wakes whoever sleeps behind it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from voices import silence, voice

from kwsd.errors import DeviceError
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.spotting.speech_probe import SpeechProbe
from kwsd.spotting.vad import STEP


def test_silence_and_steady_noise_are_nobody() -> None:
    probe = SpeechProbe(lambda: 2)
    assert not any(probe(silence(4800)) for _ in range(10))
    noise = np.random.default_rng(5).normal(0, 300, 160_000).astype(np.int16)
    heard = [probe(noise[start : start + 4800]) for start in range(0, len(noise), 4800)]
    assert sum(heard[10:]) == 0  # the detector has learned it by then


@pytest.mark.parametrize("aggressiveness", [0, 1, 2, 3])
def test_it_hears_a_voice_no_later_than_the_gate_opens(aggressiveness: int) -> None:
    samples = np.concatenate([silence(16_000), voice(8_000)])
    gate, probe = Gate(GateSettings(aggressiveness)), SpeechProbe(lambda: aggressiveness)
    pieces = [samples[start : start + STEP] for start in range(0, len(samples), STEP)]
    opened = [gate.feed(piece) for piece in pieces]
    heard = [probe(piece) for piece in pieces]
    assert True in opened
    assert heard.index(True) <= opened.index(True)


@pytest.mark.parametrize("size", [1, 50, 161, 4800])
def test_pieces_of_any_size_are_heard_in_full(size: int) -> None:
    samples, probe = np.concatenate([silence(4000), voice(1000)]), SpeechProbe(lambda: 2)
    heard = [probe(samples[start : start + size]) for start in range(0, len(samples), size)]
    assert True in heard
    assert not any(heard[: 4000 // size])


def test_a_missing_detector_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    with pytest.raises(DeviceError, match="no voice activity detector"):
        SpeechProbe(lambda: 2)


def test_it_goes_on_as_the_gate_does_when_that_has_become_another() -> None:
    modes = [3]
    noise = np.random.default_rng(5).normal(0, 300, 160_000).astype(np.int16)
    probe, strict = SpeechProbe(lambda: modes[-1]), SpeechProbe(lambda: 3)
    for one in (probe, strict):
        one(noise[:48_000])  # to learn it
        assert not one(noise[48_000:80_000])
    modes.append(0)
    assert probe(noise[80_000:])
    assert not strict(noise[80_000:])


def test_it_goes_back_as_well_when_the_gate_does(plain: list[Any]) -> None:
    modes = [3]
    probe = SpeechProbe(lambda: modes[-1])
    for mode in (0, 3):
        modes.append(mode)
        probe(silence(STEP))
        assert plain[0].mode == mode

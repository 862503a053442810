"""A classifier that knows two tones, and sounds for it."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.labels import SILENCE, UNKNOWN
from kwsd.samples import RATE

PITCHES = {"low": 500, "high": 1500}


class ToneClassifier:
    """Hears "low" and "high": the share of a window's power that lies within 50 Hz of their pitches."""

    name = "tones"
    device = "cpu"
    labels = ("low", "high", UNKNOWN, SILENCE)

    def __init__(self) -> None:
        self.batches: list[int] = []

    def score(self, windows):
        self.batches.append(len(windows))
        power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
        pitch = np.fft.rfftfreq(windows.shape[1], 1 / RATE)
        total = power.sum(axis=1) + 1e-9
        rows = np.zeros((len(windows), len(self.labels)))
        for column, centre in enumerate(PITCHES.values()):
            rows[:, column] = power[:, np.abs(pitch - centre) <= 50].sum(axis=1) / total * 0.998
        rows[:, 2] = 0.999 - rows[:, :2].sum(axis=1)
        quiet = np.sqrt((windows**2).mean(axis=1)) < 1e-3
        rows[quiet, :3] = 0.0
        rows[:, 3] = 1 - rows[:, :3].sum(axis=1)
        return rows.astype(np.float32)


@pytest.fixture
def tones():
    return ToneClassifier()


@pytest.fixture
def dear_windows(tones, monkeypatch):
    """A clock that only the scoring of `tones` moves on, by a second for each window."""
    spent_s = 0.0
    score = tones.score

    def scored(windows):
        nonlocal spent_s
        spent_s += len(windows)
        return score(windows)

    monkeypatch.setattr(tones, "score", scored)
    return lambda: spent_s


@pytest.fixture
def say():
    """say("low", 0.4): a second with that tone in its middle, as int16."""

    def made(word: str, length_s: float = 0.4, level: float = 0.3, total_s: float = 1.0):
        samples = np.zeros(round(total_s * RATE))
        length = round(length_s * RATE)
        start = (len(samples) - length) // 2
        time = np.arange(length) / RATE
        samples[start : start + length] = level * np.sin(2 * np.pi * PITCHES[word] * time)
        return np.rint(samples * 32767).astype(np.int16)

    return made


@pytest.fixture
def babble():
    """babble(seed, seconds): noise that is neither tone."""

    def made(seed: int, seconds: float = 2.0, level: float = 0.1):
        rng = np.random.default_rng(seed)
        return np.rint(rng.normal(0, level * 32767, round(seconds * RATE)).clip(-32768, 32767)).astype(np.int16)

    return made

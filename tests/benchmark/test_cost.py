"""What is measured is what was fed: the right windows, counted, and nothing that the gate keeps back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.decoding.files import read_clip
from kwsd.benchmark.cost import Cost, cost, sounds, times_real_time
from kwsd.errors import InputError
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings

RECORDINGS = Path(__file__).parents[1] / "recordings"
GATE, TRIGGER = GateSettings(), TriggerSettings({"yes": 0.5})


class Counting:
    """Scores nothing, and counts what it is asked."""

    labels = ("yes", "_unknown_", "_silence_")
    name = "counting"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(len(windows))
        return np.zeros((len(windows), 3), np.float32)


@pytest.fixture(scope="module")
def speech() -> NDArray[np.int16]:
    return read_clip(RECORDINGS / "commands.flac")


def settings(gated: bool) -> SpottingSettings:
    return SpottingSettings(TRIGGER, gated=gated, hop=1600, coarse=0)


def measured(sound: str, samples: NDArray[np.int16], gated: bool) -> tuple[Cost, list[int]]:
    classifier = Counting()
    return cost(sound, samples, classifier, settings(gated)), classifier.batches


def test_speech_is_what_opens_the_gate_and_silence_what_does_not(speech: NDArray[np.int16]) -> None:
    made = sounds(speech, 6.0, GATE)
    assert list(made) == ["speech", "half", "silence", "noise"]
    assert {len(samples) for samples in made.values()} == {96_000}
    shares = {name: measured(name, samples, True)[0].scored_share for name, samples in made.items()}
    assert shares["speech"] > 0.9
    assert 0.4 < shares["half"] < 0.75  # the hangover belongs to it
    assert shares["silence"] == 0
    assert shares["noise"] < 0.3
    assert measured("silence", made["silence"], False)[0].scored_share == 1
    assert set(sounds(speech, 1.0, GATE, words=speech)) == {*made, "words"}


def test_hops_come_one_by_one_and_in_a_file_by_batches(speech: NDArray[np.int16]) -> None:
    found, batches = measured("speech", speech[:48_000], False)
    assert found.seconds == 3.0
    assert set(batches) == {1}
    assert found.cpu_per_second > 0
    assert found.look_ms[0] <= found.look_ms[1] <= found.look_ms[2]
    assert found.allocated_bytes > 16_000 * 4  # a window as float32 at the least
    classifier = Counting()
    assert times_real_time(speech[:48_000], classifier, settings(False)) > 0
    assert max(classifier.batches) > 1
    assert sum(classifier.batches) == 35  # and half a second after the end


def test_a_recording_without_speech_is_refused() -> None:
    with pytest.raises(InputError, match="name another"):
        sounds(np.zeros(16_000, np.int16), 1.0, GATE)

"""The gate opens for speech, stays shut for noise, and counts samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voices import silence, voice

from kwsd.audio.decoding.files import read_clip
from kwsd.evaluation.truth import parse_table
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.spotting.vad import STEP

RECORDINGS = Path(__file__).parents[1] / "recordings"
RNG = np.random.default_rng(5)


def test_silence_keeps_it_shut() -> None:
    gate = Gate(GateSettings())
    assert not gate.feed(silence(32_000))
    assert not gate.is_open


def test_steady_noise_soon_keeps_it_shut() -> None:
    gate = Gate(GateSettings())
    noise = RNG.normal(0, 300, 160_000).astype(np.int16)
    opened = [gate.feed(noise[start : start + 1600]) for start in range(0, len(noise), 1600)]
    assert sum(opened[20:]) == 0


def test_steady_noise_that_it_has_learnt_keeps_it_shut_after_a_gap() -> None:
    gate = Gate(GateSettings())
    noise = np.random.default_rng(3).normal(0, 300, 160_000).astype(np.int16)
    assert gate.feed(noise)  # while it learns
    gate.reset()
    assert not gate.feed(noise)


@pytest.mark.parametrize("aggressiveness", [0, 1, 2, 3])
def test_what_was_said_before_a_gap_keeps_it_open_for_little_longer_than_the_hangover(aggressiveness: int) -> None:
    gate = Gate(GateSettings(aggressiveness, hangover_ms=100))
    assert gate.feed(voice(16_000))
    gate.reset()
    assert not gate.is_open
    gate.feed(silence(40 * STEP))
    assert not gate.is_open


def test_soft_words_open_it_at_once_and_after_a_gap() -> None:
    loud = read_clip(RECORDINGS / "commands.flac")
    soft = (loud // 128).astype(np.int16)
    spans = [(word.start // STEP, word.end // STEP) for word in parse_table(RECORDINGS / "commands.tsv")]

    def heard(gate: Gate) -> int:
        opened = [gate.feed(soft[start : start + STEP]) for start in range(0, len(soft), STEP)]
        return sum(any(opened[start:end]) for start, end in spans)

    gate = Gate(GateSettings())
    for _ in range(3):
        gate.feed(loud)
        gate.feed(soft)
    gate.reset()
    assert heard(gate) == len(spans) == 7
    assert heard(Gate(GateSettings())) == 7


def test_it_opens_for_a_voice() -> None:
    gate = Gate(GateSettings())
    gate.feed(silence(16_000))
    assert gate.feed(voice(8_000))
    assert gate.is_open


def test_it_stays_open_for_the_hangover_and_no_longer() -> None:
    gate = Gate(GateSettings(aggressiveness=3, hangover_ms=200))
    gate.feed(voice(16_000))
    gate._left = 20  # as after the last step of speech; WebRTC has a hangover of its own before that
    assert gate.feed(silence(19 * STEP))
    assert gate.is_open or gate.feed(silence(STEP))
    while gate.feed(silence(STEP)):
        pass
    assert not gate.is_open


def test_without_a_hangover_it_is_open_while_somebody_speaks() -> None:
    gate = Gate(GateSettings(hangover_ms=0))
    gate.feed(silence(16_000))
    assert gate.feed(voice(8_000))
    assert gate.is_open
    gate.adopt(GateSettings(hangover_ms=0, aggressiveness=1))
    assert gate.feed(voice(STEP))
    gate.feed(silence(16_000))
    assert not gate.is_open


def test_a_short_click_is_no_onset() -> None:
    gate = Gate(GateSettings(onset_ms=300))
    gate.feed(silence(16_000))
    assert not gate.feed(voice(STEP * 5))


@pytest.mark.parametrize("piece", [1, 77, 160, 1600, 5000])
def test_pieces_of_any_size_give_the_same(piece: int) -> None:
    audio = np.concatenate([silence(8_000), voice(12_000), silence(24_000), voice(4_000)])
    whole, cut = Gate(GateSettings()), Gate(GateSettings())
    for start in range(0, len(audio), 4000):
        whole.feed(audio[start : start + 4000])
    for start in range(0, len(audio), piece):
        cut.feed(audio[start : start + piece])
    assert whole._left == cut._left


def test_other_settings_are_adopted_without_a_break() -> None:
    gate = Gate(GateSettings(hangover_ms=1000))
    gate.feed(voice(8_000))
    gate.adopt(GateSettings(aggressiveness=3, hangover_ms=100))
    assert gate.is_open
    gate.feed(silence(16_000))
    assert not gate.is_open
    gate.adopt(GateSettings(onset_ms=500))
    gate.feed(voice(4_000))
    assert not gate.is_open
    gate.feed(voice(8_000))
    assert gate.is_open


SPEECH, QUIET = np.ones(STEP, np.int16), np.zeros(STEP, np.int16)


@pytest.mark.usefixtures("plain")
def test_it_opens_with_the_last_step_of_the_onset() -> None:
    gate = Gate(GateSettings(onset_ms=30, hangover_ms=50))
    assert [gate.feed(SPEECH) for _ in range(3)] == [False, False, True]
    gate = Gate(GateSettings(onset_ms=120, hangover_ms=50))
    assert [gate.feed(SPEECH) for _ in range(12)] == [False] * 11 + [True]


@pytest.mark.usefixtures("plain")
def test_it_shuts_with_the_last_step_of_the_hangover() -> None:
    gate = Gate(GateSettings(onset_ms=10, hangover_ms=30))
    assert [gate.feed(step) for step in (SPEECH, QUIET, QUIET, QUIET, QUIET)] == [True, True, True, True, False]
    gate = Gate(GateSettings(onset_ms=10, hangover_ms=0))  # it counts as a step
    assert [gate.feed(step) for step in (SPEECH, QUIET, QUIET)] == [True, True, False]
    gate = Gate(GateSettings(onset_ms=10, hangover_ms=120))
    assert [gate.feed(step) for step in [SPEECH, *[QUIET] * 13]] == [True] * 13 + [False]


def test_other_settings_hold_at_once_and_after_a_gap(plain: list[Any]) -> None:
    gate = Gate(GateSettings(onset_ms=10, hangover_ms=1000))
    gate.feed(SPEECH)
    gate.adopt(GateSettings(aggressiveness=3, hangover_ms=20))
    assert plain[-1].mode == 3
    assert [gate.feed(QUIET) for _ in range(3)] == [True, True, False]
    gate.reset()
    assert [detector.mode for detector in plain] == [3]


@pytest.mark.usefixtures("plain")
def test_a_step_that_was_begun_before_a_gap_is_not_ended_after_it() -> None:
    gate = Gate(GateSettings(onset_ms=10))
    gate.feed(SPEECH[: STEP // 2])
    gate.reset()
    assert not gate.feed(QUIET[: STEP // 2])


@pytest.mark.usefixtures("plain")
def test_a_part_of_a_step_counts_as_a_whole_one() -> None:
    gate = Gate(GateSettings(onset_ms=15, hangover_ms=15))
    assert [gate.feed(step) for step in (SPEECH, SPEECH, QUIET, QUIET, QUIET)] == [False, True, True, True, False]


@pytest.mark.usefixtures("plain")
def test_an_onset_that_was_begun_before_a_gap_begins_anew_after_it() -> None:
    gate = Gate(GateSettings(onset_ms=30))
    assert not gate.feed(np.ones(2 * STEP, np.int16))
    gate.reset()
    assert [gate.feed(SPEECH) for _ in range(3)] == [False, False, True]

"""How soft audio is amplified for the voice activity detector."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from voices import silence, voice

from kwsd.samples import RATE
from kwsd.spotting.floor_gain import BLOCK, FLOOR, MOST, FloorGain
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.spotting.vad import STEP


def noise(level: int, samples: int = 3 * RATE) -> NDArray[np.int16]:
    """White noise of exactly that level in each block: its samples are `level` and `-level`."""
    return np.random.default_rng(7).choice(np.array([-level, level], np.int16), samples)


@pytest.mark.parametrize("floor", [1, 2, 4])
def test_a_soft_floor_is_raised_to_a_usual_level(floor: int) -> None:
    gain = FloorGain()
    gain.amplify(noise(floor))
    assert set(np.abs(gain.amplify(noise(floor, RATE)))) == {FLOOR}


@pytest.mark.parametrize("floor", [FLOOR, FLOOR + 1, 300])
def test_a_usual_floor_is_left_as_it_is(floor: int) -> None:
    gain, heard = FloorGain(), noise(int(floor))
    assert np.array_equal(gain.amplify(heard), heard)


def test_the_first_block_is_left_as_it_is_and_the_next_one_is_not() -> None:
    gain, heard = FloorGain(), noise(2, 2 * BLOCK)
    raised = gain.amplify(heard)
    assert np.array_equal(raised[:BLOCK], heard[:BLOCK])
    assert np.array_equal(raised[BLOCK:], heard[BLOCK:] * 4)


def test_words_over_a_soft_floor_are_raised_as_it_is() -> None:
    gain, word = FloorGain(), voice(RATE // 2) // 100
    gain.amplify(noise(2))
    assert np.array_equal(gain.amplify(word), word * 4)


def test_silence_stays_silence_and_what_follows_gets_the_highest_gain() -> None:
    gain = FloorGain()
    assert not gain.amplify(silence(RATE)).any()
    assert np.array_equal(gain.amplify(np.array([-3, 2], np.int16)), [-3 * MOST, 2 * MOST])


def test_what_is_too_loud_is_clipped() -> None:
    gain = FloorGain()
    gain.amplify(silence(RATE))
    assert np.array_equal(gain.amplify(np.array([-32768, 32767, 1093, 1], np.int16)), [-32767, 32767, 32767, MOST])


def test_a_louder_floor_is_left_as_it_is_once_three_soft_blocks_of_twenty_are_left() -> None:
    gain, louder = FloorGain(), noise(100)
    gain.amplify(silence(RATE))
    raised = gain.amplify(louder)
    assert np.flatnonzero(raised != louder)[-1] + 1 == 17 * BLOCK


def test_a_dropout_is_not_taken_for_the_floor() -> None:
    gain, usual = FloorGain(), noise(300)
    for samples in (usual, silence(3 * BLOCK), usual):
        assert np.array_equal(gain.amplify(samples), samples)


@pytest.mark.parametrize("offset", [-400, -5, 5, 200])
def test_an_offset_is_not_taken_for_noise(offset: int) -> None:
    gain, heard = FloorGain(), noise(2) + np.int16(offset)
    gain.amplify(heard)
    assert np.array_equal(gain.amplify(heard), heard * 4)


@pytest.mark.parametrize("offset", [4000, -4000])
def test_an_offset_is_not_amplified_until_it_is_clipped(offset: int) -> None:
    gain, heard = FloorGain(), noise(1) + np.int16(offset)
    gain.amplify(heard)
    assert np.array_equal(gain.amplify(heard), heard * 2)


@pytest.mark.parametrize("size", [1, 7, 799, BLOCK, BLOCK + 1, 4800])
def test_pieces_of_any_size_are_amplified_alike(size: int) -> None:
    heard = np.concatenate([noise(1, RATE), voice(4000), noise(5, RATE), noise(40, RATE)])
    whole, gain = FloorGain().amplify(heard), FloorGain()
    pieces = [gain.amplify(heard[start : start + size]) for start in range(0, len(heard), size)]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_no_samples_are_no_samples() -> None:
    assert len(FloorGain().amplify(silence(0))) == 0


@pytest.mark.parametrize("softer", [30, 300])
def test_a_soft_voice_opens_the_gate(softer: int) -> None:
    gate = Gate(GateSettings())
    gate.feed(noise(1, RATE))
    assert not gate.is_open
    assert gate.feed(voice(RATE // 2) // softer)


@pytest.mark.parametrize("floor", [0.0, 0.4, 1.0, 3.0])
def test_a_soft_floor_alone_does_not_open_it(floor: float) -> None:
    gate = Gate(GateSettings())
    heard = np.rint(np.random.default_rng(7).normal(0, floor, 10 * RATE)).astype(np.int16)
    assert sum(gate.feed(heard[start : start + STEP]) for start in range(0, len(heard), STEP)) == 0

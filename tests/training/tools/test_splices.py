"""The beginning of one word and the end of another are one word that is neither."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from kwsd.datasets.recordings import Recording
from kwsd.errors import InputError
from kwsd.samples import RATE
from kwsd.training.tools import splices
from kwsd.training.tools.splices import main, may_join, pairs, splice

SAID = {"up": {("AH", "P")}, "off": {("AO", "F")}, "on": {("AA", "N"), ("AO", "N")}, "stop": {("S", "T", "AA", "P")}}


def tone(pitch: float, level: float) -> NDArray[np.int16]:
    """A second with half a second of a tone in its middle."""
    time = np.arange(RATE) / RATE
    clip = level * np.sin(2 * np.pi * pitch * time) * ((time >= 0.25) & (time < 0.75))
    return (clip * 32767).astype(np.int16)


def pitch_of(samples: NDArray[np.int16]) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(spectrum.argmax() * RATE / len(samples))


def test_it_begins_as_one_and_ends_as_the_other_at_one_level() -> None:
    joined = splice(tone(300, 0.4), tone(1500, 0.04), np.random.default_rng(1))
    assert joined.dtype == np.int16
    loud = np.flatnonzero(np.abs(joined.astype(int)) > 1000)
    first, last = joined[loud[0] : loud[0] + 1600], joined[loud[-1] - 1600 : loud[-1]]
    assert pitch_of(first) == pytest.approx(300, abs=20)
    assert pitch_of(last) == pytest.approx(1500, abs=20)
    assert np.std(last) == pytest.approx(np.std(first), rel=0.2)


def test_a_quiet_end_is_never_made_louder_than_full_scale() -> None:
    second = tone(1500, 0.01)
    second[11_000] = 3000  # one loud sample in what will be heard
    joined = splice(tone(300, 0.9), second, np.random.default_rng(1))
    assert np.abs(joined.astype(int)).max() <= 32767


def test_words_that_begin_or_end_alike_are_not_joined() -> None:
    assert may_join(SAID["up"], SAID["off"])
    assert not may_join(SAID["up"], SAID["stop"])  # "up" and the end of "stop" may well be "up"
    assert not may_join(SAID["off"], SAID["on"])  # one of the ways to say "on"


def clip(label: str, speaker: str) -> Recording:
    return Recording(Path("x"), label, label, speaker, 0, RATE)


def test_both_are_of_one_speaker() -> None:
    clips = [clip("up", "ann"), clip("off", "ann"), clip("up", "bob"), clip("stop", "bob"), clip("off", "")]
    found = set(islice(pairs(clips, SAID, np.random.default_rng(2)), 50))
    assert found == {(0, 1), (1, 0)}


def test_misses_between_pairs_do_not_add_up() -> None:
    """Every other draw joins a clip with itself, which is none."""
    draws = pairs([clip("up", "ann"), clip("off", "ann")], SAID, np.random.default_rng(2))
    assert sum(1 for _ in islice(draws, 12_000)) == 12_000


def test_where_nothing_can_be_joined_it_ends() -> None:
    with pytest.raises(InputError, match="no speaker"):
        next(pairs([clip("up", "bob"), clip("stop", "bob")], SAID, np.random.default_rng(2)))


def test_the_same_call_writes_the_same_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label, pitch in (("up", 300), ("off", 1500)):
        (tmp_path / "words" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "words" / label / "ann_nohash_0.flac", tone(pitch, 0.3), RATE)
    broken = tmp_path / "words" / "off" / "ann_nohash_00.flac"  # before a whole one: others are not taken for it
    broken.write_bytes((tmp_path / "words" / "off" / "ann_nohash_0.flac").read_bytes()[:3000])
    (tmp_path / "words" / "_background_noise_").mkdir()  # as Speech Commands has it
    soundfile.write(tmp_path / "words" / "_background_noise_" / "running_tap.wav", tone(700, 0.3), RATE)
    monkeypatch.setattr(splices, "english", lambda: SAID)
    written = []
    for out in ("a", "b"):
        monkeypatch.setattr(sys, "argv", ["splices", str(tmp_path / "words"), str(tmp_path / out), "--count", "3"])
        main()
        files = sorted((tmp_path / out / "_unknown_").iterdir())
        assert len(files) == 3
        assert all(file.name.startswith("ann_nohash_0000") for file in files)
        written.append([soundfile.read(file)[0].tolist() for file in files])
    assert written[0] == written[1]

"""What is wrong with a recording is told once, however often it is heard."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.audio.decoding.files import read_clip
from kwsd.errors import InputError
from kwsd.training.finetuning.labelled import find_labelled
from kwsd.training.finetuning.unreadable import Unreadable, check_readable, warned_once


def test_a_recording_that_is_read_again_and_again_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "ab":
        samples = np.full(16_000, 0.1, np.float32)
        samples[5] = np.nan
        soundfile.write(tmp_path / f"{name}.wav", samples, 16_000, subtype="FLOAT")
    with caplog.at_level(logging.WARNING), warned_once():
        for name in "abab":
            read_clip(tmp_path / f"{name}.wav")
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        str(tmp_path / "a.wav"), str(tmp_path / "b.wav"),
    ]  # fmt: skip
    caplog.clear()
    read_clip(tmp_path / "a.wav")
    assert caplog.records


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """record("yes/a.wav", seconds of silence, seconds of sound): such a recording; none of either is no recording."""

    def make(name: str, silent_s: float, loud_s: float) -> Path:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        loud = np.random.default_rng(3).normal(0, 0.1, round(16_000 * loud_s))
        if silent_s or loud_s:
            soundfile.write(path, np.concatenate([np.zeros(round(16_000 * silent_s)), loud]), 16_000)
        else:
            path.write_bytes(b"no sound")
        return tmp_path / "data"

    return make


def test_a_recording_that_begins_with_a_long_silence_is_not_silent(record: Callable[..., Path]) -> None:
    record("no/a.wav", 0, 1)
    check_readable(find_labelled(record("yes/a.wav", 30, 1)))


def test_a_word_of_which_one_clip_is_broken_and_one_silent_holds_no_sound(record: Callable[..., Path]) -> None:
    record("no/a.wav", 0, 1)
    record("yes/a.wav", 0, 0)
    with pytest.raises(InputError, match=r"yes: none of the 2 clips to train on holds a sound"):
        check_readable(find_labelled(record("yes/b.wav", 1, 0)))


def test_silence_may_be_learnt_from_noise_alone(record: Callable[..., Path]) -> None:
    record("yes/a.wav", 0, 1)
    check_readable(find_labelled(record("_background_noise_/a.wav", 1, 0)))
    with pytest.raises(InputError, match=r"_silence_: none of the 1 clips to train on can be read"):
        check_readable(find_labelled(record("_background_noise_/a.wav", 0, 0)))


@pytest.mark.parametrize(("of", "borne"), [(10, 3), (100, 5)])
def test_one_clip_in_twenty_may_be_unreadable_and_three_in_any_case(of: int, borne: int) -> None:
    unreadable = Unreadable(of)
    for number in range(borne):
        unreadable.add(Path(f"{number}.wav"), InputError("broken"))
    with pytest.raises(InputError, match=f"{borne + 1} clips cannot be read"):
        unreadable.add(Path("last.wav"), InputError("broken"))

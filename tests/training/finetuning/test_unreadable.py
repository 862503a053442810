"""What is wrong with a recording is told once, however often it is heard."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.audio.decoding.files import read_clip
from kwsd.training.finetuning.unreadable import warned_once


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

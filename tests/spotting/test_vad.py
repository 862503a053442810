"""The voice activity detector: it has to be there, and one that has counted its steps for months has a successor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voices import silence, voice

from kwsd.audio.decoding.files import read_clip
from kwsd.errors import DeviceError
from kwsd.spotting.vad import STEP, StepDetector

RECORDINGS = Path(__file__).parents[1] / "recordings"


def test_a_missing_detector_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    with pytest.raises(DeviceError, match="webrtcvad-wheels"):
        StepDetector(2)


def test_a_detector_that_is_old_gives_way_to_one_that_has_learnt_what_it_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.spotting.vad._OLD", 400)
    monkeypatch.setattr("kwsd.spotting.vad._LEARNING", 100)
    words = read_clip(RECORDINGS / "commands.flac")
    noisy = (words + np.random.default_rng(3).normal(0, 100, len(words))).astype(np.int16)
    heard = np.concatenate([voice(400 * STEP), noisy])
    old = StepDetector(2).feed(heard)
    assert old[500:] == StepDetector(2).feed(heard[400 * STEP :])[100:]
    monkeypatch.setattr("kwsd.spotting.vad._OLD", 2000)
    lasting = StepDetector(2).feed(heard)
    assert old[:500] == lasting[:500]
    assert old[500:] != lasting[500:]


def test_detectors_that_grow_old_one_after_another_keep_the_mode(
    plain: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.spotting.vad._OLD", 40)
    monkeypatch.setattr("kwsd.spotting.vad._LEARNING", 30)
    detector = StepDetector(1)
    detector.feed(silence(50 * STEP))
    detector.set_mode(3)
    assert [one.mode for one in plain] == [3, 3]
    detector.feed(silence(150 * STEP))
    assert [one.mode for one in plain] == [3] * 5

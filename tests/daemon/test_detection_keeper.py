"""The audio of what fired, on disk: what is kept, and under which name."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from kept_clips import kept, sealed

from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.detection_keeper import DetectionKeeper
from kwsd.envelope import Envelope
from kwsd.events import SpeechStarted


def test_a_detection_is_kept_with_what_came_before_it(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(Envelope.seal(SpeechStarted("desk", 0), 1))
    keeper.send(sealed())
    keeper.close(60)
    assert kept(tmp_path) == ["20261121T120000.250000Z-stop-0.9975.wav"]
    path = tmp_path / "kept" / kept(tmp_path)[0]
    assert (path.stat().st_mode & 0o777, (tmp_path / "kept").stat().st_mode & 0o777) == (0o600, 0o700)
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    np.testing.assert_array_equal(samples, np.arange(32_000, 64_000).astype(np.int16))


def test_the_ring_may_have_forgotten_some_of_it(
    keep: Callable[..., DetectionKeeper], ring: Ring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep()
    ring.write(np.zeros(60_000, np.int16), wait=False)  # it begins at sample 50,000 now
    keeper.send(sealed(1))
    keeper.send(sealed(2, start=10_000, at=20_000))
    keeper.close(60)
    (name,) = kept(tmp_path)
    with wave.open(str(tmp_path / "kept" / name)) as sound:
        assert sound.getnframes() == 14_000
    assert "its audio has been overwritten" in caplog.text


def test_a_word_twice_in_one_millisecond_is_kept_twice(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    first = sealed()
    keeper.send(first)
    keeper.send(replace(first, time=first.time + timedelta(microseconds=1)))
    keeper.close(60)
    assert len(kept(tmp_path)) == 2


def test_a_words_name_cannot_lead_out_of_the_folder(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(sealed(word="../../etc/passwd"))
    keeper.close(60)
    assert kept(tmp_path) == ["20261121T120000.250000Z-_etc_passwd-0.9975.wav"]


def test_a_word_may_be_longer_than_a_files_name(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(sealed(word=100 * "\U00010330"))  # Gothic ahsa, four bytes
    keeper.close(60)
    assert len(kept(tmp_path)) == 1


def test_a_word_may_have_letters_that_the_locale_lacks(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.daemon.detection_keeper.os.fsencode", lambda name: name.encode("ascii"))
    keeper = keep()
    keeper.send(sealed(word="Türklingel"))
    keeper.close(60)
    assert kept(tmp_path) == ["20261121T120000.250000Z-T_rklingel-0.9975.wav"]


def test_a_label_of_any_length_makes_a_name(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(sealed(word="the sound of a dog that barks " * 20))
    keeper.send(sealed(1, word="\u732b" * 300))
    keeper.close(60)
    assert [name[:33] for name in kept(tmp_path)] == [
        "20261121T120000.250000Z-the_sound",
        "20261121T120001.250000Z-" + 9 * "\u732b",
    ]

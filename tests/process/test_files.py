"""Recordings of every kind: those that hold audio are heard, the others refused in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr


def converted(recordings: Path, path: Path, rate: int, channels: int, subtype: str) -> Path:
    """commands.flac as a WAV of another rate, width and number of channels."""
    samples, own = soundfile.read(recordings / "commands.flac")
    other = soxr.resample(samples, own, rate)
    soundfile.write(path, np.stack([other] * channels, axis=1), rate, subtype=subtype)
    return path


@pytest.mark.parametrize(
    ("rate", "channels", "subtype", "least"),
    [
        (44_100, 2, "PCM_16", 5),
        (96_000, 1, "FLOAT", 5),
        (8_000, 1, "PCM_16", 1),  # half of the spectrum is missing: it need not hear all of it, but none twice
        (16_000, 1, "PCM_U8", 1),  # 8 bits hiss
    ],
)
def test_any_rate_width_and_number_of_channels(
    user: Any,
    recordings: Path,
    spoken: list[tuple[float, float, str]],
    tmp_path: Path,
    rate: int,
    channels: int,
    subtype: str,
    least: int,
) -> None:
    ran = user.run("listen", converted(recordings, tmp_path / "copy.wav", rate, channels, subtype), "--format", "json")
    assert ran.status == 0
    assert ran.errors == []
    at = {word: (start, end) for start, end, word in spoken}
    words = [event["word"] for event in ran.events]
    assert len(set(words)) == len(words) >= least
    for event in ran.events:
        start, end = at[event["word"]]
        assert event["start_s"] == pytest.approx(start, abs=0.2)
        assert event["end_s"] == pytest.approx(end, abs=0.2)


def test_shorter_than_a_window(user: Any, recordings: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(recordings / "commands.flac", start=round(0.95 * 16_000), stop=round(1.55 * 16_000))
    soundfile.write(tmp_path / "short.wav", samples, rate)
    ran = user.run("listen", tmp_path / "short.wav", "--format", "json", "--threshold", "0.5")
    assert ran.status == 0
    assert [event["word"] for event in ran.events] == ["yes"]


def test_a_pipe_that_ends_inside_a_sample_loses_only_that(
    start: Callable[..., Any], pcm: bytes, spoken: list[tuple[float, float, str]]
) -> None:
    running = start("listen", "-", "--format", "json", "--threshold", "0.5")
    running.write(pcm[: int(2.2 * 16_000) * 2 + 1])
    ran = running.end()
    assert ran.status == 0
    assert [event["word"] for event in ran.events] == [spoken[0][2]]
    assert "kwsd: warning: " in ran.err
    assert "ended inside a sample" in ran.err


def nan(path: Path) -> None:
    soundfile.write(path, np.full(32_000, np.nan, np.float32), 16_000, subtype="FLOAT")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _: None, "No such file"),
        (lambda path: path.touch(), "the file is empty"),
        (lambda path: path.write_text("not a recording, but a letter\n" * 50), "no audio"),
        (lambda path: path.mkdir(), "a folder"),
        (os.mkfifo, "not a regular file"),
        (lambda path: soundfile.write(path, np.zeros(0), 16_000), "holds no samples"),
        (nan, "NaN"),
    ],
    ids=["missing", "empty", "text", "folder", "fifo", "no samples", "NaN"],
)
def test_what_is_no_recording_is_refused(user: Any, tmp_path: Path, make: Callable[[Path], Any], why: str) -> None:
    path = tmp_path / "recording.wav"
    make(path)
    ran = user.run("listen", path, "--format", "json")
    assert (ran.status, ran.out) == (66, "")
    (line,) = ran.errors
    assert str(path) in line
    assert why in line


def test_all_detections_of_a_recording_are_kept_from_a_second_before_the_word(
    user: Any, recordings: Path, tmp_path: Path
) -> None:
    """It is heard much faster than it lasts, and is longer than the buffer."""
    samples, rate = soundfile.read(recordings / "commands.flac", dtype="int16")
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 4), rate)
    ran = user.run("listen", tmp_path / "long.wav", "--format", "json", "--save-detections", tmp_path / "kept")
    assert ran.status == 0, ran.err
    assert len(ran.events) >= 20
    kept = [(*path.stem.partition("Z-")[2].split("-"), path) for path in (tmp_path / "kept").iterdir()]
    assert sorted(word for word, _, _ in kept) == sorted(event["word"] for event in ran.events)
    for said in {event["word"] for event in ran.events}:
        of_word = [event for event in ran.events if event["word"] == said]
        named = sorted(float(score) for word, score, _ in kept if word == said)
        assert named == pytest.approx(sorted(event["score"] for event in of_word), abs=6e-5)
        lasting = sorted(soundfile.info(path).duration for word, _, path in kept if word == said)
        whole = sorted(event["at_s"] - max(0.0, event["start_s"] - 1) for event in of_word)
        assert lasting == pytest.approx(whole, abs=0.01)

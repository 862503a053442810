"""Synthetic speakers: a blend of two voices says a word, the same call says the same, and goes on where it stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from kwsd.errors import InputError, UsageError
from kwsd.training.tools import voices
from kwsd.training.tools.voices import main, read_voices, synthesize

NAMES = ("af_ann", "am_bob", "bf_cat", "ef_dor")


class Kokoro:
    """Stands for the package, which is not installed here: says half a second of a tone, and remembers what."""

    latest: Kokoro

    def __init__(self, *_files: str) -> None:
        self.said: list[dict[str, Any]] = []
        Kokoro.latest = self

    def create(self, text: str, **how: Any) -> tuple[NDArray[np.float32], int]:
        self.said.append({"text": text, **how})
        return np.sin(2 * np.pi * 440 * np.arange(12_000) / 24_000, dtype=np.float32) * 1.5, 24_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of four voices, each of them a number everywhere: 0, 1, 2 and 3."""
    for number, name in enumerate(NAMES):
        np.full((510, 1, 256), number, np.float32).tofile(tmp_path / f"{name}.bin")
    return tmp_path


def test_english_voices_alone_unless_others_are_asked_for(folder: Path) -> None:
    assert list(read_voices(folder, accents=False)) == ["af_ann", "am_bob", "bf_cat"]
    found = read_voices(folder, accents=True)
    assert list(found) == list(NAMES)
    assert {name: style.shape for name, style in found.items()} == dict.fromkeys(NAMES, (510, 1, 256))


def test_of_one_voice_nobody_can_be_made(folder: Path) -> None:
    for name in NAMES[:2]:
        (folder / f"{name}.bin").unlink()
    with pytest.raises(InputError, match="two voices, and there are 1"):
        read_voices(folder, accents=False)


def test_what_is_no_voice_is_named(folder: Path) -> None:
    (folder / "bf_cat.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match=r"bf_cat\.bin: not one of Kokoro's voices .* remove it"):
        read_voices(folder, accents=False)


def test_a_speaker_is_mostly_the_first_of_two_voices_and_has_its_accent_and_a_pace(folder: Path) -> None:
    known, kokoro = read_voices(folder, accents=True), Kokoro()
    speakers = [synthesize(kokoro, known, "yes", seed)[0].split("+") for seed in range(40)]
    for (first, second), said in zip(speakers, kokoro.said, strict=True):
        assert first != second
        style = said["voice"]
        assert (style.dtype, style.shape) == (np.float32, (510, 1, 256))
        share = (float(style[0, 0, 0]) - NAMES.index(second)) / (NAMES.index(first) - NAMES.index(second))
        assert 0.5 <= share <= 1
        assert said["lang"] == ("en-gb" if first == "bf_cat" else "en-us")
        assert 0.7 <= said["speed"] <= 1.35
        assert said["text"][:-1] == "Yes"
    assert {said["text"][-1] for said in kokoro.said} == {".", "!", "?", ","}
    assert {first for first, _ in speakers} == set(NAMES)


def test_a_seed_says_a_word_in_its_own_way_each_time_the_same(folder: Path) -> None:
    known, kokoro = read_voices(folder, accents=False), Kokoro()
    for word, seed in (("yes", 0), ("yes", 0), ("yes", 1), ("no", 0)):
        synthesize(kokoro, known, word, seed)
    paces = [said["speed"] for said in kokoro.said]
    assert paces[0] == paces[1]
    assert len(set(paces)) == 3


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """call("yes=2", ...): what the tool asked of Kokoro."""
    monkeypatch.setitem(sys.modules, "kokoro_onnx", SimpleNamespace(Kokoro=Kokoro))  # type: ignore[arg-type]  # enough
    (folder / "model.onnx").touch()

    def run(*requests: str) -> list[str]:
        arguments = [str(folder / "model.onnx"), str(folder), str(folder / "out"), "--count", *requests]
        monkeypatch.setattr(sys, "argv", ["voices", *arguments])
        main()
        return [said["text"][:-1] for said in Kokoro.latest.said]

    return run


def test_clips_are_written_at_16_khz_by_label_and_those_that_are_there_stay(folder: Path, call: Any) -> None:
    assert call("yes=2", "_unknown_/yet=1") == ["Yes", "Yes", "Yet"]
    written = sorted(path.relative_to(folder / "out") for path in (folder / "out").rglob("*.flac"))
    assert [str(path.parent) for path in written] == ["_unknown_", "yes", "yes"]
    assert [path.name.partition("_")[0] for path in written] == ["yet-0000", "0000", "0001"]
    samples, rate = soundfile.read(folder / "out" / written[1])
    assert (len(samples), rate) == (8_000, 16_000)
    assert np.abs(samples).max() == pytest.approx(1, abs=1e-3)  # cut, not wrapped
    assert float(np.abs(np.fft.rfft(samples)).argmax()) * 2 == pytest.approx(440, abs=2)
    (folder / "out" / written[1]).unlink()
    assert call("yes=3", "_unknown_/yet=1") == ["Yes", "Yes"]


def test_what_is_no_sound_is_left_out(folder: Path, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = np.array([np.nan, 0], np.float32)
    monkeypatch.setattr(voices, "synthesize", lambda *_: ("a+b", silent))
    call("yes=2")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("request_", ["yes", "yes=", "yes=many", "=3", "_unknown_/=3", "yes=-1"])
def test_a_request_that_is_none(call: Any, request_: str) -> None:
    with pytest.raises(UsageError, match="it must be WORD=N or LABEL/WORD=N"):
        call(request_)

"""What is said is guessed where nobody has written it down, and only there."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from kwsd.datasets.transcripts import read_transcripts
from kwsd.training.tools import transcripts


def test_recordings_without_a_transcript_are_guessed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of sentences as they are handed out: no label, some with LibriSpeech's transcripts."""
    for name in ("chapter/1-1", "chapter/1-2", "2-1"):
        path = tmp_path / "speech" / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(1600, np.int16), 16_000)
    (tmp_path / "speech" / "chapter" / "1.trans.txt").write_text("1-1 AS IT IS WRITTEN\n")
    started: list[str] = []
    monkeypatch.setattr(transcripts, "_pocketsphinx", lambda: started.append("sphinx") or (lambda _: "as it is heard"))
    monkeypatch.setattr(sys, "argv", ["x", f"{tmp_path}/speech", "--out", f"{tmp_path}/said.tsv"])
    transcripts.main()
    assert (tmp_path / "said.tsv").read_text() == "2-1\tas it is heard\n1-2\tas it is heard\n"
    transcripts.main()
    assert started == ["sphinx"]
    assert "nothing to guess: all 3 recordings have a transcript" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_guesses_begin_on_a_line_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    (tmp_path / "speech").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "speech" / f"{name}.flac", np.zeros(1600, np.int16), 16_000)
    (tmp_path / "said.tsv").write_text(f"a\tby hand{end}", newline="")
    monkeypatch.setattr(transcripts, "_pocketsphinx", lambda: lambda _: "as it is heard")
    monkeypatch.setattr(sys, "argv", ["x", f"{tmp_path}/speech", "--out", f"{tmp_path}/said.tsv"])
    transcripts.main()
    assert read_transcripts(tmp_path / "said.tsv") == {"a": "by hand", "b": "as it is heard"}


def test_a_recording_that_is_cut_short_does_not_keep_the_others_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.flac", np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000)
    (tmp_path / "a.flac").write_bytes((tmp_path / "a.flac").read_bytes()[:9000])
    monkeypatch.setattr(transcripts, "_pocketsphinx", lambda: lambda _: "as it is heard")
    monkeypatch.setattr(sys, "argv", ["x", f"{tmp_path}", "--out", f"{tmp_path}/said.tsv"])
    transcripts.main()
    assert (tmp_path / "said.tsv").read_text() == "b\tas it is heard\n"
    assert capsys.readouterr().err.startswith(f"left out: {tmp_path / 'a.flac'}: ")


def test_moonshine_does_not_keep_what_it_has_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transcriber frees that only when it is closed: with 1,300 recordings it took nine gigabytes."""
    heard: list[int] = []  # by each transcriber, in the order in which they were made
    closed: list[int] = []

    class Transcriber:
        def __init__(self, *_: object) -> None:
            self.number = len(heard)
            heard.append(0)

        def transcribe_without_streaming(self, *_: object) -> SimpleNamespace:
            heard[self.number] += 1
            return SimpleNamespace(lines=[SimpleNamespace(text=" As it  is"), SimpleNamespace(text="heard.")])

        def close(self) -> None:
            closed.append(self.number)

    arch = SimpleNamespace(TINY=0)
    fake = SimpleNamespace(__file__=f"{tmp_path}/x.py", Transcriber=Transcriber, ModelArch=arch)
    monkeypatch.setitem(sys.modules, "moonshine_voice", fake)
    monkeypatch.setattr(transcripts, "_RENEWED", 2)
    for name in "abcde":
        soundfile.write(tmp_path / f"{name}.flac", np.zeros(1600, np.int16), 16_000)
    monkeypatch.setattr(sys, "argv", ["x", f"{tmp_path}", "--out", f"{tmp_path}/t.tsv", "--recognizer", "moonshine"])
    transcripts.main()
    assert read_transcripts(tmp_path / "t.tsv") == dict.fromkeys("abcde", "As it is heard.")
    assert heard == [2, 2, 1]
    assert closed == [0, 1]

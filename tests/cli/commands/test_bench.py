"""`kwsd bench` tells what it measured, as a table and as JSON."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.benchmark.daemon_run import DaemonRun
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.truth import SpokenWord

RECORDING = Path(__file__).parents[2] / "recordings" / "commands.flac"

pytestmark = pytest.mark.usefixtures("patient_bench")


@pytest.fixture(autouse=True)
def brief_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is measured, but for no half a second, and none is left out because the machine is slow just now."""
    monkeypatch.setattr("kwsd.benchmark.throughput._LEAST_S", 0.0)
    monkeypatch.setattr("kwsd.benchmark.throughput._MOST_S", math.inf)


def test_both_engines_and_a_daemon(tiny_model: Path, kwsd: Callable[..., Any]) -> None:
    flags = ("--model", tiny_model, "--seconds", 2, "--device", "cpu")
    ran = kwsd("bench", RECORDING, *flags, "--compare", "--json", "-")
    assert ran.status == 0, ran.err
    told = json.loads(ran.out)
    assert [engine["engine"] for engine in told["engines"]] == ["onnx", "torch"]
    for engine in told["engines"]:
        assert [sound["sound"] for sound in engine["sounds"]] == ["speech", "half", "silence", "noise"]
        assert all(sound["cpu_per_second"] > 0 for sound in engine["sounds"])
        assert all(len(sound["look_ms"]) == 3 and sound["allocated_bytes"] > 0 for sound in engine["sounds"])
        assert engine["load_s"] > 0
        assert engine["times_real_time"] > 0
        assert [rate["at_once"] for rate in engine["rates"]] == [1, 16, 64, 256]
        for rate in engine["rates"]:
            assert rate["streams"] == pytest.approx(rate["windows_per_second"] / 20)
    onnx, torch = told["engines"]
    assert onnx["bound"] is None
    assert torch["bound"]["set_by"] in ("matrix units", "memory")
    assert torch["bound"]["windows_per_second"] > 0
    assert told["daemon"]["ready_s"] > 0
    assert told["machine"]["cores"] > 0
    assert told["model"] == tiny_model.name


def test_a_table(tiny_model: Path, kwsd: Callable[..., Any]) -> None:
    ran = kwsd("bench", "--model", tiny_model, "--seconds", 2)
    assert ran.status == 0, ran.err
    for part in (
        f"Cost of {tiny_model.name}, commands.flac",
        "cpu s/s",
        "words",
        "times real time",
        "windows a second",
        "start to READY",
    ):
        assert part in ran.out


def test_words_that_the_model_does_not_know_are_no_words(
    tiny_model: Path, kwsd: Callable[..., Any], tmp_path: Path
) -> None:
    own = Path(shutil.copytree(tiny_model, tmp_path / "own"))
    for file in own.glob("*.json"):
        file.write_text(file.read_text().replace('"yes"', '"alexa"').replace('"no"', '"jarvis"'))
    ran = kwsd("bench", "--model", own, "--seconds", 2)
    assert ran.status == 0, ran.err
    assert "silence" in ran.out
    assert "words " not in ran.out.partition("Engines")[0]


def test_the_daemon_hears_as_the_flags_say(
    tiny_model: Path, kwsd: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[Sequence[str]] = []

    def watch(arguments: Sequence[str], *_: Any, **__: Any) -> DaemonRun:
        passed.append(arguments)
        return DaemonRun(1.0, 100.0, 120.0)

    monkeypatch.setattr("kwsd.benchmark.daemon_run.watch", watch)
    flags = ("--model", tiny_model, "--no-verify", "--gate", "--words", "yes,no", "--threshold", "0.5", "--hop", 200)
    ran = kwsd("bench", RECORDING, "--seconds", 2, *flags)
    assert ran.status == 0, ran.err
    said = {"--no-verify", "--gate", "--words=yes,no", "--threshold=0.5", "--hop=200", f"--model={tiny_model}"}
    assert {*passed[0]} == {"--config=/dev/null", *said}
    assert kwsd("listen", *passed[0], "/nowhere.wav").status == 66  # it takes them all


def test_words_of_a_table_in_another_case_are_listened_for(
    tiny_model: Path, kwsd: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[str] = []

    def watch(_: Any, __: Any, words: Sequence[SpokenWord], **___: Any) -> DaemonRun:
        played.extend(word.word for word in words)
        return DaemonRun(1.0, 100.0, 120.0)

    monkeypatch.setattr("kwsd.benchmark.daemon_run.watch", watch)
    save_wav(tmp_path / "talk.wav", read_clip(RECORDING))
    (tmp_path / "talk.tsv").write_text("1.0\t1.471\tYes\n3.757\t4.132\tLeft\n")
    ran = kwsd("bench", tmp_path / "talk.wav", "--model", tiny_model, "--seconds", 2)
    assert ran.status == 0, ran.err
    assert set(played) == {"yes"}  # the tiny model does not know "Left", which counts as no word to be heard
    played.clear()
    assert kwsd("bench", tmp_path / "talk.wav", "--model", tiny_model, "--seconds", 2, "--words", "no").status == 0
    assert set(played) == {"Yes", "Left"}  # none is to be heard; without words, whatever fires would count as heard


@pytest.mark.parametrize("folder", [".", "/", ".."])
def test_a_folder_without_a_name_is_told(kwsd: Callable[..., Any], folder: str) -> None:
    ran = kwsd("bench", folder)
    assert ran.status == 66
    assert "a folder, not a recording" in ran.err


def test_a_model_that_cannot_be_compared_is_refused_at_once(
    kwsd: Callable[..., Any], foreign: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.benchmark.cost.cost", lambda *_, **__: pytest.fail("it was measured"))
    ran = kwsd("bench", "--compare", "--model", foreign("wav2vec2"))
    assert ran.status == 2
    assert "runs only on torch; leave out --compare" in ran.err


def test_without_torch_that_is_told_at_once(kwsd: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.cli.benching.find_spec", lambda _: None)
    monkeypatch.setattr("kwsd.benchmark.cost.cost", lambda *_, **__: pytest.fail("it was measured"))
    ran = kwsd("bench", RECORDING, "--compare")
    assert ran.status == 69
    assert "--compare needs torch and transformers (No module named 'torch')" in ran.err


def test_what_is_no_recording(kwsd: Callable[..., Any], tmp_path: Path) -> None:
    ran = kwsd("bench", tmp_path / "none.wav")
    assert ran.status == 66
    assert "none.wav" in ran.err


def test_without_a_sound_server_it_says_what_to_install(
    kwsd: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = kwsd("bench", "--virtual-microphone")
    assert ran.status == 69
    assert "apt install pulseaudio pulseaudio-utils" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.usefixtures("sound_tools")
def test_a_pipe_and_a_virtual_microphone_side_by_side(
    tiny_model: Path, kwsd: Callable[..., Any], tmp_path: Path
) -> None:
    talk = tmp_path / "talk.wav"
    save_wav(talk, read_clip(RECORDING)[16_000:24_000])  # one word: each way plays it, and silence, three times
    ran = kwsd("bench", talk, "--model", tiny_model, "--seconds", 2, "--virtual-microphone", "--json", tmp_path / "j")
    assert ran.status == 0, ran.err
    assert "by a pipe" in ran.out
    told = json.loads((tmp_path / "j").read_text())
    for way in ("daemon", "virtual_microphone"):
        assert told[way]["speech_cpu_per_second"] > 0
        assert told[way]["silence_cpu_per_second"] > 0
    assert told["virtual_microphone"]["block_ms"] > 0

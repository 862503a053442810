"""`kwsd doctor` finds what is wrong, says what to do, and ends with the status of the first failure."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from users import unprivileged

from kwsd.audio.capture.devices import InputDevice
from kwsd.cli.diagnosis import checks
from kwsd.errors import DeviceError

Command = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("usb_microphone")


@pytest.fixture(autouse=True)
def no_mixer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The microphones of the machine that runs this are its own affair."""
    monkeypatch.setattr("kwsd.cli.diagnosis.gain_control._CARDS", tmp_path / "no cards")


def test_all_is_well(findings: Command) -> None:
    status, found = findings()
    assert status == 0
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert "USB Audio" in found["microphone"]["found"]
    assert "tiny, 2 words, checksum verified" in found["model"]["found"]
    assert " ms on " in found["scoring"]["found"]


def test_a_checksum_is_verified_where_a_card_lists_one(findings: Command, foreign: Callable[[str], Path]) -> None:
    _, found = findings(model=foreign("hubert"))
    assert "hubert, 5 words, no checksum to verify" in found["model"]["found"]


def test_all_networks_of_a_model_are_timed(kwsd: Command) -> None:
    ran = kwsd("doctor", "--format", "json")
    (scoring,) = (finding["found"] for finding in json.loads(ran.out) if finding["what"] == "scoring")
    second = r"verifier moonshine-commands, only for likely words, 2 s in [\d.]+ ms"
    third = r"verifier whisper-commands, only for likely words, 2 s in [\d.]+ ms"
    assert re.fullmatch(rf"1 s in [\d.]+ ms on cpu; {second}; {third}", scoring)


def test_text_is_a_line_each(kwsd: Command, tiny_model: Path) -> None:
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert all(line.startswith("ok    ") for line in ran.out.splitlines())


def test_nobody_has_to_read_it(kwsd: Command, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as `>&-` leaves it
    ran = kwsd("doctor", "--model", tiny_model)
    assert (ran.status, ran.err) == (0, "")


def test_ctrl_c_while_a_library_is_imported_is_no_finding(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        missing = DeviceError("ONNX Runtime cannot be loaded", "pip install onnxruntime")
        missing.__cause__ = ImportError("initialization failed")
        missing.__cause__.__cause__ = KeyboardInterrupt()
        raise missing

    monkeypatch.setattr("kwsd.spotting.vad.StepDetector", interrupted)
    ran = kwsd("doctor")
    assert (ran.status, ran.err) == (130, "")
    assert "ONNX" not in ran.out


def test_no_portaudio_is_a_device_that_is_missing(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[InputDevice]:
        raise DeviceError("PortAudio is missing", "apt install libportaudio2")

    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", missing)
    status, found = findings()
    assert status == 69
    assert found["PortAudio"]["state"] == "fail"
    assert found["PortAudio"]["found"] == "PortAudio is missing"
    assert found["PortAudio"]["remedy"] == "apt install libportaudio2"
    assert found["model"]["state"] == "ok"  # the rest is looked at all the same


def test_a_remedy_is_what_the_error_says_is_one(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> list[InputDevice]:
        raise DeviceError("PortAudio: start it, says libjack; name: default;", "ask whoever runs JACK: kwsd cannot")

    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", refused)
    found = findings()[1]["PortAudio"]
    assert found["found"] == "PortAudio: start it, says libjack; name: default"
    assert found["remedy"] == "ask whoever runs JACK: kwsd cannot"


def test_an_error_without_a_remedy_gets_its_check_s(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def strange() -> list[InputDevice]:
        raise DeviceError("PortAudio: install")

    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", strange)
    found = findings()[1]["PortAudio"]
    assert found["found"] == "PortAudio: install"
    assert "libportaudio2" in found["remedy"]


def test_several_microphones_to_choose_from(
    findings: Command, usb_microphone: InputDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = InputDevice(4, "USB Mic", "ALSA", 1, 48_000.0, is_default=False)
    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", lambda: [usb_microphone, other])
    status, found = findings("--microphone", "usb")
    assert status == 69
    assert found["microphone"]["found"] == "'usb' matches several input devices"
    assert found["microphone"]["remedy"] == "choose by index: 3 'USB Audio' (ALSA), 4 'USB Mic' (ALSA)"


def test_a_microphone_that_is_not_there(findings: Command) -> None:
    status, found = findings("--microphone", "headset")
    assert status == 69
    assert found["PortAudio"]["state"] == "ok"
    assert found["microphone"]["state"] == "fail"
    assert "USB Audio" in found["microphone"]["remedy"]


def test_a_damaged_model(findings: Command, tmp_path: Path, tiny_model: Path) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    status, found = findings(model=tmp_path)
    assert status == 78
    assert "SHA-256" in found["model"]["found"]
    assert found["model"]["remedy"] == "fetch the model again, or repeat the kwsd train or export that wrote it"


@pytest.mark.parametrize(
    ("took_ms", "settings", "advice"),
    [
        (20, "", ""),
        (45, "", "words are heard late: use --hop 200 --smoothing 1"),
        (45, "[model]\nhop_ms = 200\n[trigger]\nsmoothing = 1\n", ""),
        (140, "", "words are heard late: use --hop 400 --smoothing 1"),
    ],
)
def test_a_machine_on_which_words_come_late_is_told_what_to_set(
    kwsd: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, took_ms: int, settings: str, advice: str
) -> None:
    config = tmp_path / "slow.toml"
    config.write_text(settings, encoding="utf-8")
    monkeypatch.setattr("kwsd.cli.diagnosis.checks._scoring_ms", lambda *_: float(took_ms))
    ran = kwsd("doctor", "--format", "json", "--config", config)
    (scoring,) = (finding for finding in json.loads(ran.out) if finding["what"] == "scoring")
    assert (scoring["state"], scoring["remedy"]) == ("warn" if advice else "ok", advice)


def test_a_network_is_as_fast_as_it_is_where_nothing_else_runs_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may have the processor while one window is scored, for longer than that takes."""
    now, takes_s = 100.0, iter([5.0, 0.003, 0.004])

    class Interrupted:
        def score(self, _: Any) -> None:
            nonlocal now
            now += next(takes_s)

    monkeypatch.setattr(checks, "time", SimpleNamespace(perf_counter=lambda: now))
    classifier: Any = Interrupted()
    assert checks._scoring_ms(classifier, 160) == pytest.approx(3.0)


def test_a_closed_door_is_told_and_the_next_checks_go_on(closed: Path) -> None:
    command = [*unprivileged(), sys.executable, "-m", "kwsd", "doctor", "--format", "json"]
    places = ["--model", f"{closed}/x", "--socket", f"{closed}/x.sock"]
    done = subprocess.run([*command, *places], capture_output=True, text=True)
    found = {finding["what"]: finding for finding in json.loads(done.stdout)}
    assert (found["model"]["state"], found["model"]["status"]) == ("fail", 78)
    assert found["model"]["found"] == f"{closed}/x/config.json: Permission denied"
    assert (found["socket"]["state"], found["socket"]["status"]) == ("fail", 69)
    assert "no socket can be made there: Permission denied" in found["socket"]["found"]
    assert found["saved detections"]["state"] == "ok"


def test_an_error_of_the_system_is_a_check_that_failed(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[InputDevice]:
        raise OSError(errno.EIO, "Input/output error", "/dev/snd")

    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", broken)
    status, found = findings()
    assert (status, found["PortAudio"]["found"]) == (69, "/dev/snd: Input/output error")
    assert found["model"]["state"] == "ok"

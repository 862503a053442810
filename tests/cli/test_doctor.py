"""`kwsd doctor` finds what is wrong, says what to do, and ends with the status of the first failure."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.devices import InputDevice
from kwsd.errors import DeviceError

Command = Callable[..., Any]

USB = InputDevice(3, "USB Audio", "ALSA", 1, 48_000.0, is_default=True)


@pytest.fixture(autouse=True)
def microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.audio.devices.input_devices", lambda: [USB])


@pytest.fixture
def findings(kwsd: Command, tiny_model: Path) -> Command:
    """Run it; the exit status, and the findings by what was looked at (the last, where there are two)."""

    def run(*arguments: object, model: Path = tiny_model) -> tuple[int, dict[str, dict[str, Any]]]:
        ran = kwsd("doctor", "--format", "json", "--model", model, *arguments)
        return ran.status, {finding["what"]: finding for finding in json.loads(ran.out)}

    return run


def test_all_is_well(findings: Command) -> None:
    status, found = findings()
    assert status == 0
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert "USB Audio" in found["microphone"]["found"]
    assert "tiny, 2 words, checksum verified" in found["model"]["found"]
    assert " ms on " in found["scoring"]["found"]


def test_text_is_a_line_each(kwsd: Command, tiny_model: Path) -> None:
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert all(line.startswith("ok    ") for line in ran.out.splitlines())


def test_no_portaudio_is_a_device_that_is_missing(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[InputDevice]:
        raise DeviceError("PortAudio is missing", "apt install libportaudio2")

    monkeypatch.setattr("kwsd.audio.devices.input_devices", missing)
    status, found = findings()
    assert status == 69
    assert found["PortAudio"]["state"] == "fail"
    assert found["PortAudio"]["found"] == "PortAudio is missing"
    assert found["PortAudio"]["remedy"] == "apt install libportaudio2"
    assert found["model"]["state"] == "ok"  # the rest is looked at all the same


def test_a_remedy_is_what_the_error_says_is_one(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> list[InputDevice]:
        raise DeviceError("PortAudio: start it, says libjack; name: default;", "ask whoever runs JACK: kwsd cannot")

    monkeypatch.setattr("kwsd.audio.devices.input_devices", refused)
    found = findings()[1]["PortAudio"]
    assert found["found"] == "PortAudio: start it, says libjack; name: default"
    assert found["remedy"] == "ask whoever runs JACK: kwsd cannot"


def test_an_error_without_a_remedy_gets_its_check_s(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def strange() -> list[InputDevice]:
        raise DeviceError("PortAudio: install")

    monkeypatch.setattr("kwsd.audio.devices.input_devices", strange)
    found = findings()[1]["PortAudio"]
    assert found["found"] == "PortAudio: install"
    assert "libportaudio2" in found["remedy"]


def test_several_microphones_to_choose_from(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    other = InputDevice(4, "USB Mic", "ALSA", 1, 48_000.0, is_default=False)
    monkeypatch.setattr("kwsd.audio.devices.input_devices", lambda: [USB, other])
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


def test_a_broken_configuration_comes_first(findings: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text("[gate]\nonset = 3\n", encoding="utf-8")
    status, found = findings()
    assert status == 78
    assert "onset_ms" in found["configuration"]["remedy"]


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("[xyzzy]\n", ": unknown section [xyzzy]", "the sections are [audio], "),
        ("[gate]\nxyzzy = 3\n", ": unknown key 'xyzzy' in [gate]", "its keys are enabled, "),
        ("gate = 3\n", ": gate is 3", "it must be a section, [gate]"),
        ("[hooks.words]\nyes = 3\n", ": hooks.words.yes is 3", "a hook is a line"),
    ],
)
def test_what_a_configuration_should_have_is_its_remedy(
    findings: Command, user: Path, text: str, said: str, remedy: str
) -> None:
    configured(user, text)
    status, found = findings()
    assert status == 78
    assert found["configuration"]["found"] == f"{user / 'config.toml'}{said}"
    assert found["configuration"]["remedy"].startswith(remedy)


def test_a_damaged_model(findings: Command, tmp_path: Path, tiny_model: Path) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    status, found = findings(model=tmp_path)
    assert status == 78
    assert "SHA-256" in found["model"]["found"]
    assert found["model"]["remedy"] == "fetch the model again"


def test_words_and_hooks_are_looked_at(findings: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text('[hooks.words]\nyes = "/no/such/program"\nzebra = "true"\n', encoding="utf-8")
    status, found = findings()
    assert status == 78
    assert found["model"]["found"].endswith("does not know 'zebra'")
    assert found["model"]["remedy"] == "it knows yes, no"
    assert "/no/such/program" in found["hooks"]["found"]
    assert "install the program" in found["hooks"]["remedy"]


@pytest.mark.parametrize(
    ("hook", "said", "remedy"),
    [
        ('["/etc/passwd"]', "'/etc/passwd' is not executable", "chmod +x /etc/passwd"),
        ('["~/bin/lamp"]', "so that ~ stands for nothing", "write the whole path"),
        ('["echo yes"]', "'echo yes' is not found", "a list of strings is one program with its arguments"),
    ],
)
def test_a_hook_that_cannot_run(findings: Command, user: Path, hook: str, said: str, remedy: str) -> None:
    configured(user, f"[hooks.words]\nyes = {hook}\n")
    status, found = findings()
    assert status == 78
    assert found["hooks"]["found"].endswith(said)
    assert found["hooks"]["remedy"] == remedy


def test_a_hook_of_several_lines_is_told_on_one(kwsd: Command, tiny_model: Path, user: Path) -> None:
    configured(user, '[hooks.words]\nyes = { shell = """if true; then\n echo \\u001b]0;pwned\nfi""" }\n')
    ran = kwsd("doctor", "--model", tiny_model)
    assert r"hooks            yes runs if true; then\n echo \x1b]0;pwned\nfi" in ran.out
    assert all(line.startswith("ok    ") for line in ran.out.splitlines())


def test_a_daemon_that_runs_is_seen(findings: Command) -> None:
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "kwsd" / "events.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert "a daemon listens" in findings()[1]["socket"]["found"]
    assert "dead daemon" in findings()[1]["socket"]["found"]


def test_without_a_runtime_folder_it_warns(kwsd: Command, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert "warn  socket" in ran.out
    assert "--socket" in ran.out


def test_a_folder_that_cannot_be_made(findings: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    status, found = findings()
    assert status == 69
    assert found["state folder"]["remedy"]


def configured(user: Path, text: str) -> None:
    user.mkdir(exist_ok=True)
    (user / "config.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("metrics", "status", "said", "remedy"),
    [
        ('listen = "0.0.0.0:9464"', 78, "which other machines reach", "public = true"),
        ('listen = "noon"', 78, "metrics.listen is 'noon'", "write a port"),
        ('listen = "0"\ntoken_file = "/no/such/token"', 78, "/no/such/token: No such file", "make one"),
        ('listen = "/proc/x/metrics"', 69, "no socket can be made there", "--metrics"),
    ],
)
def test_metrics_that_the_daemon_would_refuse(
    findings: Command, user: Path, metrics: str, status: int, said: str, remedy: str
) -> None:
    configured(user, f"[metrics]\n{metrics}\n")
    ended, found = findings()
    assert (ended, found["metrics"]["state"]) == (status, "fail")
    assert said in found["metrics"]["found"]
    assert remedy in found["metrics"]["remedy"]


@pytest.mark.parametrize("metrics", ["public = true", "token_file = '/no/such/token'"])
def test_a_key_of_metrics_without_a_place_is_a_warning(findings: Command, user: Path, metrics: str) -> None:
    configured(user, f"[metrics]\n{metrics}\n")
    status, found = findings()
    assert (status, found["metrics"]["state"]) == (0, "warn")
    assert "--metrics" in found["metrics"]["remedy"]


def test_a_port_that_somebody_has(findings: Command, user: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0)  # nobody answers there
        configured(user, f"[metrics]\nlisten = '{taken.getsockname()[1]}'\n")
        status, found = findings()
    assert status == 69
    assert found["metrics"]["remedy"] == "choose another with --metrics"


@pytest.mark.parametrize("token", [b"", b"0123456789abcdef"])
def test_a_daemon_that_serves_metrics_is_no_failure(findings: Command, token: bytes) -> None:
    from kwsd.daemon.scrape import ScrapeServer

    server = ScrapeServer("0", lambda: 'kwsd_info{version="1"} 1\n', failed=lambda _: None, token=token)
    port = server.address.split(":")[2].partition("/")[0]
    try:
        status, found = findings("--metrics", port)
    finally:
        server.close()
    assert status == 0
    assert "a daemon serves them" in found["metrics"]["found"]


def test_what_was_opened_for_a_trial_is_given_back(findings: Command, tmp_path: Path) -> None:
    runtime = Path(os.environ["XDG_RUNTIME_DIR"])
    kept = tmp_path / "a" / "b"
    status, found = findings("--metrics", runtime / "m" / "s", "--save-detections", kept)
    assert status == 0
    assert str(runtime / "m" / "s") in found["metrics"]["found"]
    assert str(kept) in found["saved detections"]["found"]
    assert list(runtime.iterdir()) == []
    assert not (tmp_path / "a").exists()


def test_recordings_that_are_there_stay(findings: Command, tmp_path: Path) -> None:
    kept = tmp_path / "20260101T000000.000Z-yes-0.999.wav.part"  # a daemon is just writing it
    kept.write_bytes(b"x")
    assert findings("--save-detections", tmp_path)[0] == 0
    assert kept.exists()


def test_a_folder_for_recordings_that_cannot_be_made(findings: Command, user: Path) -> None:
    configured(user, '[keep]\nfolder = "/proc/x"\n')
    status, found = findings()
    assert (status, found["saved detections"]["state"]) == (69, "fail")
    assert "/proc/x" in found["saved detections"]["found"]
    assert "--save-detections" in found["saved detections"]["remedy"]


def test_a_folder_in_a_read_only_file_system(
    findings: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mounted:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: Mounted)
    status, found = findings("--save-detections", tmp_path)
    assert (status, found["saved detections"]["state"]) == (69, "fail")
    assert found["saved detections"]["found"] == f"{tmp_path} is in a read-only file system"
    assert found["saved detections"]["remedy"] == "choose another folder with --save-detections"
    assert "XDG_STATE_HOME" in found["state folder"]["remedy"]


def test_a_socket_that_cannot_be_made(findings: Command, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path in ("/proc/x/e.sock", file):
        status, found = findings("--socket", path)
        assert (status, found["socket"]["state"]) == (69, "fail")
        assert "--socket" in found["socket"]["remedy"]


def test_variables_that_no_hook_may_have(findings: Command, user: Path) -> None:
    configured(user, '[hooks]\nenvironment = ["NOTIFY_SOCKET"]\n')
    status, found = findings()
    assert (status, found["hooks"]["remedy"]) == (78, "leave it out")

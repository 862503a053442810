"""`kwsd listen`, on files and pipes; what becomes of the sound is the daemon's business, and tested there."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.config import Config
from kwsd.errors import ConfigError

Command = Callable[..., Any]

SPOKEN = Path(__file__).parents[2] / "recordings" / "sentence.flac"
FIRES = ("--no-gate", "--threshold", "0.001", "--smoothing", "1", "--hop", "500", "--device", "cpu")


def test_a_recording_as_json_lines(kwsd: Command, tiny_model: Path, clips: Path) -> None:
    ran = kwsd("listen", clips / "yes" / "0.wav", "--model", tiny_model, *FIRES)
    assert ran.status == 0, ran.err
    detections = [json.loads(line) for line in ran.out.splitlines()]
    assert detections  # at a threshold of 0.001 anything fires
    assert {detection["type"] for detection in detections} == {"detection"}
    assert {detection["stream"] for detection in detections} == {"0.wav"}
    assert all(line.startswith("kwsd: ") for line in ran.err.splitlines())


@pytest.mark.parametrize(
    "flags", [("--microphone", "usb"), ("--no-socket", "--socket", "x.sock"), ("--socket", "x.sock", "--no-socket")]
)
def test_flags_that_contradict_each_other_are_wrong_usage(kwsd: Command, flags: tuple[str, ...]) -> None:
    ran = kwsd("listen", SPOKEN, *flags)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert all(flag in ran.err for flag in flags if flag.startswith("--"))


def test_a_microphone_is_not_played_at_the_speed_of_speech(kwsd: Command) -> None:
    ran = kwsd("listen", "--realtime")
    assert (ran.status, ran.out) == (2, "")
    assert "--realtime is for recordings and pipes, and no SOURCE is given; name one, or leave it out" in ran.err


def test_the_help_says_how_a_recording_gets_a_socket(kwsd: Command) -> None:
    said = " ".join(kwsd("listen", "--help").out.split())
    assert "for a file or a pipe with --socket" in said


def test_text_for_a_person(kwsd: Command, tiny_model: Path, clips: Path) -> None:
    ran = kwsd("listen", clips / "yes" / "0.wav", "--model", tiny_model, *FIRES, "--format", "text", "--hook", "*=true")
    assert ran.status == 0, ran.err
    assert "true" in ran.out


def test_a_pipe(kwsd: Command, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, bytes(32_000))
    os.close(writing)
    with io.TextIOWrapper(io.FileIO(reading)) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        ran = kwsd("listen", "-", "--model", tiny_model, "--events", "all", "--device", "cpu")
    assert ran.status == 0, ran.err
    assert [json.loads(line)["type"] for line in ran.out.splitlines()] == ["ready", "stopped"]


def test_a_closed_standard_input(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    ran = kwsd("listen", "-")
    assert ran.status == 66
    assert "standard input is closed" in ran.err


def test_a_microphone_is_looked_for_by_name(kwsd: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "audio" / "capture" / "fake_sounddevice.py", tmp_path / "sounddevice.py")
    (tmp_path / "sound.json").write_text(json.dumps({"devices": ["USB Audio"], "level": 0}))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FAKE_SOUND", str(tmp_path / "sound.json"))
    ran = kwsd("listen", "--microphone", "headset")
    assert ran.status == 69
    assert "headset" in ran.err
    assert "USB Audio" in ran.err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("/no/such/file.wav",), 66), ((SPOKEN, "--words", "zebra"), 78), ((SPOKEN, "--model", "/no/model"), 78)],
)
def test_what_is_wrong_is_one_line(kwsd: Command, tiny_model: Path, arguments: tuple[str, ...], status: int) -> None:
    model = () if "--model" in arguments else ("--model", tiny_model)
    ran = kwsd("listen", *model, *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert [line.startswith("kwsd: error: ") for line in ran.err.splitlines()].count(True) == 1


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("--hook", "stop=echo", "paused"), "put quotes around a command with spaces: --hook 'stop=echo paused'"),
        (("--hook-shell", "stop=echo", "paused"), "put quotes around a command with spaces: --hook 'stop=echo paused'"),
        (("--words", "yes", "no"), "separate words by commas, without spaces: --words yes,no"),
        (("--labels", "a", "dog"), "put quotes around labels with spaces: --labels 'a dog barking, a doorbell'"),
    ],
)
def test_the_rest_of_a_value_is_no_recording(kwsd: Command, arguments: tuple[str, ...], remedy: str) -> None:
    ran = kwsd("listen", *arguments)
    assert (ran.status, ran.out) == (66, "")
    assert ran.err == f"kwsd: error: {arguments[-1]}: there is no such recording; check its name, or {remedy}\n"


def test_words_that_were_written_as_one(kwsd: Command, tiny_model: Path) -> None:
    ran = kwsd("listen", SPOKEN, "--model", tiny_model, "--words", "yes no")
    assert ran.status == 78
    assert "does not know 'yes no'; did you mean 'yes,no'?" in ran.err


def test_an_empty_name_is_wrong_usage(kwsd: Callable[..., Any]) -> None:
    ran = kwsd("listen", "")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "kwsd: error: SOURCE is empty; name a recording, - for standard input, or leave it out for a microphone"
    ]


@pytest.fixture
def reloads(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Config]]:
    """What each `kwsd listen` at a microphone, which ends at once, would read its configuration again by."""
    given: list[Callable[[], Config]] = []

    def run(*_: object, reload: Callable[[], Config], **__: object) -> int:
        given.append(reload)
        return 0

    monkeypatch.setattr("kwsd.daemon.supervisor.run", run)
    monkeypatch.setattr("kwsd.cli.commands.listen._source", lambda *_: None)
    return given


def test_a_reload_without_the_file_is_refused(kwsd: Command, reloads: list[Callable[[], Config]], user: Path) -> None:
    """At a microphone; the daemon logs it and keeps the old configuration."""
    user.mkdir()
    (user / "config.toml").write_text("[gate]\nonset_ms = 50\n", encoding="utf-8")
    assert kwsd("listen").status == 0
    assert reloads[0]().gate.onset_ms == 50
    (user / "config.toml").unlink()
    with pytest.raises(ConfigError, match=r"config\.toml no longer exists; put it back"):
        reloads[0]()


def test_a_configuration_that_any_user_may_change_is_told_of(
    kwsd: Command, reloads: list[Callable[[], Config]], user: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start and at a reload: whoever writes hooks into it has them run as this user."""
    user.mkdir()
    file = user / "config.toml"
    file.touch(0o600)
    assert kwsd("listen").err == ""
    file.chmod(0o666)
    reloads[0]()
    assert f"any user of this machine may change {file}, and" in caplog.text
    assert kwsd("listen").err.endswith(f": chmod o-w {file}\n")


def test_the_files_metrics_are_the_daemons_and_a_recording_leaves_them_alone(
    kwsd: Command, tiny_model: Path, clips: Path, user: Path, tmp_path: Path
) -> None:
    """Where that place is taken, by a daemon that runs, say."""
    taken = tmp_path / "taken"
    taken.write_text("")
    user.mkdir(exist_ok=True)
    (user / "config.toml").write_text(f'[metrics]\nlisten = "{taken}"\n')
    heard = ("listen", clips / "yes" / "0.wav", "--model", tiny_model, *FIRES)
    ran = kwsd(*heard)
    assert (ran.status, ran.err.count("metrics are not served")) == (0, 1)
    assert kwsd(*heard, "--metrics", taken).status == 69

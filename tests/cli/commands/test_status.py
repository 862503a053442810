"""`kwsd status`, asked of the server that a daemon has."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.cli.commands.status import meter
from kwsd.envelope import Envelope
from kwsd.events import SpeechStarted
from kwsd.sinks.socket import SocketSink

Command = Callable[..., Any]
SNAPSHOT = {
    "type": "status", "model": "tiny", "device": "cpu", "uptime_s": 12.3, "detections": {"stop": 2, "go": 1},
    "near_misses": {"up": 1, "off": 3},
    "streams": {"desk": {"audio_s": 12.0, "lost": False, "hop_ms": 100, "level_dbfs": -30.0}},
    "windows_scored": 30, "windows_gated": 90, "windows_spared": 60,
    "real_time_factor": 0.0123, "audio_lost_s": 1.5, "device_losses": 1,
    "overflows": 4, "hook_runs": 3, "hook_failures": 1, "subscribers": 1,
}  # fmt: skip


def test_the_daemon_is_asked_over_its_socket(kwsd: Command, tmp_path: Path) -> None:
    failures: list[BaseException] = []
    counts: queue.SimpleQueue[int] = queue.SimpleQueue()
    path = tmp_path / "events.sock"

    def answer() -> bytes:
        sink.send(Envelope.seal(SpeechStarted("desk", 0), 1))  # an event may come at any moment
        return json.dumps(SNAPSHOT).encode() + b"\n"

    sink = SocketSink(path, failed=failures.append, status=answer, counted=counts.put)
    try:
        ran = kwsd("status", "--socket", path)
        assert ran.status == 0, ran.err
        assert "desk: |###############               | -30 dBFS" in ran.out
        for part in (
            "go 1, stop 2",
            "near misses  off 3, up 1",
            "30 scored, 90 kept out by the gate, 60 spared",
            "tiny on cpu",
            "1.5 s; microphone lost 1 time",
            "overflows    4",
            "3 run",
        ):
            assert part in ran.out
        assert [counts.get(timeout=PATIENCE_S) for _ in range(2)] == [1, 0]  # it has left when the next one comes
        assert json.loads(kwsd("status", "--socket", path, "--format", "json").out) == SNAPSHOT
    finally:
        sink.close(0)
    assert failures == []
    assert counts.get(timeout=PATIENCE_S) == 1


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """At which places a daemon was asked; it answers at each."""
    places: list[Path] = []

    def ask(path: Path, _: float) -> dict[str, Any]:
        places.append(path)
        return SNAPSHOT

    monkeypatch.setattr("kwsd.cli.commands.status.ask", ask)
    return places


def test_a_mistake_in_the_configuration_keeps_nobody_from_asking(kwsd: Command, user: Path, asked: list[Path]) -> None:
    """The daemon goes on as it was."""
    user.mkdir()
    (user / "config.toml").write_text("[trigger]\nthreshhold = 0.9\n")
    ran = kwsd("status")
    assert ran.status == 0
    assert ran.err.count("\n") == 1
    assert "kwsd: warning: " in ran.err
    assert "threshhold" in ran.err
    assert asked == [Path(os.environ["XDG_RUNTIME_DIR"], "kwsd", "events.sock")]


def test_who_names_the_socket_needs_no_configuration(kwsd: Command, user: Path, asked: list[Path]) -> None:
    user.mkdir()
    (user / "config.toml").write_text("[")
    ran = kwsd("status", "--socket", "/run/s")
    assert (ran.status, ran.err, asked) == (0, "", [Path("/run/s")])


@pytest.mark.parametrize("command", ["status", "events"])
def test_a_socket_that_is_turned_off_is_not_a_daemon_that_does_not_run(kwsd: Command, user: Path, command: str) -> None:
    """A second daemon, which the other error advises, would run each hook a second time."""
    user.mkdir()
    (user / "config.toml").write_text("[socket]\nenabled = false\n")
    ran = kwsd(command)
    assert (ran.status, ran.out) == (69, "")
    assert "[socket] enabled is false in the configuration, so that no daemon can be asked; remove that" in ran.err


def test_a_socket_from_before_it_was_turned_off(kwsd: Command, user: Path, tmp_path: Path, asked: list[Path]) -> None:
    user.mkdir()
    (tmp_path / "s").touch()
    (user / "config.toml").write_text(f"[socket]\nenabled = false\npath = '{tmp_path / 's'}'\n")
    assert kwsd("status").status == 0
    assert asked == [tmp_path / "s"]


@pytest.mark.parametrize("command", ["status", "events"])
def test_a_configuration_that_is_not_there_is_a_mistake(kwsd: Command, tmp_path: Path, command: str) -> None:
    ran = kwsd(command, "--config", tmp_path / "none.toml")
    assert ran.status == 78
    assert "no such file" in ran.err


def test_a_verifier_is_told_of_where_there_is_one(
    kwsd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = SNAPSHOT | {"windows_verified": 7}
    monkeypatch.setattr("kwsd.cli.commands.status.ask", lambda *_: found)
    assert "30 scored, 7 of them verified, 90 kept out" in kwsd("status", "--socket", tmp_path / "s").out
    del found["windows_verified"]
    assert "verified" not in kwsd("status", "--socket", tmp_path / "s").out


@pytest.mark.parametrize("changed", [{"streams": None}, {"streams": {"desk": {}}}, {"uptime_s": "12"}])
def test_figures_of_another_version_are_told_from_a_fault(
    kwsd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    monkeypatch.setattr("kwsd.cli.commands.status.ask", lambda *_: SNAPSHOT | changed)
    ran = kwsd("status", "--socket", tmp_path / "s")
    assert (ran.status, ran.out) == (69, "")
    assert "restart it, or use --format json" in ran.err
    assert kwsd("status", "--socket", tmp_path / "s", "--format", "json").status == 0


def test_no_audio_is_not_silence(kwsd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = {"audio_s": 0.0, "lost": False, "hop_ms": 100, "level_dbfs": None}
    monkeypatch.setattr("kwsd.cli.commands.status.ask", lambda *_: SNAPSHOT | {"streams": {"stdin": stream}})
    out = kwsd("status", "--socket", tmp_path / "s").out
    assert "stdin: no audio has come yet" in out
    assert "silence" not in out


def test_without_a_daemon_it_says_so(kwsd: Command, tmp_path: Path) -> None:
    ran = kwsd("status", "--socket", tmp_path / "none.sock")
    assert ran.status == 69
    assert "no daemon is running" in ran.err


def test_a_path_too_long_for_a_socket_is_wrong_as_for_listen(kwsd: Command, tmp_path: Path) -> None:
    ran = kwsd("status", "--socket", tmp_path / ("s" * 107))
    assert ran.status == 78
    assert "longer than the 107 bytes of a socket's path; choose another with --socket" in ran.err


@pytest.mark.parametrize(
    ("level", "lost", "shown"),
    [
        (0.0, False, "|" + "#" * 30 + "| 0 dBFS"),
        (-90.0, False, "|" + " " * 30 + "| -90 dBFS"),
        (None, False, "digital silence"),
        (-20.0, True, "lost"),
    ],
)
def test_the_meter(level: float | None, lost: bool, shown: str) -> None:
    assert shown in meter(level, lost=lost)

"""What `kwsd doctor` says of all that the daemon would open: socket, metrics, folders."""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.sinks.socket import SocketSink

Command = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("usb_microphone")


def test_a_daemon_that_runs_is_seen(findings: Command) -> None:
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "kwsd" / "events.sock"
    sink = SocketSink(path, status=lambda: b'{"type": "status"}\n')
    try:
        assert "a daemon listens" in findings()[1]["socket"]["found"]
    finally:
        sink.close(0)


def test_one_without_room_for_another_subscriber_is_well(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = SocketSink(Path(os.environ["XDG_RUNTIME_DIR"]) / "kwsd" / "events.sock")
    monkeypatch.setattr(sink, "_room", 0)
    try:
        status, found = findings()
    finally:
        sink.close(0)
    assert (status, found["socket"]["state"]) == (0, "warn")
    assert "too many subscribers" in found["socket"]["remedy"]


def test_one_that_hangs_and_one_that_died_are_told_apart(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.cli.diagnosis.openings._ANSWER_S", 0.05)
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "kwsd" / "events.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        status, found = findings()
        assert (status, found["socket"]["state"]) == (69, "fail")
        assert "the daemon gives no valid answer" in found["socket"]["found"]
    assert "dead daemon" in findings()[1]["socket"]["found"]


def test_without_a_runtime_folder_it_warns(kwsd: Command, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert "warn  socket" in ran.out
    assert "--socket" in ran.out


def test_a_runtime_folder_that_is_ignored_is_warned_of_too(
    kwsd: Command, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert "XDG_RUNTIME_DIR is a relative path, which is ignored; the socket would be" in ran.out


def test_a_state_folder_that_cannot_be_made_matters_where_the_socket_would_lie_there(
    findings: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    status, found = findings()
    assert (status, {finding["state"] for finding in found.values()}) == (0, {"ok"})
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    status, found = findings()
    assert (status, found["socket"]["state"]) == (69, "fail")
    assert f"{tmp_path}/file/kwsd/events.sock: no socket can be made there" in found["socket"]["found"]


@pytest.mark.parametrize(
    ("metrics", "status", "said", "remedy"),
    [
        ('listen = "0.0.0.0:9464"', 78, "which other machines can reach", "public = true"),
        ('listen = "0"\ntoken_file = "/no/such/token"', 78, "/no/such/token: No such file", "make one"),
        ('listen = "/proc/x/metrics"', 69, "no socket can be made there", "--metrics"),
    ],
)
def test_metrics_that_the_daemon_would_refuse(
    findings: Command, configured: Command, metrics: str, status: int, said: str, remedy: str
) -> None:
    configured(f"[metrics]\n{metrics}\n")
    ended, found = findings()
    assert (ended, found["metrics"]["state"]) == (status, "fail")
    assert said in found["metrics"]["found"]
    assert remedy in found["metrics"]["remedy"]


@pytest.mark.parametrize("metrics", ["public = true", "token_file = '/no/such/token'"])
def test_a_key_of_metrics_without_a_place_is_a_warning(findings: Command, configured: Command, metrics: str) -> None:
    configured(f"[metrics]\n{metrics}\n")
    status, found = findings()
    assert (status, found["metrics"]["state"]) == (0, "warn")
    assert "--metrics" in found["metrics"]["remedy"]


def test_a_port_that_somebody_has(findings: Command, configured: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.daemon.metrics_server.REQUEST_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0)  # nobody answers there
        configured(f"[metrics]\nlisten = '{taken.getsockname()[1]}'\n")
        status, found = findings()
    assert status == 69
    assert "a program listens there, but does not answer" in found["metrics"]["found"]
    assert "choose another place with --metrics" in found["metrics"]["remedy"]


def test_a_port_where_somebody_else_answers(findings: Command, configured: Command) -> None:
    page = socketserver.StreamRequestHandler
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Page", (page,), {"handle": _answer})) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        configured(f"[metrics]\nlisten = '{other.server_address[1]}'\n")
        status, found = findings()
        other.shutdown()
    assert status == 69
    assert found["metrics"]["remedy"] == "choose another with --metrics"


def _answer(handler: Any) -> None:
    handler.rfile.readline()
    handler.wfile.write(b"HTTP/1.0 404 Not Found\r\n\r\n")


@pytest.mark.parametrize("token", [b"", b"0123456789abcdef"])
def test_a_daemon_that_serves_metrics_is_no_failure(findings: Command, token: bytes) -> None:
    from kwsd.daemon.metrics_server import MetricsServer

    server = MetricsServer("0", lambda: 'kwsd_info{version="1"} 1\n', failed=lambda _: None, token=token)
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


def test_a_trial_takes_no_socket_from_a_daemon_that_starts_meanwhile(
    findings: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is closed its inode is free for the daemon's, and tells the two apart no more."""
    runtime = Path(os.environ["XDG_RUNTIME_DIR"])
    left: dict[str, bool] = {}
    close = socket.socket.close

    def closing(self: socket.socket) -> None:
        if self.fileno() >= 0 and self.family == socket.AF_UNIX and self.getsockname():
            left[Path(self.getsockname()).name] = Path(self.getsockname()).exists()
        close(self)

    monkeypatch.setattr(socket.socket, "close", closing)
    assert findings("--metrics", runtime / "m" / "s")[0] == 0
    assert left == {"events.sock": False, "s": False}


def test_recordings_that_are_there_stay(findings: Command, tmp_path: Path) -> None:
    kept = tmp_path / "20260101T000000.000Z-yes-0.999.wav.part"  # a daemon is just writing it
    kept.write_bytes(b"x")
    assert findings("--save-detections", tmp_path)[0] == 0
    assert kept.exists()


def test_a_folder_for_recordings_that_cannot_be_made(findings: Command, configured: Command) -> None:
    configured('[keep]\nfolder = "/proc/x"\n')
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
    assert found["saved detections"]["found"] == f"{tmp_path} is on a read-only file system"
    assert found["saved detections"]["remedy"] == "choose another folder with --save-detections"


def test_a_folder_that_may_only_be_looked_at(
    findings: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    status, found = findings("--save-detections", tmp_path)
    assert (status, found["saved detections"]["found"]) == (69, f"{tmp_path} cannot be written to")
    assert found["saved detections"]["remedy"] == f"chown or chmod {tmp_path}"


def test_a_socket_that_cannot_be_made(findings: Command, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path in ("/proc/x/e.sock", file):
        status, found = findings("--socket", path)
        assert (status, found["socket"]["state"]) == (69, "fail")
        assert "--socket" in found["socket"]["remedy"]

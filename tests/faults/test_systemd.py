"""What a service manager asks of the daemon: to reload, to starve the watchdog when it is deaf, to take its socket."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from patience import PATIENCE_S

WATCHDOG_S = 1.0


def write(path: Path, *lines: str) -> None:
    """A configuration, all at once."""
    path.with_suffix(".new").write_text("\n".join(lines) + "\n")
    path.with_suffix(".new").rename(path)


def said(manager: Any, seconds: float) -> list[str]:
    """What the daemon says until it has been silent for a while."""
    heard: list[str] = []
    manager._socket.settimeout(seconds)
    with suppress(TimeoutError, BlockingIOError):
        while True:
            heard += manager._socket.recv(4096).decode().splitlines()
    return heard


def test_sighup_changes_words_thresholds_and_hooks_and_loses_nothing(
    listening: Callable[..., Any], saying: Any, manager: Any, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    write(config, "[trigger]", "words = ['yes']")
    patient = {"KWSD_TESTS_CAPTURE_STALL_S": f"{PATIENCE_S}"}  # audio that comes late is not lost here
    running = listening("--config", config, NOTIFY_SOCKET=manager.address, **patient)
    manager.wait_for("READY=1")
    saying.until(running, "detection")

    def reload() -> None:
        told = len(manager.heard)
        running.signal(signal.SIGHUP)
        while "READY=1" not in manager.heard[told:]:
            manager.heard += manager._socket.recv(4096).decode().splitlines()
        assert "RELOADING=1" in manager.heard[told:]
        assert any(line.startswith("MONOTONIC_USEC=") for line in manager.heard[told:])

    write(config, "[trigger]", "threshold = 0.25", "[hooks.words]", f"yes = ['touch', '{tmp_path / 'ran'}']")
    reload()
    running.wait_for_log("the configuration has been read again")
    saying.until(running, "hook_finished")
    assert (tmp_path / "ran").exists()
    for wrong in ("words = [", "words = ['maybe']", "threshold = 2.0"):
        write(config, "[trigger]", wrong)
        reload()
    write(config, "[hooks.words]", "yes = 'no-such-program'")
    reload()
    running.wait_for(lambda: sum("the old one stays" in line for line in list(running.err)) == 4)
    finished = [event["type"] for event in running.events()].count("hook_finished")
    saying.until(running, "hook_finished", finished + 1)  # by the configuration that stays
    running.signal(signal.SIGTERM)
    ran = running.wait()
    assert ran.status == 0
    assert not [event for event in ran.events if event["type"] in ("audio_lost", "device_lost")]
    thresholds = [event["threshold"] for event in ran.events if event["type"] == "detection"]
    assert (thresholds[0], thresholds[-1]) == (0.5, 0.25)
    assert [event["sequence"] for event in ran.events] == list(range(1, len(ran.events) + 1))
    assert any(line.startswith("STATUS=") and "the last: yes at" in line for line in manager.heard)


def test_the_search_for_a_lost_microphone_feeds_the_watchdog_unless_it_hangs(
    listening: Callable[..., Any], sound_server: Any, manager: Any
) -> None:
    running = listening(NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=f"{WATCHDOG_S * 1e6:.0f}")
    manager.wait_for("WATCHDOG=1")
    sound_server.kill()
    running.wait_for_event("device_lost")
    said(manager, 0)  # until then
    manager._socket.settimeout(PATIENCE_S)
    for _ in range(3):
        manager.heard.clear()
        manager.wait_for("WATCHDOG=1")
    native = sound_server.folder / "native"
    native.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as mute:  # a sound server that takes calls and never answers
        mute.bind(str(native))
        mute.listen(100)
        mute.settimeout(PATIENCE_S)
        calls = [mute.accept()]
        said(manager, 0)
        assert "WATCHDOG=1" not in said(manager, 4 * WATCHDOG_S)
        for call, _ in calls:
            call.close()
    native.unlink()
    sound_server.start("headset")
    manager._socket.settimeout(PATIENCE_S)
    manager.wait_for("WATCHDOG=1")
    running.wait_for_event("device_restored")


ACTIVATED = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
os.dup2(server.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_it_takes_the_socket_that_systemd_holds(user: Any, start: Any) -> None:
    path = user.folder / "activated.sock"
    daemon = Path(__file__).with_name("daemon.py")
    command = [sys.executable, "-c", ACTIVATED, str(path), str(daemon), "listen", "-", "--socket", str(user.socket)]
    running = start(command=command)
    running.wait_for_log("events are served at")
    with socket.socket(socket.AF_UNIX) as subscriber:
        subscriber.settimeout(PATIENCE_S)
        subscriber.connect(str(path))
        running.write(bytes(64_000))
        assert json.loads(subscriber.makefile().readline())["type"] == "ready"
        assert running.end().status == 0
    assert path.exists()
    assert not user.socket.exists()
    path.unlink()


TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR), termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_a_terminal_that_hangs_up_ends_it_though_sighup_reloads(start: Any, sound_server: Any) -> None:
    master, slave = pty.openpty()
    try:
        daemon = [str(Path(__file__).with_name("daemon.py")), "listen", "--events", "all", "--format", "json"]
        command = [sys.executable, "-c", TERMINAL, os.ttyname(slave), *daemon]
        env = {name: sound_server.env[name] for name in ("XDG_RUNTIME_DIR", "ALSA_CONFIG_PATH", "PULSE_SERVER")}
        running = start(command=command, env=env)
        running.wait_for_event("ready")
        os.kill(running.process.pid, signal.SIGHUP)
        running.wait_for_log("the configuration has been read again")
    finally:
        os.close(slave)
        os.close(master)  # hangs up
    assert running.wait().status == 129

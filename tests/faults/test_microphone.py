"""The microphone, the sound server and the process that captures: each is taken away, and comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

BACK_S = 60.0
"""A machine that is busy with other things is slow, not wrong; the README's table has the measured times."""


def heard(running: Any, saying: Any) -> None:
    """Make sure that the daemon detects now, whatever it has detected before."""
    before = [event["type"] for event in running.events()].count("detection")
    saying.until(running, "detection", before + 1)


def stop(running: Any) -> Any:
    running.signal(signal.SIGTERM)
    ran = running.wait()
    assert (ran.status, ran.errors) == (0, [])
    return ran


def report(what: str, seconds: float) -> None:
    """`pytest tests/faults -rP` shows it: the README's table is made of these."""
    print(f"measured: {what}: {seconds:.2f} s")


@pytest.mark.parametrize("device", ["", "headset"])
def test_a_microphone_that_goes_away_and_comes_back(
    listening: Callable[..., Any],
    sound_server: Any,
    saying: Any,
    tmp_path: Path,
    device: str,
) -> None:
    hook = f"yes=echo >>{tmp_path / 'ran'}"
    running = listening(*(("--microphone", device) if device else ()), "--hook-shell", hook)
    lines: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as subscriber:
        subscriber.connect(str(sound_server.folder / "kwsd" / "events.sock"))
        reader = threading.Thread(target=lambda: lines.extend(subscriber.makefile("rb")))
        reader.start()
        heard(running, saying)
        running.wait_for_event("hook_finished")
        threads, descriptors = running.figures()
        sound_server.unplug()
        running.wait_for_event("device_lost")
        sound_server.plug("headset")
        began = time.monotonic()
        restored = running.wait_for_event("device_restored")
        assert time.monotonic() - began < BACK_S
        heard(running, saying)
        running.wait_for_event("hook_finished", 2)
        running.wait_for(lambda: running.figures()[1] <= descriptors)  # once no hook runs any more
        assert running.figures()[0] <= threads + 1  # where starting a hook took long, another thread starts them, too
        ran = stop(running)
        reader.join(PATIENCE_S)
    report("unplugged and plugged in again, without audio", restored["lost_s"])
    assert len((tmp_path / "ran").read_text().split("\n")) > 2
    kinds = [event["type"] for event in map(json.loads, lines)]
    assert kinds.index("device_lost") < kinds.index("device_restored") < len(kinds) - 1
    assert kinds[-1] == "stopped"
    (gap,) = [event for event in ran.events if event["type"] == "audio_lost"]
    assert gap["lost_s"] == pytest.approx(restored["lost_s"], abs=0.2)
    ends = [event["at_s"] for event in ran.events if "at_s" in event and event["type"] != "hook_finished"]
    assert ends[-1] == max(ends)


@pytest.mark.parametrize(("number", "why"), [(signal.SIGSTOP, "no audio (1.5 s)"), (signal.SIGKILL, "signal 9")])
def test_capture_that_hangs_or_dies(
    listening: Callable[..., Any],
    saying: Any,
    number: signal.Signals,
    why: str,
) -> None:
    running = listening()
    first = running.capture()
    os.kill(first, number)
    lost = running.wait_for_event("device_lost")
    assert why in lost["reason"]
    restored = running.wait_for_event("device_restored")
    assert running.capture() != first
    heard(running, saying)
    report(f"capture gets {number.name}, without audio", restored["lost_s"])
    assert restored["lost_s"] < BACK_S
    stop(running)


def test_a_sound_server_that_is_killed_and_started(
    listening: Callable[..., Any], sound_server: Any, saying: Any
) -> None:
    running = listening()
    sound_server.kill()
    running.wait_for_event("device_lost")
    sound_server.start("headset")
    began = time.monotonic()
    restored = running.wait_for_event("device_restored")
    report("sound server started, until audio", time.monotonic() - began)
    report("sound server killed and started, without audio", restored["lost_s"])
    heard(running, saying)
    stop(running)


def test_an_input_that_gives_nothing_but_zeros(
    listening: Callable[..., Any], user: Any, saying: Any, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("[audio]\nsilence_s = 1.0\n")
    running = listening("--config", tmp_path / "config.toml")
    silent = running.wait_for_event("device_silent")
    assert silent["silent_s"] == pytest.approx(1.0, abs=0.1)
    audible = saying.until(running, "device_audible")
    assert audible["silent_s"] >= silent["silent_s"]
    ran = stop(running)
    assert "is it muted?" in ran.err
    assert user


def test_a_microphone_that_is_not_there_at_the_start_is_an_error(start: Callable[..., Any], sound_server: Any) -> None:
    env = {name: sound_server.env[name] for name in ("XDG_RUNTIME_DIR", "ALSA_CONFIG_PATH", "PULSE_SERVER")}
    ran = start("listen", "--microphone", "no such thing", env=env).end()
    assert ran.status == 69
    assert "no input device matches" in ran.errors[0]


def test_kill_9_leaves_nothing_that_the_next_start_minds(
    listening: Callable[..., Any], sound_server: Any, saying: Any
) -> None:
    running = listening()
    heard(running, saying)
    assert running.capture()
    running.signal(signal.SIGKILL)
    assert running.wait().status == -signal.SIGKILL  # and the process that captures is gone, too
    assert (sound_server.folder / "kwsd" / "events.sock").exists()
    again = listening()
    heard(again, saying)
    stop(again)


def test_kill_9_while_capture_hangs(listening: Callable[..., Any]) -> None:
    running = listening()
    os.kill(running.capture(), signal.SIGSTOP)
    running.signal(signal.SIGKILL)
    assert running.wait().status == -signal.SIGKILL

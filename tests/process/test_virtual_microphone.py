"""From sound in the air to a command that runs: PulseAudio, PortAudio's own thread, the daemon, all its ways out."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from patience import PATIENCE_S

SOUND = ("XDG_RUNTIME_DIR", "ALSA_CONFIG_PATH", "PULSE_SERVER", "PULSE_COOKIE")
"""What leads a program to the virtual microphone; all else is the test user's own."""
CLEAR = ("yes", "left", "happy", "down")
"""Words that do not hang on where a window happens to begin: this is about the way, not about the model."""


def test_words_that_are_played_are_printed_published_and_acted_upon(
    virtual_microphone: Any,
    start: Callable[..., Any],
    manager: Any,
    recordings: Path,
    spoken: list[tuple[float, float, str]],
    tmp_path: Path,
) -> None:
    spoken = [entry for entry in spoken if entry[2] in CLEAR]
    words = [word for _, _, word in spoken]
    acted = tmp_path / "acted"
    hook = f"*=echo $KWSD_WORD >>{acted}"
    env = {name: virtual_microphone.env[name] for name in SOUND}
    settings = ("--words", ",".join(CLEAR), "--threshold", "0.5", "--format", "json", "--events", "all")
    running = start("listen", *settings, "--hook-shell", hook, NOTIFY_SOCKET=manager.address, **env)
    manager.wait_for("READY=1")
    path = Path(env["XDG_RUNTIME_DIR"]) / "kwsd" / "events.sock"
    with socket.socket(socket.AF_UNIX) as subscriber:
        subscriber.connect(str(path))
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.extend(subscriber.makefile("rb")))
        reader.start()
        virtual_microphone.play(recordings / "commands.flac")
        running.wait_for_event("hook_finished", len(words))
        running.process.terminate()
        ran = running.wait()
        reader.join(PATIENCE_S)
    assert ran.status == 0
    heard = [event for event in ran.events if event["type"] == "detection"]
    assert [event["word"] for event in heard] == words
    assert [event for event in map(json.loads, lines) if event["type"] == "detection"] == heard
    assert sorted(acted.read_text().split()) == sorted(words)
    assert not [event for event in ran.events if event["type"] == "audio_lost"]
    assert not path.exists()
    gaps = [later["start_s"] - earlier["start_s"] for earlier, later in pairwise(heard)]
    said = [later[0] - earlier[0] for earlier, later in pairwise(spoken)]
    assert all(abs(gap - pause) < 0.3 for gap, pause in zip(gaps, said, strict=True))
    manager.wait_for("STOPPING=1")
    states = [line for line in manager.heard if not line.startswith("STATUS=")]
    assert states == ["READY=1", "STOPPING=1"]
    assert manager.heard[0].startswith("STATUS=loading")

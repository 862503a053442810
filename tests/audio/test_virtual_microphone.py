"""Real capture: PulseAudio's null sink, ALSA, PortAudio's own thread, no hardware."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

CAPTURE = """
import sys, threading
from kwsd.audio.capture import pump
from kwsd.audio.microphone import Microphone
from kwsd.audio.ring import Ring
from kwsd.audio.windows import windows

microphone, ring = Microphone(sys.argv[1]), Ring(160_000)
thread = threading.Thread(target=pump, args=(microphone, ring))
thread.start()
loud = lost = quiet = 0
for batch in windows({microphone.name: ring}, hop=1600):
    for window in batch:
        newest = window.samples[-window.hop:].astype(float)
        if window.end == 1600:
            print("listening", flush=True)
        loud += abs(newest).max() > 1000
        quiet += bool(loud) and abs(newest).max() < 10
        lost += window.lost
    if quiet >= 5:
        microphone.close()
thread.join(10)
print(microphone.name, loud, lost, thread.is_alive())
"""


@pytest.mark.parametrize("device", ["", "default"])
def test_what_is_played_is_heard(virtual_microphone: Any, tmp_path: Path, device: str) -> None:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    soundfile.write(tmp_path / "tone.wav", wave, 48_000)
    process = subprocess.Popen(
        [sys.executable, "-c", CAPTURE, device],
        env=virtual_microphone.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n", process.stderr and process.stderr.read()
        virtual_microphone.play(tmp_path / "tone.wav")
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, err) == (0, "")
    name, loud, lost, alive = out.split()
    assert name == "default"
    assert 10 <= int(loud) <= 12  # one second, in hops of 0.1 s
    assert (lost, alive) == ("0", "False")

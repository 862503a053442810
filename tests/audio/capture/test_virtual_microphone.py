"""Real capture: PulseAudio's null sink, ALSA, PortAudio's own thread, no hardware."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from patience import PATIENCE_S

CAPTURE = """
import sys
import numpy as np
from kwsd.audio.capture.portaudio import PortAudioStream

stream = PortAudioStream(sys.argv[1], block_ms=100)
loud = lost = quiet = 0
for number, block in enumerate(stream.blocks()):
    newest = np.frombuffer(block.samples, np.int16).astype(float)
    if number == 0:
        print("listening", flush=True)
    loud += abs(newest).max() > 1000
    quiet += bool(loud) and abs(newest).max() < 10
    lost += block.lost
    if quiet >= 5:
        break
print(stream.name, loud, lost)
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
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, err) == (0, "")
    name, loud, lost = out.split()
    assert name == "default"
    assert 10 <= int(loud) <= 12  # one second, in blocks of 0.1 s
    assert lost == "0"

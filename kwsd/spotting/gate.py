"""The gate: is anybody speaking? It keeps noise from the classifier. The only door to webrtcvad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.config import GateConfig
from kwsd.errors import DeviceError
from kwsd.samples import RATE

STEP = RATE // 100
"""Samples (10 ms) that the voice activity detector judges at a time."""

_USUAL = GateConfig()


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How readily the gate opens and how long it stays open.

    `aggressiveness` 0 to 3: WebRTC's own modes, 3 takes the least for speech. `onset_ms` of speech in a row open the
    gate; it closes `hangover_ms` after the last speech. Both are rounded up to 10 ms, and so is a hangover of 0.
    """

    aggressiveness: int = _USUAL.aggressiveness
    onset_ms: int = _USUAL.onset_ms
    hangover_ms: int = _USUAL.hangover_ms


def voice_detector(aggressiveness: int) -> Any:
    """WebRTC's voice activity detector, mode 0 to 3.

    Raises:
        DeviceError: the library is missing. A gate without it would be silently open or shut.
    """
    try:
        import webrtcvad
    except ImportError as error:
        what = f"no voice activity detector ({error})"
        raise DeviceError(what, "pip install webrtcvad-wheels, or --no-gate") from error
    return webrtcvad.Vad(aggressiveness)


class Gate:
    """One stream's gate. Fed with consecutive samples, in pieces of any size; all its times are counted in samples."""

    def __init__(self, settings: GateSettings) -> None:
        self._set(settings)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: the next samples do not follow on the last ones."""
        self._detector = voice_detector(self._settings.aggressiveness)
        self._rest = np.zeros(0, np.int16)
        self._spoken = 0
        self._left = 0

    def adopt(self, settings: GateSettings) -> None:
        """Go on with other settings; an open gate stays open for no longer than they would have it."""
        self._set(settings)
        self._left = min(self._left, self._hangover)
        self._detector.set_mode(settings.aggressiveness)

    def _set(self, settings: GateSettings) -> None:
        self._settings = settings
        self._onset = -(-settings.onset_ms // 10)
        self._hangover = max(1, -(-settings.hangover_ms // 10))  # with none it would never open

    @property
    def is_open(self) -> bool:
        """Whether windows are worth scoring now."""
        return self._left > 0

    def feed(self, samples: NDArray[np.int16]) -> bool:
        """Judge the newest samples (n,) int16; True if the gate was open at any time during them."""
        waiting = np.concatenate([self._rest, samples])
        whole = len(waiting) // STEP * STEP
        self._rest = waiting[whole:]
        opened = self.is_open
        for start in range(0, whole, STEP):
            self._judge(waiting[start : start + STEP])
            opened = opened or self.is_open
        return opened

    def _judge(self, step: NDArray[np.int16]) -> None:
        if not self._detector.is_speech(step.tobytes(), RATE):
            self._spoken = 0
            self._left = max(0, self._left - 1)
            return
        self._spoken += 1
        if self.is_open or self._spoken >= self._onset:
            self._left = self._hangover

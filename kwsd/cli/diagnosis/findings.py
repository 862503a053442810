"""The findings of `kwsd doctor`, with their remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kwsd.config import Config
from kwsd.errors import KwsdError


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `status` is the exit status for a failure."""

    what: str
    state: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""
    status: int = 0


Check = Callable[[Config], Iterator[Finding]]

_REMEDIES: Mapping[str, str] = {
    "configuration": "edit the file or the flag; kwsd config --config /dev/null --format toml prints a valid file",
    "PortAudio": "apt install libportaudio2, and check that the sound server is running",
    "microphone": "choose one with --microphone; kwsd devices lists them",
    "voice detector": "pip install webrtcvad-wheels, or listen with --no-gate",
    "model": "choose another with --model; kwsd models lists the available ones",
    "words": "kwsd models info MODEL lists the words that it knows",
    "GPU": "use --device cpu",
    "hooks": "install the program, or change the hook in [hooks.words]",
    "socket": "choose another path with --socket",
    "metrics": "choose another place with --metrics",
    "saved detections": "choose another folder with --save-detections",
}
"""Remedies for errors without one of their own, by check."""


def failed(what: str, error: KwsdError) -> Finding:
    """The finding of a check that failed with an error, with its remedy or that of the check."""
    return Finding(what, "fail", error.what, error.remedy or _REMEDIES[what], error.exit_status)

"""Asks other programs about the machine, for `kwsd doctor`: amixer and pactl."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from kwsd.audio.capture.outcome import outcome

_PATIENCE_S = 5.0


def answer(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str | None:
    """What a program prints, run with these `variables` beside the environment's; None if it fails or answers late."""
    try:
        status, said, _ = outcome(command, _PATIENCE_S, os.environ | (variables or {}))
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if status else said.decode(errors="replace")

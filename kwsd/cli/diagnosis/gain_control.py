"""Finds microphones with automatic gain control, for `kwsd doctor`, by ALSA's program amixer."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from kwsd.cli.diagnosis.asking import answer
from kwsd.cli.diagnosis.findings import Finding
from kwsd.config import Config

_CARDS = Path("/proc/asound")
_CONTROL = "Auto Gain Control"
"""The kernel's name for this control of a USB microphone (UAC_FU_AUTOMATIC_GAIN in its sound/usb/mixer.c)."""


def look_at_gain_control(config: Config) -> Iterator[Finding]:
    """Warn of each card with automatic gain control switched on.

    All cards are checked, whichever microphone is chosen: one of a sound server may belong to any of them."""
    del config
    if not (amixer := shutil.which("amixer")):
        yield Finding("gain control", "ok", "not checked: there is no amixer (apt install alsa-utils)")
        return
    found = False
    for card in sorted(_CARDS.glob("card[0-9]*"), key=lambda folder: int(folder.name[4:])):
        number = card.name[4:]
        if _is_on(amixer, number):
            found = True
            told = (
                f"automatic on sound card {number}, {_name(card)}: it raises noise between words, so words are missed"
            )
            yield Finding("gain control", "warn", told, f"amixer -c {number} sset {shlex.quote(_CONTROL)} off")
    if not found:
        yield Finding("gain control", "ok", "no ALSA microphone has automatic gain control switched on")


def _is_on(amixer: str, card: str) -> bool:
    """Whether the card's control is on; False for a card without it, or if amixer fails."""
    return "[on]" in (answer([amixer, "-c", card, "sget", _CONTROL]) or "")


def _name(card: Path) -> str:
    try:
        return (card / "id").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "name unknown"

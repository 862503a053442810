"""Looks at the default input of a sound server, PulseAudio or PipeWire, for `kwsd doctor`, by its program pactl."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kwsd.cli.diagnosis.asking import answer
from kwsd.cli.diagnosis.findings import Finding

if TYPE_CHECKING:
    from kwsd.audio.capture.devices import InputDevice

_WHAT = "sound server"
_SERVERS = frozenset({"pulse", "pipewire"})
_TARGETS = ("PULSE_SOURCE", "PIPEWIRE_ALSA", "PIPEWIRE_NODE", "PIPEWIRE_PROPS")
"""Variables by which a program may take another input than the default one."""
_DEFAULT = "@DEFAULT_SOURCE@"
_NONE = ("", "(null)", _DEFAULT)
"""What a server calls its default input if it has none."""
_ASKING = {"LC_ALL": "C", "PULSE_BINARY": "/bin/false"}
"""pactl answers in English, and starts this program where it would start a server."""


def look_at_server_input(microphone: InputDevice, devices: Sequence[InputDevice]) -> Iterator[Finding]:
    """Warn if the server's default input is muted, or is what the machine plays; yield nothing for another device.

    `devices` are all of the machine: a default device is the server's only if the server has one of its own, too."""
    name = microphone.name.casefold()
    served = any(device.name.casefold() in _SERVERS for device in devices)
    if not (name in _SERVERS or (name == "default" and served)):
        return
    if chosen := next(filter(os.environ.get, _TARGETS), ""):
        yield Finding(_WHAT, "ok", f"not checked: {chosen} is set, which may choose another than its default input")
    elif not (pactl := shutil.which("pactl")):
        yield Finding(_WHAT, "ok", "not checked: there is no pactl (apt install pulseaudio-utils)")
    elif (source := _answer(pactl, "get-default-source")) is None:
        yield Finding(_WHAT, "ok", "not checked: none answers pactl")
    else:
        yield from _doubts(pactl, source) or [Finding(_WHAT, "ok", f"its default input is {source}")]


def _doubts(pactl: str, source: str) -> list[Finding]:
    choose = "pactl set-default-source NAME takes another one; pactl list short sources shows their names"
    if source in _NONE:
        return [Finding(_WHAT, "warn", "it has no input", "plug in a microphone")]
    doubts = []
    if source.endswith(".monitor"):
        told = f"its default input, {source}, is no microphone: kwsd hears what the machine plays"
        doubts.append(Finding(_WHAT, "warn", told, choose))
    if _answer(pactl, "get-source-mute", _DEFAULT) == "Mute: yes":
        told = f"its default input, {source}, is muted: kwsd hears nothing"
        doubts.append(Finding(_WHAT, "warn", told, f"pactl set-source-mute {_DEFAULT} 0"))
    return doubts


def _answer(pactl: str, *question: str) -> str | None:
    """What pactl prints; None if it fails, as an old one does, or gets no answer in time."""
    said = answer([pactl, *question], _ASKING)
    return None if said is None else said.strip()

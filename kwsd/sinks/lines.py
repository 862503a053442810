"""Formats an event as one line of standard output."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TextIO

from kwsd.envelope import Envelope
from kwsd.events import (
    AudioLost,
    Detection,
    DeviceAudible,
    DeviceLost,
    DeviceRestored,
    DeviceSilent,
    HookFinished,
    HopChanged,
    NearMiss,
    Ready,
    SpeechEnded,
    SpeechStarted,
    Stopped,
)
from kwsd.samples import milliseconds, seconds
from kwsd.shown import brief, json_text, one_line, takes_utf8, wants_colour

LONGEST = 2000
"""Most bytes of a line for a person, which is less than PIPE_BUF even with its colours."""


class JsonLines:
    """JSON Lines."""

    def __init__(self, stream: TextIO) -> None:
        self._encoding = "utf-8" if takes_utf8(stream) else "ascii"

    def line(self, envelope: Envelope) -> str:
        """The event's line, line feed included, in letters that the stream can take."""
        text = envelope.to_json()
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            text = json_text(envelope.to_dict(), ascii_only=True)
        return text + "\n"


class TextLines:
    """Lines for a person; the word in colour on a terminal that wants it."""

    def __init__(self, stream: TextIO, commands: Mapping[str, str]) -> None:
        self._encoding = stream.encoding or "utf-8"
        self._commands = commands
        coloured = wants_colour(stream)
        self._bold, self._dim, self._off = ("\x1b[1;32m", "\x1b[2m", "\x1b[0m") if coloured else ("", "", "")
        self._arrow = "→" if _can_encode("→", self._encoding) else "->"

    def line(self, envelope: Envelope) -> str:
        """The event's line, line feed included; letters that the stream cannot take are escaped."""
        event = envelope.event
        if isinstance(event, Detection):
            word = brief(one_line(event.word))
            text = f"{seconds(event.start):8.2f} s  {self._bold}{word:<8}{self._off} {event.score:.4f}"
            command = "; ".join(self._commands[key] for key in (event.word, "*") if key in self._commands)
            text += f"  {self._arrow} {brief(one_line(command))}" if command else ""
        else:
            text = f"{self._dim}{brief(one_line(_describe(envelope)), LONGEST)}{self._off}"
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding) + "\n"


def _describe(envelope: Envelope) -> str:
    event = envelope.event
    if isinstance(event, Ready):
        return f"           ready: {event.model} on {event.device} hears {event.stream}"
    if isinstance(event, SpeechStarted):
        return f"{seconds(event.at):8.2f} s  speech begins"
    if isinstance(event, SpeechEnded):
        return f"{seconds(event.at):8.2f} s  speech ends"
    if isinstance(event, NearMiss):
        return f"{seconds(event.at):8.2f} s  {event.word:<8} {_cut(event.score)}, {_why(event)}"
    if isinstance(event, AudioLost):
        return f"{seconds(event.at):8.2f} s  {seconds(event.samples):.2f} s of audio lost"
    if isinstance(event, DeviceLost):
        return f"{seconds(event.at):8.2f} s  {event.stream} is lost: {event.reason}"
    if isinstance(event, DeviceRestored):
        return f"{seconds(event.at):8.2f} s  {event.stream} is back after {seconds(event.samples):.1f} s"
    if isinstance(event, DeviceSilent):
        return (
            f"{seconds(event.at):8.2f} s  {event.stream} has been digitally silent for {seconds(event.samples):.0f} s"
        )
    if isinstance(event, DeviceAudible):
        return f"{seconds(event.at):8.2f} s  {event.stream} is heard again, after {seconds(event.samples):.0f} s"
    if isinstance(event, HopChanged):
        hop_ms = milliseconds(event.hop)
        return f"{seconds(event.at):8.2f} s  windows every {hop_ms} ms, {seconds(event.behind):.1f} s late"
    if isinstance(event, HookFinished):
        ending = f"exit status {event.exit_status}"
        if event.exit_status is None:
            ending = "cannot be ended" if event.ran else "did not run"
        return f"           {event.command}: {'timed out' if event.timed_out else ending} ({event.word})"
    if isinstance(event, Stopped):
        return f"{seconds(event.at):8.2f} s  stopped: {event.reason}"
    return f"           {event.type}"


def _why(missed: NearMiss) -> str:
    if missed.reason == "score":
        return f"below {missed.threshold:.4f}"
    return "too late" if missed.reason == "late" else "too soon after the word before"


def _cut(score: float) -> str:
    """Four digits, not rounded up to a threshold that the score is below."""
    return f"{math.floor(score * 10_000) / 10_000:.4f}"


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True

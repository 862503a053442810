"""Hooks, and orders to run them for a detection."""

from __future__ import annotations

from dataclasses import dataclass

from kwsd.config import HookConfig, command_line
from kwsd.envelope import Envelope
from kwsd.events import Detection, HookFinished
from kwsd.shown import brief

_USUAL = HookConfig()


@dataclass(frozen=True, slots=True)
class Hook:
    """A program with its arguments, and how long it may take; no part of a detection is ever inserted into `argv`.

    `passed` names the variables of kwsd's environment that it gets beside those in `kwsd.sinks.environment`.
    """

    argv: tuple[str, ...]
    timeout_s: float = _USUAL.timeout_s
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A hook that is to run for one detection."""

    hook: Hook
    envelope: Envelope
    event: Detection

    @property
    def word(self) -> str:
        """The word that was heard."""
        return self.event.word

    @property
    def command(self) -> str:
        """The command as a person would type it, as far as a line has room for it."""
        return brief(command_line(self.hook.argv))

    def report(self, exit_status: int | None = None, timed_out: bool = False, duration_ms: float = 0.0) -> HookFinished:
        """The event that reports how the hook ended; without arguments, that it never ran."""
        stream, detection = self.event.stream, self.envelope.sequence
        return HookFinished(stream, self.word, self.command, exit_status, timed_out, duration_ms, detection)

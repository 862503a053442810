"""The state that the spotter keeps for each stream, and what its gate makes of each window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kwsd.audio.windowing.window import Window
from kwsd.events import AudioLost, Event, SpeechEnded, SpeechStarted
from kwsd.spotting.gate import Gate
from kwsd.spotting.near_misses import NearMisses
from kwsd.spotting.sparse_scoring import GridState
from kwsd.spotting.trigger import Trigger


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """A window, with what is known about it before it is scored.

    `state` is that of its stream, `events` are those of lost audio and of the gate. `admitted` says whether the gate
    let the window through, `skipped` whether it is left out all the same, as the machine is behind.
    """

    window: Window
    state: StreamState
    events: Sequence[Event]
    admitted: bool
    skipped: bool

    @property
    def wanted(self) -> bool:
        """Whether the window is to be scored."""
        return self.admitted and not self.skipped


class StreamState:
    """The gate and the trigger of one stream, and the state of its sparse scoring."""

    def __init__(self, stream: str, gate: Gate | None, trigger: Trigger) -> None:
        self.stream, self.gate, self.trigger = stream, gate, trigger
        self.speaking = self.kept_out = False
        self.grid_state = GridState()
        self.near_misses = NearMisses()
        self.said_until = 0
        """Where the word that fired last ended."""
        self._until = 0  # where the last window ended

    @property
    def quiet(self) -> bool:
        """Whether the next window cannot fire: that takes several scored windows in a row, and the last has none."""
        return self.kept_out and self.trigger.spares

    def judge(self, window: Window) -> JudgedWindow:
        """Put the stream's next window to the gate, after a gap as if the stream began anew."""
        events = self._lose(window) if window.lost else []
        admitted = self.gate.feed(window.samples[-window.hop :]) if self.gate else True
        events += self._turn(window, admitted=admitted)
        self.kept_out, self._until = not admitted, window.end
        return JudgedWindow(window, self, events, admitted, skipped=admitted and self._is_needless(window))

    def _lose(self, window: Window) -> list[Event]:
        """Begin anew at this window, before which audio was lost; the events that say so."""
        events: list[Event] = [SpeechEnded(self.stream, at=self._until)] if self.speaking else []
        events.append(AudioLost(self.stream, at=window.end - window.hop, samples=window.lost))
        self.speaking = False
        self.trigger.reset()
        self.grid_state = GridState()
        if self.gate:
            self.gate.reset()
        return events

    def _turn(self, window: Window, *, admitted: bool) -> list[Event]:
        """The events of speech that begins or ends in this window."""
        events: list[Event] = []
        begin = window.end - window.hop
        if self.gate is None:
            if self.speaking:  # the gate was removed since the last window
                events.append(SpeechEnded(self.stream, at=begin))
                self.speaking = False
            return events
        if admitted and not self.speaking:
            events.append(SpeechStarted(self.stream, at=begin))
        if (admitted or self.speaking) and not self.gate.is_open:
            events.append(SpeechEnded(self.stream, at=window.end))
        self.speaking = self.gate.is_open
        return events

    def _is_needless(self, window: Window) -> bool:
        """Whether a slow machine should leave this window out, to keep up with the word after the one that fired."""
        return window.late and self.trigger.is_refractory(window.end, window.hop)

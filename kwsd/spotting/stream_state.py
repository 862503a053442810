"""The state that the spotter keeps for each stream, and the events of its gate."""

from __future__ import annotations

from kwsd.audio.windowing.window import Window
from kwsd.events import AudioLost, Event, SpeechEnded, SpeechStarted
from kwsd.spotting.gate import Gate
from kwsd.spotting.sparse_scoring import GridState
from kwsd.spotting.trigger import Trigger


class StreamState:
    """The gate and the trigger of one stream, and the state of its sparse scoring."""

    def __init__(self, stream: str, gate: Gate | None, trigger: Trigger) -> None:
        self.stream, self.gate, self.trigger = stream, gate, trigger
        self.speaking = self.kept_out = False
        self.grid_state = GridState()
        self.said_until = 0
        """Where the word that fired last ended."""
        self._until = 0  # where the last window ended

    @property
    def quiet(self) -> bool:
        """Whether the next window cannot fire: that takes several scored windows in a row, and the last has none."""
        return self.kept_out and self.trigger.spares

    def listen(self, window: Window) -> tuple[bool, list[Event]]:
        """Whether the window is to be scored, and the events of lost audio and of the gate."""
        events: list[Event] = []
        until, self._until = self._until, window.end
        if window.lost:
            if self.speaking:
                events.append(SpeechEnded(self.stream, at=until))
                self.speaking = False
            events.append(AudioLost(self.stream, at=window.end - window.hop, samples=window.lost))
            self.trigger.reset()
            self.grid_state = GridState()
            if self.gate:
                self.gate.reset()
        self.kept_out = False
        if self.gate is None:
            if self.speaking:  # the gate was removed since the last window
                events.append(SpeechEnded(self.stream, at=window.end - window.hop))
                self.speaking = False
            return True, events
        wanted = self.gate.feed(window.samples[-window.hop :])
        self.kept_out = not wanted
        if wanted and not self.speaking:
            events.append(SpeechStarted(self.stream, at=window.end - window.hop))
        if (wanted or self.speaking) and not self.gate.is_open:
            events.append(SpeechEnded(self.stream, at=window.end))
        self.speaking = self.gate.is_open
        return wanted, events

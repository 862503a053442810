"""What the daemon has to say, as values: one frozen dataclass an event, one JSON object each.

Positions are sample numbers at 16 kHz, counted from the start of the stream. They are the only clock: the same
audio gives the same positions, live or replayed. An `Envelope` adds what a subscriber needs beside them: a
sequence number and the wall clock's time.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, ClassVar

from kwsd.samples import RATE, milliseconds, seconds
from kwsd.shown import brief

SCHEMA = 1
"""Version of the JSON form. A new key keeps it; a key that changes its meaning or goes away raises it."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in one stream."""

    type: ClassVar[str] = "event"
    stream: str

    def payload(self) -> dict[str, Any]:
        """The event's own part of its JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ready(Event):
    """The model is warm and the first audio has arrived."""

    type: ClassVar[str] = "ready"
    model: str
    device: str


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """The gate opened: speech began at sample `at`."""

    type: ClassVar[str] = "speech_started"
    at: int

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at)}


@dataclass(frozen=True, slots=True)
class SpeechEnded(Event):
    """The gate closed at sample `at`, its hangover over, or the stream ended there."""

    type: ClassVar[str] = "speech_ended"
    at: int

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at)}


@dataclass(frozen=True, slots=True)
class AudioLost(Event):
    """`samples` samples before sample `at` were never scored: the machine was too slow, or the device dropped them."""

    type: ClassVar[str] = "audio_lost"
    at: int
    samples: int

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at), "lost_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class DeviceLost(Event):
    """The microphone gives no more audio; sample `at` is the first that is missing. It is being looked for."""

    type: ClassVar[str] = "device_lost"
    at: int
    reason: str

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class DeviceRestored(Event):
    """The microphone is back: audio goes on at sample `at`, `samples` samples after it was lost."""

    type: ClassVar[str] = "device_restored"
    at: int
    samples: int

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at), "lost_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class DeviceSilent(Event):
    """The last `samples` samples were the same, mostly zero: no room is that quiet, the input is muted or dead."""

    type: ClassVar[str] = "device_silent"
    at: int
    samples: int

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at), "silent_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class DeviceAudible(Event):
    """After `samples` samples of one value something is to be heard again, from sample `at` on."""

    type: ClassVar[str] = "device_audible"
    at: int
    samples: int

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at), "silent_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class HopChanged(Event):
    """From sample `at` on windows lie `hop` samples apart; their reader is `behind` samples late.

    The hop widens by itself while the machine is too slow, and narrows again when it has kept up for a while.
    """

    type: ClassVar[str] = "hop_changed"
    at: int
    hop: int
    behind: int

    def payload(self) -> dict[str, Any]:
        at_s, hop_ms, behind_s = seconds(self.at), milliseconds(self.hop), seconds(self.behind)
        return {"stream": self.stream, "at_s": at_s, "hop_ms": hop_ms, "behind_s": behind_s}


@dataclass(frozen=True, slots=True)
class Detection(Event):
    """One spoken word.

    `start` and `end` are where the word lies, `at` is the end of the audio that had been heard when it fired.
    """

    type: ClassVar[str] = "detection"
    word: str
    score: float
    threshold: float
    start: int
    end: int
    at: int
    model: str

    @property
    def latency_ms(self) -> float:
        """Milliseconds of audio between the word's end and the event."""
        return round(1000 * (self.at - self.end) / RATE, 1)

    def payload(self) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "word": self.word,
            "score": round(self.score, 6),
            "threshold": round(self.threshold, 6),
            "start_s": seconds(self.start),
            "end_s": seconds(self.end),
            "at_s": seconds(self.at),
            "latency_ms": self.latency_ms,
            "model": self.model,
        }


@dataclass(frozen=True, slots=True)
class HookFinished(Event):
    """A hook ran for `word` and ended, or was stopped (`timed_out`).

    `exit_status` is None where it has none: it was never started (`duration_ms` 0), or nothing could end it.
    """

    type: ClassVar[str] = "hook_finished"
    word: str
    command: str
    exit_status: int | None
    timed_out: bool
    duration_ms: float

    @property
    def ran(self) -> bool:
        """Whether it was started."""
        return self.exit_status is not None or self.duration_ms > 0


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The stream ended or the daemon was told to stop; no event of this stream follows."""

    type: ClassVar[str] = "stopped"
    at: int
    reason: str

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event on its way to the sinks: numbered from 1 without gaps, and stamped with the wall clock (UTC)."""

    event: Event
    sequence: int
    time: datetime

    @classmethod
    def seal(cls, event: Event, sequence: int) -> Envelope:
        """Stamp `event` with the time of this call."""
        return cls(event, sequence, datetime.now(timezone.utc))

    def to_dict(self) -> dict[str, Any]:
        """The JSON object: schema, type, sequence, time (RFC 3339), then the event's own keys.

        Its texts are cut where they are so long that a line of it would not go into a pipe in one piece.
        """
        head = {
            "schema": SCHEMA,
            "type": self.event.type,
            "sequence": self.sequence,
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        own = {key: brief(value) if isinstance(value, str) else value for key, value in self.event.payload().items()}
        return head | own

    def to_json(self) -> str:
        """One line of JSON, without the line feed."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

"""The events that the daemon publishes: one frozen dataclass per type, each of which becomes one JSON object.

Positions are sample numbers at 16 kHz, counted from the start of the stream. They are the only clock: the same
audio gives the same positions, live or replayed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from kwsd.samples import RATE, milliseconds, seconds


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in one stream."""

    type: ClassVar[str] = "event"
    stream: str

    def payload(self) -> dict[str, Any]:
        """The event's own part of its JSON object."""
        return asdict(self)

    def within(self, written: int) -> Event:  # noqa: ARG002  # it has no position
        """The same event, no position of it after the last of the samples `written` so far."""
        return self


@dataclass(frozen=True, slots=True)
class TimedEvent(Event):
    """Something that happened at sample `at` of its stream."""

    at: int

    def details(self) -> dict[str, Any]:
        """The further keys of its JSON object."""
        return {}

    def payload(self) -> dict[str, Any]:
        return {"stream": self.stream, "at_s": seconds(self.at), **self.details()}

    def within(self, written: int) -> Event:
        return replace(self, at=min(self.at, written))


@dataclass(frozen=True, slots=True)
class Ready(Event):
    """The model is warm and the first audio has arrived."""

    type: ClassVar[str] = "ready"
    model: str
    device: str


@dataclass(frozen=True, slots=True)
class SpeechStarted(TimedEvent):
    """The gate opened: speech began at sample `at`."""

    type: ClassVar[str] = "speech_started"


@dataclass(frozen=True, slots=True)
class SpeechEnded(TimedEvent):
    """The gate closed at sample `at`, its hangover over, or the stream ended there."""

    type: ClassVar[str] = "speech_ended"


@dataclass(frozen=True, slots=True)
class AudioLost(TimedEvent):
    """`samples` samples before sample `at` were never scored: the machine was too slow, or the device dropped them."""

    type: ClassVar[str] = "audio_lost"
    samples: int

    def details(self) -> dict[str, Any]:
        return {"lost_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class DeviceLost(TimedEvent):
    """The microphone stopped delivering audio; sample `at` is the first missing one. kwsd keeps searching for it."""

    type: ClassVar[str] = "device_lost"
    reason: str

    def details(self) -> dict[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class DeviceRestored(TimedEvent):
    """The microphone is back: audio goes on at sample `at`, `samples` samples after it was lost."""

    type: ClassVar[str] = "device_restored"
    samples: int

    def details(self) -> dict[str, Any]:
        return {"lost_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class DeviceSilent(TimedEvent):
    """The last `samples` samples had one value, mostly zero: no room is that quiet, so the input is muted or dead."""

    type: ClassVar[str] = "device_silent"
    samples: int

    def details(self) -> dict[str, Any]:
        return {"silent_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class DeviceAudible(TimedEvent):
    """After `samples` samples of one value, the signal varies again from sample `at` on."""

    type: ClassVar[str] = "device_audible"
    samples: int

    def details(self) -> dict[str, Any]:
        return {"silent_s": seconds(self.samples)}


@dataclass(frozen=True, slots=True)
class HopChanged(TimedEvent):
    """From sample `at` on windows lie `hop` samples apart; their reader is `behind` samples late.

    The hop widens by itself while the machine is too slow, and narrows again when it has kept up for a while.
    """

    type: ClassVar[str] = "hop_changed"
    hop: int
    behind: int

    def details(self) -> dict[str, Any]:
        return {"hop_ms": milliseconds(self.hop), "behind_s": seconds(self.behind)}


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

    def within(self, written: int) -> Event:
        return replace(self, start=min(self.start, written), end=min(self.end, written), at=min(self.at, written))

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
class NearMiss(TimedEvent):
    """A word that came close, up to sample `at`, and did not fire.

    By its `reason` its "score" was below the threshold, it came too "late" (another beginning of it was heard long
    before), or within the "refractory" time of the word before.
    """

    type: ClassVar[str] = "near_miss"
    word: str
    score: float
    threshold: float
    reason: str

    def details(self) -> dict[str, Any]:
        return {
            "word": self.word,
            "score": round(self.score, 6),
            "threshold": round(self.threshold, 6),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class HookFinished(Event):
    """A hook ran for `word` and ended, or was stopped (`timed_out`).

    `exit_status` is None where the hook was never started (`duration_ms` is 0) or could not be killed. `detection` is
    the sequence number of the detection that it ran for.
    """

    type: ClassVar[str] = "hook_finished"
    word: str
    command: str
    exit_status: int | None
    timed_out: bool
    duration_ms: float
    detection: int

    @property
    def ran(self) -> bool:
        """Whether the hook was started."""
        return self.exit_status is not None or self.duration_ms > 0


@dataclass(frozen=True, slots=True)
class Stopped(TimedEvent):
    """The stream ended or the daemon was told to stop; no event of this stream follows."""

    type: ClassVar[str] = "stopped"
    reason: str

    def details(self) -> dict[str, Any]:
        return {"reason": self.reason}

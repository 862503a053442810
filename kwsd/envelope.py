"""An event as sinks receive it: with a sequence number and a wall-clock time, which the event itself lacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from kwsd.shown import brief, json_text, rfc3339

if TYPE_CHECKING:  # making its classes takes a while, and `kwsd --help` needs SCHEMA
    from kwsd.events import Event

SCHEMA = 1
"""Version of the JSON form: unchanged when a key is added, raised when one changes its meaning or is removed."""


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

        Long texts are cut, so that its line fits into one atomic write to a pipe (PIPE_BUF).
        """
        head = {
            "schema": SCHEMA,
            "type": self.event.type,
            "sequence": self.sequence,
            "time": rfc3339(self.time),
        }
        own = {key: brief(value) if isinstance(value, str) else value for key, value in self.event.payload().items()}
        return head | own

    def to_json(self) -> str:
        """One line of JSON, without the line feed."""
        return json_text(self.to_dict())

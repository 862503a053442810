"""Lists each false alarm and each miss in streams, with its position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kwsd.evaluation.report import Table
from kwsd.evaluation.scoring import Matched
from kwsd.samples import seconds

MOST = 20
"""The most rows that a table on a terminal shows; JSON has all."""


def false_alarms(scored: Sequence[Matched]) -> Iterator[Mapping[str, Any]]:
    """The false alarms, stream by stream: when each fired, its score, and the word it answers, or None for none."""
    for each in scored:
        for alarm in each.alarms:
            said = each.answered(alarm)
            yield {
                "stream": alarm.stream,
                "at_s": seconds(alarm.at),
                "word": alarm.word,
                "score": round(alarm.score, 6),
                "said": None if said is None else said.word,
            }


def misses(streams: Sequence[str], scored: Sequence[Matched]) -> Iterator[Mapping[str, Any]]:
    """The words that nothing heard, stream by stream."""
    for stream, each in zip(streams, scored, strict=True):
        for word in (outcome.word for outcome in each.outcomes if outcome.missed):
            place = {"start_s": seconds(word.start), "end_s": seconds(word.end)}
            yield {"stream": stream, **place, "word": word.word, "clip": word.clip or None}


def tables(streams: Sequence[str], scored: Sequence[Matched]) -> Iterator[Table]:
    """A table of the false alarms and one of the misses, the first `MOST` of each; an empty table is left out."""
    alarms, missed = list(false_alarms(scored)), list(misses(streams, scored))
    fired = tuple(
        (alarm["stream"], f"{alarm['at_s']:.2f}", alarm["word"], f"{alarm['score']:.6f}", _why(alarm))
        for alarm in alarms[:MOST]
    )
    unheard = tuple(
        (miss["stream"], f"{miss['start_s']:.2f}", miss["word"], miss["clip"] or "") for miss in missed[:MOST]
    )
    if fired:
        columns = ("stream", "second", "word", "score", "answers")
        yield Table(_title("What fired wrongly", len(alarms)), columns, fired)
    if unheard:
        yield Table(_title("What was missed", len(missed)), ("stream", "second", "word", "clip"), unheard)


def _why(alarm: Mapping[str, Any]) -> str:
    if alarm["said"] is None:
        return ""
    return "late" if alarm["said"] == alarm["word"] else alarm["said"]


def _title(what: str, count: int) -> str:
    return what if count <= MOST else f"{what}: the first {MOST} of {count}; --json has all"

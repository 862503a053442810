"""Event-based scoring: matches detections with spoken words, at most one hit for each word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kwsd.evaluation.truth import SpokenWord
from kwsd.events import Detection
from kwsd.samples import RATE

SLACK = RATE // 2
"""Samples after a word's end up to which a detection of it is still a hit."""

LATE = RATE
"""Samples after a word's end up to which a detection of it, no longer a hit, still counts as a late answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A spoken word and the detection that heard it, None where it was missed."""

    word: SpokenWord
    detection: Detection | None

    @property
    def missed(self) -> bool:
        """Whether the word was not detected."""
        return self.detection is None

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds from the word's true end to the event; negative where it fired before. None for a miss."""
        return None if self.detection is None else 1000 * (self.detection.at - self.word.end) / RATE


@dataclass(frozen=True, slots=True)
class Matched:
    """The detections of one stream, matched with its words.

    `outcomes` has one entry for each spoken word, in order. Every detection is in `outcomes`, `repeats` or `alarms`.
    """

    outcomes: tuple[Outcome, ...]
    repeats: tuple[Detection, ...]
    alarms: tuple[Detection, ...]

    @property
    def misses(self) -> int:
        """The number of words that were not detected."""
        return sum(outcome.missed for outcome in self.outcomes)

    @property
    def late(self) -> int:
        """The number of alarms that detect a missed word too late (see `LATE`)."""
        return sum(self._late_for(alarm) is not None for alarm in self.alarms)

    @property
    def substitutions(self) -> int:
        """The number of other alarms that fired where a detection of the spoken word would have been a hit."""
        return sum(self._late_for(alarm) is None and self.answered(alarm) is not None for alarm in self.alarms)

    def answered(self, alarm: Detection) -> SpokenWord | None:
        """The spoken word that the alarm answers late or wrongly; None if there is none."""
        words = (outcome.word for outcome in self.outcomes)
        there = (word for word in words if word.start <= alarm.at <= word.end + SLACK)
        return self._late_for(alarm) or next(there, None)

    def _late_for(self, alarm: Detection) -> SpokenWord | None:
        own = (outcome.word for outcome in self.outcomes if outcome.missed and outcome.word.word == alarm.word)
        return next((word for word in own if 0 < alarm.at - word.end <= LATE), None)

    def latencies_ms(self) -> list[float]:
        """The hits' latencies, in the words' order."""
        return [outcome.latency_ms for outcome in self.outcomes if outcome.latency_ms is not None]


def score_events(detections: Iterable[Detection], words: Sequence[SpokenWord]) -> Matched:
    """Match the detections of one stream with the words that were spoken in it.

    The first detection of the right word within [start, end + SLACK] samples, both included, is a hit, any further one
    there a repeat; every other detection is a false alarm. Its time is when it fired (`Detection.at`). Where these
    intervals overlap for one word, a detection goes to the undetected occurrence that ends first. A wrong word where a
    word was spoken is an alarm, and the word stays missed.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, word in sorted(enumerate(words), key=lambda item: (item[1].end, item[1].start)):
        places[word.word].append(index)
    heard: dict[int, Detection] = {}
    repeats: list[Detection] = []
    alarms: list[Detection] = []
    longest = max((word.end - word.start for word in words), default=0)
    begin: defaultdict[str, int] = defaultdict(int)  # by word, its first place that is not yet over
    for detection in sorted(detections, key=lambda detection: detection.at):
        own = places[detection.word]
        first = begin[detection.word]
        while first < len(own) and words[own[first]].end + SLACK < detection.at:
            first += 1
        begin[detection.word] = first
        around = []
        for index in own[first:]:
            if words[index].end - longest > detection.at:  # this one and all that end later begin after it
                break
            if words[index].start <= detection.at:
                around.append(index)
        unheard = [index for index in around if index not in heard]
        if unheard:
            heard[unheard[0]] = detection
        else:
            (repeats if around else alarms).append(detection)
    outcomes = tuple(Outcome(word, heard.get(index)) for index, word in enumerate(words))
    return Matched(outcomes, tuple(repeats), tuple(alarms))

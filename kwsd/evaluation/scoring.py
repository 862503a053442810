"""Which detections are right: by event, one spoken word at most one hit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kwsd.evaluation.truth import SpokenWord
from kwsd.events import Detection
from kwsd.samples import RATE

SLACK = RATE // 2
"""Samples after a word's end in which a detection of it still is a hit."""

LATE = RATE
"""Samples after a word's end in which a detection of it is no hit any more, but still an answer to it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A spoken word and the detection that heard it, None where it was missed."""

    word: SpokenWord
    detection: Detection | None

    @property
    def missed(self) -> bool:
        """Whether nothing heard it."""
        return self.detection is None

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds from the word's true end to the event; negative where it fired before. None for a miss."""
        return None if self.detection is None else 1000 * (self.detection.at - self.word.end) / RATE


@dataclass(frozen=True, slots=True)
class Matched:
    """`outcomes` has one entry a spoken word, in order; every detection is in it, in `repeats` or in `alarms`."""

    outcomes: tuple[Outcome, ...]
    repeats: tuple[Detection, ...]
    alarms: tuple[Detection, ...]

    @property
    def misses(self) -> int:
        """How many words nothing heard."""
        return sum(outcome.missed for outcome in self.outcomes)

    @property
    def late(self) -> int:
        """How many of the alarms are a word that was spoken and missed, heard too late (see `LATE`)."""
        return sum(self._late_for(alarm) is not None for alarm in self.alarms)

    @property
    def substitutions(self) -> int:
        """How many are none of these, but another word than was spoken, where that would have been a hit."""
        return sum(self._late_for(alarm) is None and self.answered(alarm) is not None for alarm in self.alarms)

    def answered(self, alarm: Detection) -> SpokenWord | None:
        """What was spoken that one of the alarms is a late or a wrong answer to; None where it answers nothing."""
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

    The first detection of the right word within [start, end + SLACK] samples, both included, is a hit; a further one
    there is a repeat; all else is a false alarm. What counts is when it fired (`Detection.at`). Where the same word's
    places overlap, a detection goes to the one among those still unheard that ends first. A wrong word where a word
    was spoken is an alarm, and the word stays missed.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, word in sorted(enumerate(words), key=lambda item: (item[1].end, item[1].start)):
        places[word.word].append(index)
    heard: dict[int, Detection] = {}
    repeats: list[Detection] = []
    alarms: list[Detection] = []
    longest = max((word.end - word.start for word in words), default=0)
    begin: defaultdict[str, int] = defaultdict(int)  # by word: the places before it are over
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

"""The spotter turns windows into events; the daemon and the evaluation share it, so their detections are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import gcd

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.endpointing import speech_extent
from kwsd.audio.scale import to_float
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import BATCH, SPARED_BATCH
from kwsd.classifier import Classifier, check_scores
from kwsd.events import Detection, Event, NearMiss, SpeechEnded
from kwsd.spotting.claims import claims
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.spotting.near_misses import Standing
from kwsd.spotting.sparse_scoring import GridState, PendingWindow, score_what_counts, stride_of
from kwsd.spotting.stream_state import JudgedWindow, StreamState
from kwsd.spotting.trigger import Hit, Trigger, TriggerSettings


class Spotter:
    """Gate, classifier and trigger, for any number of streams. It has no thread and no clock of its own."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        gate: GateSettings | None,
        trigger: TriggerSettings,
        coarse: int | None = None,
        about: int | None = None,
    ) -> None:
        """Scores are about the last `about` samples of a window, None for all of them.

        Without `gate`, every window is wanted. With `coarse`, fewer are scored while nothing sounds like a word, if
        the thresholds allow it: one per `coarse` samples, but at most every second one, which gives the same
        detections (see `kwsd.spotting.sparse_scoring`).

        Raises:
            ConfigError: a threshold for a word that the classifier does not know.
        """
        self._classifier, self._gate, self._trigger, self._about = classifier, gate, trigger, about
        self._sparse = self._spares(trigger, coarse)
        self._coarse = coarse
        self._streams: dict[str, StreamState] = {}
        self.scored = self.gated = 0
        """Numbers of windows that the classifier scored, and that the gate kept from it."""

    def feed(self, windows: Sequence[Window]) -> list[Event]:
        """The events of these windows, in order; the windows of each stream are consecutive.

        Window samples are (n,) int16, n the same for all.
        """
        return [event for run in _unbroken(windows) for event in self._feed(run)]

    def end(self, lengths: Mapping[str, int]) -> list[Event]:
        """The events that end near misses and open speech once there are no more windows.

        `lengths` has the number of samples of each stream, beyond which its last windows may reach.
        """
        events: list[Event] = []
        for state in self._streams.values():
            missed = state.near_misses.end()
            if missed:
                events.append(_near_miss(state.stream, missed).within(lengths[state.stream]))
            if state.speaking:
                events.append(SpeechEnded(state.stream, at=lengths[state.stream]))
                state.speaking = False
        return events

    def _feed(self, windows: Sequence[Window]) -> list[Event]:
        judged = [self._state(window.stream).judge(window) for window in windows]
        self.gated += sum(not one.admitted for one in judged)
        events: list[Event] = []
        for one, row in zip(judged, self._rows(judged), strict=True):
            events.extend(one.events)
            trigger, at = one.state.trigger, one.window.end
            hit = trigger.skip(at) if one.skipped else trigger.feed(row, at)
            if hit:
                events.append(self._detection(one, hit))
            if one.skipped and not hit:
                continue
            missed = one.state.near_misses.feed(trigger.standing, one.window.hop, fired=hit is not None)
            if missed:
                events.append(_near_miss(one.state.stream, missed))
        return events

    @property
    def batch(self) -> int:
        """How many windows of a recording to feed at once: more if most of them need no score."""
        return SPARED_BATCH if self._sparse else BATCH

    @property
    def span(self) -> int | None:
        """The next windows that matter, of all streams, end at multiples of so many samples; 1 if any may matter.

        None while nobody speaks, and the next window cannot fire whatever it contains.
        """
        if not self._streams:
            return 1
        spans = [state.grid_state.span for state in self._streams.values() if not state.quiet]
        return gcd(*spans) if spans else None

    def adopt(self, *, gate: GateSettings | None, trigger: TriggerSettings, coarse: int | None = None) -> None:
        """Go on with other settings from the next window on, keeping the state of the streams.

        Raises ConfigError as the constructor does, and DeviceError as `StepDetector`; nothing has changed then.
        """
        sparse = self._spares(trigger, coarse)
        opened = {name: Gate(gate) for name, state in self._streams.items() if gate and not state.gate}
        self._sparse = sparse
        self._coarse = coarse
        for name, state in self._streams.items():
            tuned = Trigger(self._classifier.labels, trigger)
            tuned.inherit(state.trigger)
            state.trigger = tuned
            if self._sparse:
                state.grid_state.candidate = True  # under the new trigger, the last window may be one
            else:
                state.grid_state = GridState()
            if gate is None:
                state.gate = None
            elif state.gate is None:
                state.gate = opened[name]
            else:
                state.gate.adopt(gate)
        self._gate, self._trigger = gate, trigger

    def _spares(self, trigger: TriggerSettings, coarse: int | None) -> bool:
        """Whether windows are left out with these settings. Raises ConfigError for a word that is not a label."""
        return Trigger(self._classifier.labels, trigger).spares and coarse is not None

    def _rows(self, judged: Sequence[JudgedWindow]) -> list[NDArray[np.float32] | None]:
        """The scores (labels,) of each window, None for those that need none."""
        if not self._sparse:
            scores = iter(self._score([one.window for one in judged if one.wanted]))
            return [next(scores) if one.wanted else None for one in judged]
        found = score_what_counts([self._pending(one) for one in judged], self._score)
        for stream, row in found.belated.items():
            self._state(stream).trigger.amend(row)
        return found.rows

    def _pending(self, one: JudgedWindow) -> PendingWindow:
        stride = stride_of(self._coarse or 0, one.window.hop)
        return PendingWindow(one.window, one.state.grid_state, one.wanted, stride, one.state.trigger.is_candidate)

    def _score(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        if not windows:
            return np.zeros((0, len(self._classifier.labels)), np.float32)
        self.scored += len(windows)
        scores = self._classifier.score(to_float(np.stack([window.samples for window in windows])))
        scores = check_scores(scores, self._classifier.name)
        return claims(scores, self._classifier.labels, self._trigger.thresholds, self._trigger.substitution)

    def _detection(self, judged: JudgedWindow, hit: Hit) -> Detection:
        """The word that was hit: where there is speech in what the scores are about, after the word before it."""
        window, state = judged.window, judged.state
        before = 0 if self._about is None else len(window.samples) - self._about
        begin = max(window.start + before, state.said_until)
        start, end = speech_extent(window.samples[begin - window.start :])
        state.said_until = begin + end
        return Detection(
            window.stream,
            word=hit.word,
            score=hit.score,
            threshold=hit.threshold,
            start=begin + start,
            end=begin + end,
            at=window.end,
            model=self._classifier.name,
        )

    def _state(self, stream: str) -> StreamState:
        if stream not in self._streams:
            gate = Gate(self._gate) if self._gate else None
            self._streams[stream] = StreamState(stream, gate, Trigger(self._classifier.labels, self._trigger))
        return self._streams[stream]


def _near_miss(stream: str, missed: Standing) -> NearMiss:
    return NearMiss(stream, missed.at, missed.word, missed.score, missed.threshold, missed.reason)


def _unbroken(windows: Sequence[Window]) -> Iterator[Sequence[Window]]:
    """The windows in runs, a new one at each gap, so that state is reset at the gap and not before it."""
    gaps = [index for index, window in enumerate(windows) if window.lost and index]
    for first, stop in pairwise([0, *gaps, len(windows)]):
        yield windows[first:stop]

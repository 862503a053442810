"""Scores every window of a stream once, so that thresholds can be tried on the recorded scores."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.windowing.windows import BATCH
from kwsd.classifier import Classifier
from kwsd.evaluation.pipeline import SamplesSource, windows_of
from kwsd.evaluation.scored_stream import ReplayClassifier, ScoredStream, Scores
from kwsd.evaluation.truth import Stream
from kwsd.labels import can_fire
from kwsd.networks.cascade import timed
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

Progress = Callable[[int], None]
"""Called with the number of samples scored so far."""


class _Recorder:
    """Wraps a classifier and records its scores and their cost."""

    def __init__(self, inner: Classifier) -> None:
        self._inner = inner
        self.name, self.labels, self.device = inner.name, inner.labels, inner.device
        self.said: list[Scores] = []
        self.spent_s: list[float] = []
        """Processor seconds of each window."""

    def score(self, windows: NDArray[np.float32]) -> Scores:
        scores, spent = timed(self._inner, windows)
        self.spent_s += spent.tolist()
        self.said.append(scores)
        return scores


def score_stream(
    stream: Stream,
    classifier: Classifier,
    settings: SpottingSettings,
    *,
    batch: int = BATCH,
    progress: Progress = lambda _: None,
) -> ScoredStream:
    """Score every window of a stream once, and record which the gate lets through, whether the settings use it or not.

    The trigger is not asked."""
    hop = settings.hop
    recorder = _Recorder(classifier)
    spotter = Spotter(recorder, gate=None, trigger=TriggerSettings())
    ends: list[int] = []
    began = time.process_time()
    for due in windows_of(SamplesSource(stream.name, stream.samples), hop=hop, length=settings.window, batch=batch):
        spotter.feed(due)
        ends += [each.end for each in due]
        progress(min(ends[-1], len(stream.samples)))
    path_s = time.process_time() - began - sum(recorder.spent_s)
    scores = np.concatenate([np.zeros((0, len(classifier.labels)), np.float32), *recorder.said])
    began = time.process_time()
    let_through = _gated(stream, scores, classifier, settings.gate, hop)
    return ScoredStream(
        name=stream.name,
        model=classifier.name,
        labels=tuple(classifier.labels),
        hop=hop,
        length=len(stream.samples),
        words=stream.words,
        ends=np.array(ends, np.int64),
        scores=scores,
        open=let_through,
        coarse=settings.coarse,
        scoring_s=np.array(recorder.spent_s),
        path_s=path_s,
        gate_s=time.process_time() - began,
        notes=stream.notes,
    )


def _gated(stream: Stream, scores: Scores, classifier: Classifier, gate: GateSettings, hop: int) -> NDArray[np.bool_]:
    """Which windows a spotter with this gate scores, (n,)."""
    recorded = ReplayClassifier(classifier.name, classifier.labels)
    words = [label for label in classifier.labels if can_fire(label)]
    never = TriggerSettings(thresholds=dict.fromkeys(words, 2.0))  # it never fires, but its cost is measured
    spotter = Spotter(recorded, gate=gate, trigger=never)
    let_through = np.zeros(len(scores), bool)
    index = 0
    for due in windows_of(SamplesSource(stream.name, stream.samples), hop=hop):
        for window in due:
            before = spotter.scored
            recorded.cue(scores[index : index + 1])
            spotter.feed([window])
            let_through[index] = spotter.scored > before
            index += 1
    return let_through

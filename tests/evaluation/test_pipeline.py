from __future__ import annotations

import threading

import numpy as np
import pytest

from kwsd.audio.decoding.files import FileSource
from kwsd.errors import InputError
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.pipeline import SamplesSource, windows_of
from kwsd.evaluation.scored_stream import ReplayClassifier
from kwsd.evaluation.stream_scoring import score_stream
from kwsd.evaluation.truth import SpokenWord, Stream
from kwsd.events import Detection
from kwsd.networks.cascade import Cascade
from kwsd.samples import RATE
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

TRIGGER = TriggerSettings({"low": 0.9, "high": 0.9}, smoothing=2, refractory_ms=500)


@pytest.fixture
def stream(say):
    quiet = np.zeros(2 * RATE, np.int16)
    samples = np.concatenate([quiet, say("low"), quiet, say("high"), quiet])
    words = (SpokenWord(2 * RATE + 4800, 3 * RATE - 4800, "low"), SpokenWord(5 * RATE + 4800, 6 * RATE - 4800, "high"))
    return Stream("s", samples, words)


def events_of(source, spotter):
    return (event for due in windows_of(source) for event in spotter.feed(due))


def test_words_are_heard_once_each(stream, tones):
    events = list(events_of(SamplesSource("s", stream.samples), Spotter(tones, gate=None, trigger=TRIGGER)))
    assert [(event.stream, event.word) for event in events] == [("s", "low"), ("s", "high")]
    for event, word in zip(events, stream.words, strict=True):
        assert word.start <= event.at <= word.end + RATE // 2


def test_a_file_gives_what_its_samples_give(stream, tones, tmp_path):
    save_wav(tmp_path / "s", stream.samples)
    from_file = list(events_of(FileSource(tmp_path / "s"), Spotter(tones, gate=GateSettings(), trigger=TRIGGER)))
    from_memory = list(
        events_of(SamplesSource("s", stream.samples), Spotter(tones, gate=GateSettings(), trigger=TRIGGER))
    )
    assert from_file == from_memory
    assert sum(isinstance(event, Detection) for event in from_file) == 2


def test_what_the_source_raises_comes_out_and_no_thread_stays(tones, tmp_path):
    with pytest.raises(InputError):
        list(events_of(FileSource(tmp_path / "none.wav"), Spotter(tones, gate=None, trigger=TRIGGER)))
    assert "kwsd-capture" not in {thread.name for thread in threading.enumerate()}


def test_who_stops_reading_leaves_no_thread(stream):
    samples = np.tile(stream.samples, 10)  # more than the ring holds, so that the source waits
    due = windows_of(SamplesSource("s", samples))
    next(due)
    due.close()
    assert "kwsd-capture" not in {thread.name for thread in threading.enumerate()}


def test_every_window_is_scored_once_and_the_gate_told(stream, tones):
    seen = []
    recorded = score_stream(
        stream, tones, SpottingSettings(gate=GateSettings(hangover_ms=300), coarse=0), progress=seen.append
    )
    assert len(recorded.ends) == len(recorded.scores) == len(recorded.open) == sum(tones.batches)
    assert recorded.ends.tolist() == list(range(800, len(stream.samples) + 8000 + 1, 800))
    assert seen == sorted(seen)
    assert seen[-1] == len(stream.samples)
    opened = recorded.ends[recorded.open] / RATE
    assert opened.min() > 2.0  # silence costs no inference
    assert 0 < recorded.open.mean() < 0.7
    assert (recorded.looked_at(TRIGGER, gated=True) == recorded.open).all()
    assert recorded.looked_at(TRIGGER, gated=False).all()
    assert recorded.hours == pytest.approx(8 / 3600)


@pytest.mark.parametrize("coarse", [None, 0, 1600, 4000])
def test_only_windows_that_the_daemon_scores_cost(stream, tones, coarse):
    recorded = score_stream(stream, tones, SpottingSettings(coarse=coarse), batch=4)
    assert recorded.scoring_s.shape == recorded.ends.shape
    for gated, rest in ((True, recorded.gate_s), (False, recorded.path_s)):
        spotter = Spotter(tones, gate=GateSettings() if gated else None, trigger=TRIGGER, coarse=coarse)
        list(events_of(SamplesSource("s", stream.samples), spotter))
        share = recorded.scored_share(TRIGGER, gated=gated)
        assert share * len(recorded.ends) == pytest.approx(spotter.scored, abs=2)
        spent = recorded.cpu_per_second(TRIGGER, gated=gated) * 8 - rest
        assert 0 < spent <= recorded.scoring_s.sum() * (1 + 1e-9)  # in another order of sums
    assert recorded.looked_at(TRIGGER, gated=False).all() == (coarse != 4000)


def test_what_a_classifier_says_of_its_windows_cost_is_theirs(stream, tones):
    class Dear(Cascade):
        """A window with a word costs ten times as much as another."""

        def timed(self, windows):
            scores = tones.score(windows)
            return scores, np.where(scores[:, :2].max(axis=1) > 0.5, 10.0, 1.0)

    recorded = score_stream(stream, Dear(tones, tones, asked_from=1, weight=0), SpottingSettings(coarse=4000))
    words = recorded.scores[:, :2].max(axis=1) > 0.5
    assert 0 < words.sum() < len(words)
    assert recorded.scoring_s.tolist() == np.where(words, 10.0, 1.0).tolist()


def test_a_recorded_classifier_says_its_rows_in_order_and_no_more():
    classifier = ReplayClassifier("m", ["a", "b"])
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    classifier.cue(rows)
    assert classifier.score(np.zeros((2, 1), np.float32)).tolist() == [[0, 1], [2, 3]]
    with pytest.raises(IndexError, match="2 windows to score, 1 rows"):
        classifier.score(np.zeros((2, 1), np.float32))

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from kwsd.cli.columns import widths
from kwsd.errors import InputError
from kwsd.evaluation import stream_scoring
from kwsd.evaluation.selection import Sound
from kwsd.evaluation.stream_builder import StreamSettings, build_stream
from kwsd.evaluation.stream_scoring import score_stream
from kwsd.evaluation.streams import evaluate_streams
from kwsd.evaluation.truth import Stream
from kwsd.networks import cascade
from kwsd.samples import RATE
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings

TRIGGER = TriggerSettings({"low": 0.9, "high": 0.9}, smoothing=2, refractory_ms=500)
SETTINGS = SpottingSettings(TRIGGER, coarse=0)


@pytest.fixture
def stream(say, babble):
    words = [Sound(word, f"{word}{n}", say(word)) for n in range(4) for word in ("low", "high")]
    speech = [Sound("", f"s{n}", babble(n, 2.0, 0.02)) for n in range(8)]
    noise = [Sound("", "n", babble(50, 5.0))]
    return build_stream(
        words, speech, noise, StreamSettings(20.0, (0.6, 1.0), spread_db=0), name="made", notes=("made here",)
    )


def test_a_stream_from_end_to_end(stream, tones):
    steps = []
    report = evaluate_streams([stream], tones, SETTINGS, progress=lambda *step: steps.append(step))
    assert report.spoken == 8
    assert [gate.gated for gate in report.gates] == [True, False]
    for gate in report.gates:
        assert gate.given.misses == 0
        assert not gate.given.alarms
        assert gate.sweep.points[0].misses == 0
        assert gate.cpu_per_second > 0
        p50, p95, p99 = gate.given.latency_ms()
        assert -400 <= p50 <= p95 <= p99 <= 500
    assert report.gates[0].scored_share <= report.gates[1].scored_share < 1.0  # some are spared without a gate too
    assert {what for what, _, _ in steps} == {"scoring made, s", "thresholds, gate on", "thresholds, gate off"}
    found = json.loads(json.dumps(report.to_dict()))
    assert found["notes"] == [
        "made here", "at 0.1, 0.5, 1 an hour: 0.0094 hours allow no alarm at all; use longer streams",
    ]  # fmt: skip
    assert [point["budget_per_hour"] for point in found["gates"][0]["at_budgets"]] == [0.1, 0.5, 1.0]
    assert set(found["gates"][0]["at_given_thresholds"]["latency_ms"]) == {"p50", "p95", "p99"}


class Undecided:
    """Hears a tone surely, but one time in ten it may have been the other."""

    def __init__(self, inner) -> None:
        self._inner, self.name, self.labels, self.device = inner, inner.name, inner.labels, inner.device

    def score(self, windows):
        scores = self._inner.score(windows)
        pair = [self.labels.index(word) for word in TRIGGER.thresholds]
        scores[:, pair] = scores[:, pair] @ np.array([[0.9, 0.1], [0.1, 0.9]], np.float32)
        return scores


def test_the_gate_as_it_is_set_comes_first(stream, tones):
    """Single words are told for it alone."""
    report = evaluate_streams([stream], tones, replace(SETTINGS, gated=False))
    assert [gate.gated for gate in report.gates] == [False, True]


def test_words_that_may_be_one_another_fire_by_their_claims(stream, tones):
    misses = {}
    for cost in (1.0, 0.1):
        trigger = TriggerSettings(dict.fromkeys(TRIGGER.thresholds, 0.93), substitution=cost)
        report = evaluate_streams([stream], Undecided(tones), SpottingSettings(trigger, coarse=0), choose=1.0)
        misses[cost] = [gate.given.misses for gate in report.gates]
        assert report.chosen.operating.misses == 0
        chosen = report.chosen.operating.thresholds.values()
        assert all((threshold > 0.93) == (cost < 1) for threshold in chosen)
    assert misses == {1.0: [8, 8], 0.1: [0, 0]}


def test_a_model_gets_windows_of_its_own_length(stream, tones):
    lengths = set()
    score = tones.score
    tones.score = lambda windows: lengths.add(windows.shape[1]) or score(windows)
    progress = []
    score_stream(stream, tones, replace(SETTINGS, window=2 * RATE), progress=progress.append)
    assert lengths == {2 * RATE}
    assert progress[-1] == len(stream.samples)  # and not the silence after it


def test_a_row_of_scores_is_that_of_the_window_that_ends_there(stream, tones):
    recorded = score_stream(stream, tones, SETTINGS)
    padded = np.concatenate([np.zeros(RATE, np.int16), stream.samples, np.zeros(2 * RATE, np.int16)])
    windows = np.stack([padded[end : end + RATE] for end in recorded.ends]).astype(np.float32) / 32_768
    assert recorded.scores == pytest.approx(tones.score(windows))
    assert (np.diff(recorded.ends) == SETTINGS.hop).all()


def test_what_the_gate_keeps_out_and_how_coarsely_the_daemon_looks_is_recorded(tones, say):
    samples = np.concatenate([np.zeros(3 * RATE, np.int16), say("low"), np.zeros(3 * RATE, np.int16)])
    settings = replace(SETTINGS, coarse=2400, gate=GateSettings(hangover_ms=200))
    recorded = score_stream(Stream("s", samples, ()), tones, settings)
    heard = recorded.ends[recorded.open]
    assert len(heard)
    assert 3 * RATE < heard.min() < heard.max() < 4.5 * RATE
    assert recorded.coarse == 2400


def test_the_cost_of_the_classifier_is_told_apart_from_that_of_the_rest(stream, tones, dear_windows, monkeypatch):
    for module in (cascade, stream_scoring):
        monkeypatch.setattr(module, "time", SimpleNamespace(process_time=dear_windows))
    recorded = score_stream(stream, tones, SETTINGS)
    assert recorded.scoring_s.tolist() == [1.0] * len(recorded.ends)
    assert (recorded.path_s, recorded.gate_s) == (0, 0)
    trigger = replace(TRIGGER, thresholds={"low": 2.0})
    share = recorded.scored_share(trigger, gated=False)
    expected = share * len(recorded.ends) / stream.seconds
    assert recorded.cpu_per_second(trigger, gated=False) == pytest.approx(expected)
    dear = replace(recorded, path_s=2.0, gate_s=7.0)
    for gated, further_s in ((False, 2.0), (True, 7.0)):
        more = dear.cpu_per_second(trigger, gated=gated) - recorded.cpu_per_second(trigger, gated=gated)
        assert more == pytest.approx(further_s / stream.seconds)


def test_each_window_is_scored_once(stream, tones):
    report = evaluate_streams([stream], tones, SETTINGS)
    assert sum(tones.batches) == pytest.approx(len(stream.samples) / 800 + 10, abs=1)
    assert report.hours == pytest.approx(stream.seconds / 3600)


def test_words_that_may_not_fire_are_not_scored(stream, tones):
    only = TriggerSettings({"low": 0.9}, smoothing=2, refractory_ms=500)
    report = evaluate_streams([stream], tones, SpottingSettings(only, coarse=0))
    assert report.spoken == 4
    assert report.notes[-2] == "spoken, but not listened for: high"


def test_a_table_of_words_that_may_not_fire_is_refused_before_anything_is_scored(stream, tones):
    tones.batches.clear()
    with pytest.raises(InputError, match="may fire: high, low; those that may: _unknown_"):
        evaluate_streams([stream], tones, SpottingSettings(TriggerSettings({"_unknown_": 0.9}), coarse=0))
    with pytest.raises(InputError, match="no word is spoken"):
        evaluate_streams([replace(stream, words=())], tones, SETTINGS)
    assert not tones.batches


def test_the_tables_are_whole(stream, tones):
    report = evaluate_streams([stream, stream], tones, SETTINGS)
    total, points, answers, *words = report.tables()
    assert ("words spoken", "16") in total.rows
    assert ("hours", "0.019") in total.rows
    assert len(points.rows) == len(answers.rows) == 8
    assert len(words) == 4
    for table in (points, answers, *words):
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert np.isclose(report.hours, 2 * stream.seconds / 3600)


def test_the_tables_fit_a_terminal_of_80_columns_with_their_figures_whole(stream, tones):
    report = evaluate_streams([stream], tones, SETTINGS)
    widest = {
        "missed": "100.0 %",
        "alarms an hour": "123.45",
        "95 %": "100.12 to 123.45",
        "latency p50/95/99": "-120 / 450 / 490 ms",
    }
    for table in report.tables()[1:]:
        columns = list(zip(table.columns, *table.rows, [widest.get(name, "") for name in table.columns], strict=True))
        room = widths(columns, 80 - 2 * len(columns))
        assert all(max(map(len, cells)) <= width for (_, *cells), width in zip(columns, room, strict=True))

from __future__ import annotations

import json

import numpy as np
import pytest

from kwsd.evaluation.clips import evaluate_clips, report_of
from kwsd.evaluation.passing import passing
from kwsd.evaluation.task import task_of
from kwsd.labels import SILENCE, UNKNOWN
from kwsd.spotting.trigger import TriggerSettings

LABELS = ("yes", UNKNOWN, "no", SILENCE)
TASK = task_of(LABELS, None)
YES, NO, OTHER, NOISE = range(4)


def passed(truth, rows, *, task=TASK, **settings):
    trigger = TriggerSettings(thresholds={"yes": 0.9, "no": 0.5}, **settings)
    return passing(np.array(rows, np.float32), LABELS, np.array(truth, np.intp), task, trigger)


def test_a_word_passes_from_its_own_threshold_on():
    found = passed([YES, YES, NO], [[0.89, 0.11, 0, 0], [0.91, 0.09, 0, 0], [0.4, 0.1, 0.5, 0]])
    assert (found.words, found.right, found.wrong, found.alarms) == (3, 2, 0, 0)
    assert found.share(YES) == 0.5
    assert found.share(NO) == 1


def test_a_word_that_passes_as_another_is_not_right():
    found = passed([NO, NO], [[0.95, 0.05, 0, 0], [0.05, 0.95, 0, 0]])
    assert (found.right, found.wrong, found.alarms) == (0, 1, 0)
    assert found.share(NO) == 0


def test_other_speech_and_noise_that_pass_are_alarms():
    found = passed([OTHER, NOISE, NOISE], [[0, 0.4, 0.6, 0], [0.95, 0, 0, 0.05], [0, 0, 0, 1]])
    assert (found.words, found.right, found.wrong, found.alarms) == (0, 0, 0, 2)
    assert found.share(NOISE) == 0.5
    assert np.isnan(found.share(YES))
    assert [name for name, _ in found.rows()] == ["other clips that pass one"]


def test_it_is_the_claim_that_passes():
    """Two words share what is sure to be a word: the likelier one is sure, too, if a substitution costs little."""
    row = [[0.85, 0.01, 0.14, 0]]
    assert passed([YES], row).right == 0
    assert passed([YES], row, substitution=0.05).right == 1


def test_words_outside_the_task_are_talk():
    task = task_of(LABELS, ["no"])
    found = passed([0, 1], [[0.0, 0.0, 1, 0], [0.95, 0.05, 0, 0]], task=task, substitution=0.05)
    assert (found.words, found.right, found.alarms) == (1, 1, 0)
    assert passed([1], [[0.47, 0.05, 0.48, 0]], task=task, substitution=0.05).alarms == 0  # not sure that it is no talk


def test_of_the_words_that_pass_the_likeliest_counts() -> None:
    trigger = TriggerSettings(thresholds={"yes": 0.9, "no": 0.3})
    row = np.array([[0.55, 0.05, 0.4, 0]], np.float32)
    assert passing(row, LABELS, np.array([YES]), TASK, trigger).passed[YES].tolist() == [0, 1]


def test_a_word_without_a_threshold_does_not_pass() -> None:
    row = np.array([[0, 0, 1, 0]], np.float32)
    assert not passing(row, LABELS, np.array([NO]), TASK, TriggerSettings(thresholds={"yes": 0.9})).passed.any()


def test_each_share_is_of_its_own_clips() -> None:
    rows = [
        [0.95, 0.05, 0, 0],
        [1, 0, 0, 0],
        [0.95, 0.05, 0, 0],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
        [0, 1, 0, 0],
        [0, 1, 0, 0],
    ]
    found = passed([YES, YES, NO, OTHER, OTHER, NOISE, NOISE], rows)
    assert found.rows() == (
        ("words that pass their threshold", "66.67 % of 3 (95 %: 20.8 to 93.9 %)"),
        ("words that pass another's", "33.33 % of 3 (95 %: 6.1 to 79.2 %)"),
        ("other clips that pass one", "25.00 % of 4 (95 %: 4.6 to 69.9 %)"),
    )


def test_the_report_tells_it(tmp_path, tones, say):
    from kwsd.datasets.recordings import find_recordings
    from kwsd.evaluation.output_files import save_wav

    save_wav(tmp_path / "low" / "a.wav", say("low"))
    save_wav(tmp_path / "high" / "b.wav", say("low"))
    settings = TriggerSettings(thresholds={"low": 0.6, "high": 0.6})
    report = evaluate_clips(tones, find_recordings(tmp_path), trigger=settings)
    found = json.loads(json.dumps(report.to_dict()))["passing"]
    assert (found["words"], found["right"], found["as_another"], found["alarms"]) == (2, 1, 1, 0)
    everything, by_word = report.tables()
    assert dict(everything.rows)["words that pass their threshold"].startswith("50.00 % of 2 (95 %: ")
    assert {row[0]: row[by_word.columns.index("pass")] for row in by_word.rows} == {"low": "100.0 %", "high": "0.0 %"}


def test_without_thresholds_nothing_is_told_of_them():
    report = report_of("m", TASK, np.array([0]), np.array([[0.9, 0.1, 0.0, 0.0]]))
    assert report.to_dict()["passing"] is None
    assert all("pass" not in name for name, _ in report.rows())
    assert "pass" not in report.tables()[1].columns


@pytest.mark.parametrize("threshold", [0.5, 1.0])
def test_the_threshold_itself_passes(threshold):
    trigger = TriggerSettings(thresholds={"yes": threshold})
    assert passing(np.array([[threshold, 0, 0, 0]], np.float32), LABELS, np.array([YES]), TASK, trigger).right == 1

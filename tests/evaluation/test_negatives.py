"""What fires at recordings without words is told with its place, whatever becomes of the recordings."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.datasets.loading import load_parts
from kwsd.datasets.recordings import find_recordings
from kwsd.errors import InputError
from kwsd.evaluation import negatives
from kwsd.evaluation.left_out import LeftOut
from kwsd.evaluation.negatives import evaluate_negatives, find_negatives
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.snippets import Snippets
from kwsd.samples import RATE
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings

TRIGGER = TriggerSettings({"low": 0.9, "high": 0.9}, smoothing=2, refractory_ms=500)
UNGATED = SpottingSettings(TRIGGER, gated=False)


@pytest.fixture
def folder(tmp_path, say, babble):
    """Three recordings; in the second a tone from 3.0 to 3.4 s."""
    whistle = np.concatenate([babble(2, 2.7, 0.01), say("high"), babble(3, 1.3, 0.01)])
    for name, samples in {"a": babble(1, 4.0, 0.01), "b": whistle, "c": babble(4, 4.0, 0.01)}.items():
        save_wav(tmp_path / "noise" / f"{name}.wav", samples)
    return tmp_path / "noise"


def test_what_fired_where(folder, tones):
    recordings, notes = find_negatives(folder, ["low", "high"])
    report = evaluate_negatives(recordings, tones, UNGATED, notes=notes)
    (alarm,) = report.alarms
    assert (alarm.name, alarm.word, alarm.path) == ("b", "high", folder / "b.wav")
    assert 3.0 <= alarm.second <= 3.9
    assert report.seconds == pytest.approx(13.0)  # the pauses do not count
    assert report.per_hour == pytest.approx(3600 / 13)
    assert report.interval == pytest.approx((0.02532 * 3600 / 13, 5.5716 * 3600 / 13), rel=1e-3)
    assert report.scored_share == 1.0
    found = json.loads(json.dumps(report.to_dict()))
    assert found["false_alarms"] == 1
    assert found["alarms"][0]["clip"] == "b"
    assert found["per_word"] == {"high": 1}
    assert found["notes"] == ["sentences without a transcript, where an alarm may be a true one: 3"]


def test_the_gate_spares_scoring(folder, tones):
    save_wav(folder / "d.wav", np.zeros(20 * RATE, np.int16))
    recordings, _ = find_negatives(folder, [])
    report = evaluate_negatives(recordings, tones, SpottingSettings(TRIGGER, GateSettings(aggressiveness=3)))
    assert report.gated
    assert report.scored_share < 0.6
    assert sum(tones.batches) == pytest.approx(report.scored_share * (33 + 4 * 0.3 + 0.5) * 20, abs=2)


def test_snippets_hold_what_was_heard_and_are_no_words(folder, tones, tmp_path):
    recordings, _ = find_negatives(folder, [])
    report = evaluate_negatives(recordings, tones, UNGATED, snippets=Snippets(tmp_path / "hard"))
    path = report.alarms[0].snippet
    assert path is not None
    assert path.parent.name == "not_high"
    snippet = read_clip(path)
    assert len(snippet) == 2 * RATE
    stop = round(report.alarms[0].second * RATE)
    assert np.array_equal(snippet, read_clip(folder / "b.wav")[stop - 2 * RATE : stop])
    (recording,) = find_recordings(tmp_path / "hard")
    assert recording.label == "not_high"


def test_a_word_at_the_end_belongs_to_its_own_recording(tmp_path, tones, say, babble):
    save_wav(tmp_path / "a.wav", np.concatenate([babble(1, 2.0, 0.01), say("low", 0.4, total_s=0.42)]))
    save_wav(tmp_path / "b.wav", babble(2, 2.0, 0.01))
    recordings, _ = find_negatives(tmp_path, [])
    slow = TriggerSettings({"low": 0.9}, smoothing=16)
    (alarm,) = evaluate_negatives(recordings, tones, SpottingSettings(slow, gated=False)).alarms
    assert alarm.second > 2.42 + negatives.PAUSE / RATE  # the next one has begun
    assert alarm.name == "a"


def test_one_that_is_damaged_is_told_at_the_end(folder, tones):
    whole = (folder / "b.wav").read_bytes()
    (folder / "a.wav").write_bytes(whole[:44] + b"\0" * 10)  # its header promises more
    recordings, _ = find_negatives(folder, ["low", "high"])
    bad = [replace(recording, length=5 * RATE) if recording.name == "a" else recording for recording in recordings]
    with pytest.raises(InputError, match=r"a\.wav"):
        evaluate_negatives(bad, tones, UNGATED)
    unreadable = LeftOut()
    report = evaluate_negatives(bad, tones, UNGATED, unreadable=unreadable)
    assert [alarm.name for alarm in report.alarms] == ["b"]
    assert report.recordings == 3  # five samples of it were heard
    (told,) = report.to_dict()["unreadable"]
    assert "a.wav" in told
    assert any("left out" in cell for row in report.rows() for cell in row)
    with pytest.raises(InputError, match=r"1 file left out; .*a\.wav"):
        unreadable.check()
    bad[0].path.unlink()
    with pytest.raises(InputError, match="1 file left out"):
        evaluate_negatives(bad[:1], tones, UNGATED, unreadable=LeftOut())


def test_decoding_is_no_cost_of_listening(folder, tones, monkeypatch):
    spent_s = 0.0

    def decoded(*arguments, **options):
        nonlocal spent_s
        for part in load_parts(*arguments, **options):
            spent_s += 10
            yield part

    def clock():
        return spent_s

    monkeypatch.setattr(negatives, "load_parts", decoded)
    monkeypatch.setattr(negatives, "time", SimpleNamespace(process_time=clock, thread_time=clock))
    report = evaluate_negatives(find_negatives(folder, [])[0], tones, UNGATED)
    assert spent_s > 0
    assert report.cpu_per_second == 0


def test_the_cost_is_by_the_second_of_audio(folder, tones, dear_windows, monkeypatch):
    monkeypatch.setattr(negatives, "time", SimpleNamespace(process_time=dear_windows, thread_time=lambda: 0.0))
    report = evaluate_negatives(find_negatives(folder, [])[0], tones, UNGATED)
    assert report.cpu_per_second == pytest.approx(sum(tones.batches) / 13)  # the pauses are no audio


def test_progress_ends_at_the_end(folder, tones):
    seen = []
    recordings, _ = find_negatives(folder, [])
    evaluate_negatives(recordings, tones, UNGATED, progress=lambda *step: seen.append(step))
    assert seen[-1][0] == seen[-1][1]
    assert seen == sorted(seen)


def test_no_alarm_is_an_interval_too(tmp_path, tones, babble):
    save_wav(tmp_path / "a.wav", babble(1, 3.6))
    report = evaluate_negatives(find_negatives(tmp_path, [])[0], tones, UNGATED)
    assert report.per_hour == 0
    assert report.interval == pytest.approx((0, 3688.9), rel=1e-3)
    total, words, fired = report.tables()
    assert (words.rows, fired.rows) == ((), ())
    assert ("false alarms", "0") in total.rows
    assert ("hours", "0.001") in total.rows


def test_a_long_recording_is_heard_in_parts_as_one(folder, tones, monkeypatch):
    recordings, _ = find_negatives(folder, [])
    whole = evaluate_negatives(recordings, tones, UNGATED)
    monkeypatch.setattr(negatives, "_PART", RATE // 2)  # the tone from 3.0 to 3.4 s in b begins a part
    parts = evaluate_negatives(recordings, tones, UNGATED)
    assert parts.alarms == whole.alarms
    assert (parts.recordings, parts.seconds, parts.scored_share) == (3, whole.seconds, whole.scored_share)


@pytest.mark.parametrize("part_s", [0.9, 600])
def test_what_came_before_the_damage_counts(folder, tones, monkeypatch, part_s):
    monkeypatch.setattr(negatives, "_PART", round(part_s * RATE))
    recordings, _ = find_negatives(folder, [])
    longer = [replace(each, length=9 * RATE) if each.name == "b" else each for each in recordings]
    left_out = LeftOut()
    report = evaluate_negatives(longer, tones, UNGATED, unreadable=left_out)
    assert [alarm.name for alarm in report.alarms] == ["b"]
    assert (report.recordings, report.seconds) == (3, 13.0)
    (told,) = left_out.told
    assert "ends at sample 80000" in told
    assert "what came before was heard" in told


def test_parts_of_a_recording_may_fall_short_of_the_header_as_the_whole_may(folder, tones, monkeypatch):
    monkeypatch.setattr(negatives, "_PART", RATE)
    save_wav(folder / "d.wav", np.zeros(60 * RATE, np.int16))
    recordings, _ = find_negatives(folder, [])
    longer = [replace(each, length=each.length + RATE // 2) if each.name == "d" else each for each in recordings]
    assert evaluate_negatives(longer, tones, UNGATED).seconds == 73.0


def test_clips_of_a_pack_that_are_called_alike_are_recordings_of_their_own(tmp_path, tones, babble):
    save_wav(tmp_path / "all.wav", babble(1, 4.0, 0.01))
    rows = ["file\tclip\tlabel\tspeaker\tstart\tlength", *(f"all.wav\t\t\t\t{n * RATE}\t{RATE}" for n in range(4))]
    (tmp_path / "index.tsv").write_text("\n".join(rows) + "\n")
    report = evaluate_negatives(find_negatives(tmp_path, [])[0], tones, UNGATED)
    assert (report.recordings, report.seconds) == (4, 4.0)

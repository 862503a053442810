from __future__ import annotations

import numpy as np
import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.errors import OutputError
from kwsd.evaluation.negatives import evaluate_negatives, find_negatives
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.snippets import Snippets
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings


def test_clips_of_the_same_name_keep_a_file_each(tmp_path, tones, say, babble):
    whistle = np.concatenate([babble(1, 1.5, 0.01), say("high"), babble(2, 1.5, 0.01)])
    for folder in ("a", "b"):
        save_wav(tmp_path / "neg" / folder / "same.wav", whistle)
    snippets = Snippets(tmp_path / "hard")
    recordings, _ = find_negatives(tmp_path / "neg", [])
    trigger = TriggerSettings({"high": 0.9}, smoothing=2, refractory_ms=500)
    report = evaluate_negatives(recordings, tones, SpottingSettings(trigger, gated=False), snippets=snippets)
    assert len({alarm.snippet for alarm in report.alarms}) == len(report.alarms) == 2
    assert all(alarm.snippet.is_file() for alarm in report.alarms)
    snippets.check()


def test_a_long_name_is_cut_and_stays_one_of_its_own(tmp_path, babble):
    snippets = Snippets(tmp_path)
    saved = [snippets.save("\u00e4" * 125 + end, 1.0, "low" * 90, babble(1, 0.1)) for end in "xy"]
    assert [path.is_file() for path in saved] == [True, True]
    assert len(set(saved)) == 2


def test_what_an_earlier_run_saved_stays_and_is_not_saved_twice(tmp_path, babble):
    first, other = babble(1, 0.1), babble(2, 0.1)
    before = Snippets(tmp_path).save("a", 1.0, "low", first)
    assert Snippets(tmp_path).save("a", 1.0, "low", first) == before
    saved = Snippets(tmp_path).save("a", 1.0, "low", other)
    assert [path.name for path in sorted(tmp_path.rglob("*.wav"))] == ["a-1.00-2.wav", "a-1.00.wav"]
    np.testing.assert_array_equal(read_clip(before), first)
    np.testing.assert_array_equal(read_clip(saved), other)


def test_one_that_cannot_be_written_is_told_once_and_at_the_end(tmp_path, babble, caplog):
    (tmp_path / "not_low").write_text("in the way")
    snippets = Snippets(tmp_path)
    assert snippets.save("a", 1.0, "low", babble(1, 0.1)) is None
    assert snippets.save("b", 1.0, "low", babble(1, 0.1)) is None
    assert snippets.save("c", 1.0, "high", babble(1, 0.1)).is_file()
    assert len(caplog.messages) == 1
    with pytest.raises(OutputError, match=r"2 of 3 snippets are missing; .*a-1\.00\.wav: cannot be written"):
        snippets.check()


def test_a_clip_whose_name_is_not_utf8_is_heard_and_kept(tmp_path, tones, say):
    save_wav(tmp_path / "neg" / "\udcfe" / "b\udcff.wav", say("high"))
    recordings, _ = find_negatives(tmp_path / "neg", [])
    trigger = TriggerSettings({"high": 0.9}, smoothing=2, refractory_ms=500)
    snippets = Snippets(tmp_path / "hard")
    (alarm,) = evaluate_negatives(recordings, tones, SpottingSettings(trigger, gated=False), snippets=snippets).alarms
    assert alarm.snippet.parent.name == "not_high"
    assert alarm.snippet.is_file()

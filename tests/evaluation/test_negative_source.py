"""How recordings without words are played."""

from __future__ import annotations

from dataclasses import replace

from kwsd.evaluation.negatives import PAUSE, NegativeSource, evaluate_negatives, find_negatives
from kwsd.evaluation.output_files import save_wav
from kwsd.samples import RATE
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings


def test_recordings_are_played_with_a_pause_after_each(tmp_path, babble):
    for name in "ab":
        save_wav(tmp_path / f"{name}.wav", babble(1, 0.5))
    source = NegativeSource(find_negatives(tmp_path, [])[0])
    blocks = [block.samples for block in source.blocks()]
    assert [len(samples) for samples in blocks] == [8_000, PAUSE, 8_000, PAUSE]
    assert not blocks[1].any()
    assert not blocks[3].any()
    assert (source.starts, source.heard, source.recordings) == ([0, 8_000 + PAUSE], 16_000, 2)
    assert [source.place(at) for at in (0, 8_000 + PAUSE - 1, 8_000 + PAUSE)] == [0, 0, 1]


def test_a_source_that_is_closed_reads_no_further_recording(tmp_path, babble):
    for name in "abc":
        save_wav(tmp_path / f"{name}.wav", babble(1, 0.5))
    source = NegativeSource(find_negatives(tmp_path, [])[0])
    blocks = source.blocks()
    assert len(next(blocks).samples) == 8_000
    source.close()
    assert not list(blocks)
    assert source.recordings == 1


def test_a_model_gets_windows_of_its_own_length(tmp_path, tones, babble):
    save_wav(tmp_path / "a.wav", babble(1, 3.0))
    lengths = set()
    score = tones.score
    tones.score = lambda windows: lengths.add(windows.shape[1]) or score(windows)
    settings = SpottingSettings(TriggerSettings({"low": 0.9}), gated=False, coarse=0)
    evaluate_negatives(find_negatives(tmp_path, [])[0], tones, replace(settings, window=2 * RATE))
    assert lengths == {2 * RATE}

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from kwsd.datasets.recordings import Recording, find_recordings
from kwsd.errors import InputError, ModelError
from kwsd.evaluation.clips import evaluate_clips, judged, report_of
from kwsd.evaluation.left_out import LeftOut
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.task import task_of
from kwsd.labels import SILENCE, UNKNOWN
from kwsd.samples import RATE
from kwsd.training.finetuning.examples import cut

LABELS = ("yes", "no", "dog", UNKNOWN, SILENCE)


@pytest.fixture
def folder(tmp_path, say, babble):
    for n in range(3):
        save_wav(tmp_path / "low" / f"{n}.wav", say("low", 0.3 + 0.1 * n))
        save_wav(tmp_path / "high" / f"{n}.wav", say("high", 0.3 + 0.1 * n))
    save_wav(tmp_path / "high" / "wrong.wav", say("low"))
    save_wav(tmp_path / "shoe" / "a.wav", babble(1, 1.0))
    save_wav(tmp_path / "silence" / "a.wav", np.zeros(RATE, np.int16))
    return tmp_path


def test_accuracy_by_word_and_in_all(folder, tones):
    report = evaluate_clips(tones, find_recordings(folder))
    assert (report.total.clips, report.total.correct) == (9, 8)
    found = json.loads(json.dumps(report.to_dict()))
    assert found["accuracy"] == pytest.approx(8 / 9)
    assert found["per_word"] == {"low": 1.0, "high": 0.75, UNKNOWN: 1.0, SILENCE: 1.0}
    assert found["mean_per_word"] == pytest.approx(0.875)
    assert found["mean_per_word_100_clips"] is None
    assert found["word_or_noise"]["accuracy"] == 1.0
    assert report.confusion[1, 0] == 1
    assert found["notes"] == ["labels that the model lacks, counted as unknown: shoe"]


def test_a_guess_is_as_sure_as_its_own_score_whether_right_or_wrong() -> None:
    """Two of three are right, at 0.8, 0.8 and 0.7; and what is speech for 60 % is none of noise."""
    rows = np.array([[0.8, 0.2, 0, 0, 0], [0.2, 0.8, 0, 0, 0], [0.7, 0.3, 0, 0, 0]])
    report = report_of("m", task_of(LABELS, None), np.array([0, 1, 1]), rows)
    assert report.reliability.ece == pytest.approx((2 * 0.2 + 0.7) / 3)
    doubtful = report_of("m", task_of(LABELS, None), np.array([0, 4]), np.array([[0.3, 0.2, 0.1, 0, 0.4]] * 2))
    assert (doubtful.speech.correct, doubtful.noise.correct) == (1, 0)
    sure = report_of("m", task_of(LABELS, None), np.array([0, 4]), np.array([[0.2, 0.2, 0.08, 0, 0.52]] * 2))
    assert (sure.speech.correct, sure.noise.correct) == (0, 1)


def test_a_model_that_hears_more_gets_what_comes_before(folder, tones, monkeypatch):
    lengths = set()
    score = tones.score
    monkeypatch.setattr(tones, "score", lambda windows: lengths.add(windows.shape[1]) or score(windows))
    evaluate_clips(tones, find_recordings(folder), window=RATE // 2, before=RATE)
    assert lengths == {RATE * 3 // 2}


def test_a_clip_that_cannot_be_read_is_left_out_and_told(folder, tones):
    (folder / "low" / "2.wav").write_bytes(b"RIFF")
    recordings = [Recording(folder / "low" / "2.wav", "2", "low", "", 0, RATE), *find_recordings(folder)]
    with pytest.raises(InputError, match=r"2\.wav"):
        evaluate_clips(tones, recordings)
    unreadable = LeftOut()
    report = evaluate_clips(tones, recordings, unreadable=unreadable)
    assert report.total.clips == 8
    (told,) = json.loads(json.dumps(report.to_dict()))["unreadable"]
    assert "2.wav" in told
    with pytest.raises(InputError, match="1 file left out"):
        unreadable.check()
    with pytest.raises(InputError, match="1 file left out"):
        evaluate_clips(tones, recordings[:1], unreadable=LeftOut())


def test_what_two_folders_hold_is_told_once(caplog):
    unreadable = LeftOut()
    for what in ("a.wav: no audio", "b.wav: no audio", "a.wav: no audio"):
        unreadable(InputError(what))
    assert unreadable.told == ("a.wav: no audio", "b.wav: no audio")
    assert len(caplog.messages) == 2


def test_scores_that_are_no_numbers_are_no_wrong_guesses(folder, tones, monkeypatch):
    score = tones.score

    def dividing(windows):
        """As a network that divides by a window's level, which silence does not have."""
        scores = score(windows)
        scores[~windows.any(axis=1)] = np.nan
        return scores

    monkeypatch.setattr(tones, "score", dividing)
    with pytest.raises(ModelError, match="not finite"):
        evaluate_clips(tones, find_recordings(folder))


def test_a_subset_task_counts_the_other_words_as_unknown(folder, tones):
    report = evaluate_clips(tones, find_recordings(folder), ["low"])
    assert report.classes == ("low", UNKNOWN, SILENCE)
    # "high" is unknown now, and the clip that sounds low in it a wrong one; the shoe is unknown as before.
    assert report.confusion.tolist() == [[3, 0, 0], [1, 4, 0], [0, 0, 1]]


def test_noise_is_silence_whatever_it_is_called(folder, tones, tmp_path, say):
    save_wav(tmp_path / "sounds" / "low" / "whistle.wav", say("low"))
    report = evaluate_clips(tones, find_recordings(folder), noise=find_recordings(tmp_path / "sounds"))
    assert (report.noise.clips, report.noise.correct) == (2, 1)
    assert (report.speech.clips, report.speech.correct) == (8, 8)


def test_inferred_labels_do_not_count(tmp_path, tones, say):
    packed = tmp_path / "packed"
    save_wav(packed / "low-inferred.wav", say("high"))
    save_wav(packed / "low.wav", say("low"))
    rows = ["file\tclip\tlabel\tspeaker\tstart\tlength"]
    rows += [f"{name}.wav\t{name}\tlow\t\t0\t16000" for name in ("low", "low-inferred")]
    (packed / "index.tsv").write_text("\n".join(rows) + "\n")
    report = evaluate_clips(tones, find_recordings(packed))
    assert (report.total.clips, report.left_out) == (1, 1)
    (packed / "index.tsv").write_text("\n".join([rows[0], rows[2]]) + "\n")
    with pytest.raises(InputError, match="no clips to score"):
        evaluate_clips(tones, find_recordings(packed))


def test_batches_and_progress(folder, tones):
    steps = []
    evaluate_clips(tones, find_recordings(folder), batch=4, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(4, 9), (8, 9), (9, 9)]
    assert tones.batches == [4, 4, 1]


def test_a_long_clip_is_judged_by_the_second_around_its_speech(say, babble):
    long = np.concatenate([babble(1, 2.005, 0.01), say("low", 1.0), babble(2, 1.0, 0.01)])
    window = judged(long)
    assert window.shape == (RATE,)
    assert window.dtype == np.float32
    assert np.sqrt((window**2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)


def test_a_knock_beside_the_word_is_not_what_is_judged(say, babble):
    """It may be the loudest by far: what is longer above the room counts, in training and here."""
    word = say("low", 0.6, total_s=0.6)
    clip = np.concatenate([babble(1, 1.0, 0.002), word, babble(2, 1.5, 0.002)])
    knocked = clip.copy()
    knocked[-8_000:-7_000] = np.random.default_rng(1).integers(-32_000, 32_000, 1000)
    assert np.array_equal(judged(knocked), judged(clip))
    assert np.array_equal(judged(knocked), cut(knocked, RATE, None))


def test_a_clip_stands_after_what_is_heard_before_it(say, babble):
    clip = np.concatenate([babble(1, 1.2, 0.002), say("low", 0.7, total_s=0.7)])
    window = judged(clip, before=8_000)
    assert window.shape == (24_000,)
    assert np.array_equal(window[8_000:], judged(clip))
    assert window[7_999] * 32_768 == clip[len(clip) - 16_000 - 1]
    assert not judged(clip[:16_000], before=8_000)[:8_000].any()


@pytest.mark.parametrize("length", [1, 7999, 8000, 15999, 16000])
def test_a_short_clip_stands_in_the_middle(length):
    window = judged(np.full(length, 16384, np.int16))
    before, after = int((window > 0).argmax()), int((window[::-1] > 0).argmax())
    assert (window > 0).sum() == length
    assert abs(before - after) <= 1


def test_of_a_clip_that_is_a_little_too_long_the_end_with_the_word_is_kept(say, babble):
    clip = np.concatenate([babble(1, 0.6, 0.002), say("low", 0.5, total_s=0.5)])
    assert np.array_equal(judged(clip), clip[-RATE:] / np.float32(32_768))


def test_long_clips_do_not_fill_the_memory(tmp_path, tones, babble):
    """As many are a batch, and eight bytes for each sample: an hour took a gigabyte."""
    path, length = tmp_path / "talk.wav", 300 * RATE
    save_wav(path, np.resize(babble(1, 1.0), length))
    clips = [Recording(path, str(number), UNKNOWN, "", 0, length) for number in range(8)]
    tracemalloc.start()
    try:
        evaluate_clips(tones, clips)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2 * length
    finally:
        tracemalloc.stop()


def test_the_tables_name_what_was_mistaken(folder, tones):
    report = evaluate_clips(tones, find_recordings(folder))
    total, words = report.tables()
    assert ("clips", "9") in total.rows
    assert next(row for row in total.rows if row[0] == "accuracy")[1].endswith(" % (95 %: 56.5 to 98.0 %)")
    assert next(row for row in words.rows if row[0] == "high")[-1] == "low (1)"
    assert all(len(row) == len(words.columns) for row in words.rows)


def test_words_of_a_hundred_clips_have_a_mean_of_their_own() -> None:
    truth, guesses = np.repeat([0, 1], [100, 99]), np.repeat([0, 1], [80, 119])
    report = report_of("m", task_of(LABELS, None), truth, np.eye(5)[guesses])
    assert (report.mean_word_accuracy(100), report.mean_word_accuracy()) == (0.8, 0.9)
    assert ("mean over words of 100 clips or more", "80.00 %") in report.rows()


def test_a_report_without_noise_has_no_rate_for_it():
    task = task_of(LABELS, None)
    report = report_of("m", task, np.array([0]), np.array([[0.9, 0.1, 0.0, 0.0, 0.0]]))
    assert report.to_dict()["noise"]["accuracy"] is None
    assert ("noise taken for noise", "- of 0") in report.rows()

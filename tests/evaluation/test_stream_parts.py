from __future__ import annotations

import numpy as np
import pytest

from kwsd.datasets.held_out import held_out
from kwsd.errors import InputError
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.stream_builder import StreamSettings
from kwsd.evaluation.stream_parts import stream_from_folders


def test_a_stream_from_folders(tmp_path, say, babble):
    for n in range(3):
        save_wav(tmp_path / "words" / "low" / f"{n}.wav", say("low"))
        save_wav(tmp_path / "words" / "high" / f"{n}.wav", say("high"))
        save_wav(tmp_path / "speech" / "19" / f"{n}.wav", babble(n, 4.0))
        save_wav(tmp_path / "noise" / "low" / f"{n}.wav", babble(9 + n, 2.0))
    (tmp_path / "speech" / "19" / "19.trans.txt").write_text("0 SAY HIGH\n1 SAY LOW\n2 SAY NOTHING\n")
    folders = tmp_path / "words", [tmp_path / "speech"], [tmp_path / "noise"]
    stream = stream_from_folders(*folders, listen_for=["low"], count=5, settings=StreamSettings(snr_db=5.0))
    assert [word.word for word in stream.words] == ["low"] * 5
    assert stream.name == "5 dB"
    talk = f"talk is 0.1 of {stream.seconds / 60:.1f} minutes alone, so that alarms an hour come out low"
    assert stream.notes == (
        "all clips; if kwsd train learnt from them, --split test takes those that it left out",
        "sentences left out for a word that they contain: 1",
        f"{talk}: add --speech, or take fewer words (--count)",
    )
    assert len(stream_from_folders(*folders, listen_for=["low"], count=1).notes) == 2
    without = stream_from_folders(*folders, listen_for=["low"], without=["nothing"], count=5)
    assert without.notes[1] == "sentences left out for a word that they contain: 2"
    assert {word.word for word in without.words} == {"low"}
    assert 8 < stream.seconds < 8 + 5 * 3 + 2
    short = stream_from_folders(*folders, listen_for=["low"], count=5, hours=1 / 3600)
    assert short.seconds < stream.seconds - 1
    with pytest.raises(InputError, match=r"listened for; it has high, low; name the model .* with --model"):
        stream_from_folders(*folders, listen_for=["shoe"], count=5)
    (tmp_path / "words" / "testing_list.txt").write_text("low/1.wav\nhigh/1.wav\n")
    listed = stream_from_folders(*folders, listen_for=["low"], count=3)
    assert [word.clip for word in listed.words] == ["1"] * 3, "a stream is made of the test clips"
    assert listed.notes[0].startswith("test: 2 of 6 clips")
    with pytest.raises(InputError, match=r"no recordings of words .* \(test: 2 of 6 clips.*--split all"):
        stream_from_folders(*folders, listen_for=["shoe"], count=3)
    (spelt,) = {word.word for word in stream_from_folders(*folders, listen_for=["LOW"], count=3).words}
    assert spelt == "LOW"
    trained = stream_from_folders(*folders, listen_for=["low"], count=4, split="train")
    assert {word.clip for word in trained.words} == {"0", "2"}


def test_a_stream_without_talk_is_none(tmp_path, say, babble):
    """It would have no false alarms but those between words."""
    save_wav(tmp_path / "words" / "low" / "a.wav", say("low"))
    save_wav(tmp_path / "speech" / "low" / "b.wav", babble(1, 1.0))
    save_wav(tmp_path / "noise" / "c.wav", babble(2, 2.0))
    words, speech, noise = tmp_path / "words", [tmp_path / "speech"], [tmp_path / "noise"]
    with pytest.raises(InputError, match=r"speech: every recording holds one of the words that are .* left out;"):
        stream_from_folders(words, speech, [], listen_for=["low"], count=1, settings=StreamSettings(snr_db=None))
    save_wav(tmp_path / "speech" / "SAY HIGH" / "b.wav", babble(1, 1.0))
    with pytest.raises(InputError, match=r"speech: training left out none of these recordings; take --held-out 0"):
        stream_from_folders(words, speech, [], listen_for=["low"], count=1, held_out=10**9)
    with pytest.raises(InputError, match=r"noise: training left out none of these recordings; take --held-out 0"):
        stream_from_folders(words, [], noise, listen_for=["low"], count=1, held_out=10**9)


def test_names_of_a_table_that_no_sentence_has_are_told(tmp_path, say, babble):
    save_wav(tmp_path / "words" / "low" / "a.wav", say("low"))
    save_wav(tmp_path / "speech" / "SAY NOTHING" / "b.wav", babble(1, 9.0))
    folders = tmp_path / "words", [tmp_path / "speech"], []
    no_noise = StreamSettings(snr_db=None)
    for said, notes in (({"b": "nothing"}, ()), ({"b": "nothing", "c": ""}, ("1 of 2 names in the transcripts are",))):
        stream = stream_from_folders(*folders, listen_for=["low"], count=1, said=said, settings=no_noise)
        assert tuple(note[:35] for note in stream.notes[1:]) == notes
    with pytest.raises(InputError, match="none of the names"):
        stream_from_folders(*folders, listen_for=["low"], count=1, said={"c": "low"}, settings=no_noise)


def held(parts: int, *, out: bool, beside: int = 0) -> list[str]:
    """Names of recordings that training holds out as one part in `parts`, or not; none of those for `beside`."""
    names = map(str, range(200))
    return [name for name in names if held_out("", name, parts) == out and not held_out("", name, beside)][:3]


def test_what_training_learnt_from_is_in_no_stream(tmp_path, say, babble):
    """Of noise it learns from half of what is as much speech held out."""
    save_wav(tmp_path / "words" / "low" / "a.wav", say("low"))
    for name in (*held(3, out=True), *held(3, out=False)):
        save_wav(tmp_path / "speech" / f"{name}.wav", babble(1, 4.0))
    for name in held(3, out=True, beside=6):
        save_wav(tmp_path / "noise" / f"{name}.wav", babble(1, 4.0))
    learnt, kept = held(3, out=False), held(3, out=True)
    (tmp_path / "speech" / "1.trans.txt").write_text(f"{kept[0]} SAY LOW\n{learnt[0]} SAY LOW\n")
    words, speech, noise = tmp_path / "words", [tmp_path / "speech"], [tmp_path / "noise"]
    settings = StreamSettings(snr_db=None, tail_s=0)
    stream = stream_from_folders(words, speech, [], listen_for=["low"], count=1, held_out=3, settings=settings)
    assert 8 < stream.seconds < 8 + 3
    assert "sentences left out for a word that they contain: 1" in stream.notes
    with pytest.raises(InputError, match=r"noise: training left out none of these recordings"):
        stream_from_folders(words, speech, noise, listen_for=["low"], count=1, held_out=3)


def test_the_seed_draws_the_words_and_the_speech(tmp_path, say, babble):
    for n in range(9):
        save_wav(tmp_path / "words" / "low" / f"{n}.wav", say("low"))
        save_wav(tmp_path / "speech" / f"{n}.wav", babble(n, 3.0 + n))
    clips, lengths = set(), set()
    for seed in range(3):
        settings = StreamSettings(snr_db=None, pause_s=(0.5, 0.5), seed=seed)
        folders = tmp_path / "words", [tmp_path / "speech"], []
        stream = stream_from_folders(*folders, listen_for=["low"], count=1, hours=1 / 3600, settings=settings)
        clips.add(stream.words[0].clip)
        lengths.add(round(stream.seconds))
    assert len(clips) > 1
    assert len(lengths) > 1


def test_a_label_that_a_machine_gave_is_no_word_of_a_stream(tmp_path, say, babble):
    packed = tmp_path / "words"
    rows = ["file\tclip\tlabel\tspeaker\tstart\tlength"]
    for name in ("low", "low-inferred"):
        save_wav(packed / f"{name}.wav", say("low"))
        rows.append(f"{name}.wav\t{name}\tlow\t\t0\t16000")
    (packed / "index.tsv").write_text("\n".join(rows) + "\n")
    save_wav(tmp_path / "speech" / "a.wav", babble(1, 4.0))
    no_noise = StreamSettings(snr_db=None)
    stream = stream_from_folders(packed, [tmp_path / "speech"], [], listen_for=["low"], count=4, settings=no_noise)
    assert {word.clip for word in stream.words} == {"low"}


def test_of_a_long_recording_no_more_is_taken_than_was_asked_for(tmp_path, say, babble):
    save_wav(tmp_path / "words" / "low" / "a.wav", say("low"))
    save_wav(tmp_path / "speech" / "a.wav", np.concatenate([babble(n, 5.0) for n in range(11)]))
    folders = tmp_path / "words", [tmp_path / "speech"], []
    no_noise = StreamSettings(snr_db=None)
    stream = stream_from_folders(*folders, listen_for=["low"], count=1, hours=8 / 3600, settings=no_noise)
    assert 10 < stream.seconds < 20 + 3 + 2

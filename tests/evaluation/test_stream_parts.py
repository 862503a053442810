from __future__ import annotations

import pytest

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

"""Which recordings hold none of the words, and what is told of those that are left out."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.errors import InputError
from kwsd.evaluation.negatives import find_negatives
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.selection import kept_back
from kwsd.samples import RATE


def test_sentences_with_a_word_are_left_out_by_their_transcripts(tmp_path, babble):
    save_wav(tmp_path / "all.wav", babble(1, 3.0))
    rows = ["file\tclip\tlabel\tspeaker\tstart\tlength"]
    rows += [f"all.wav\t{n}\t{label}\t\t{n * 16000}\t16000" for n, label in enumerate(("GO HOME", "NOW", "dog"))]
    (tmp_path / "index.tsv").write_text("\n".join(rows) + "\n")
    kept, notes = find_negatives(tmp_path, ["go", "dog"])
    assert [recording.label for recording in kept] == ["NOW"]
    assert len(notes) == 1
    kept, notes = find_negatives(tmp_path, ["go", "dog"], transcribed=False)  # sounds: a dog barks
    assert (len(kept), notes) == (3, ())
    with pytest.raises(InputError, match="every recording holds one of the words"):
        find_negatives(tmp_path, ["go", "now", "dog"])


def test_a_file_that_is_no_audio_is_left_out_and_told(tmp_path, babble, caplog):
    save_wav(tmp_path / "x.wav", babble(1, 1.0))
    (tmp_path / "empty.wav").touch()
    kept, _ = find_negatives(tmp_path, ["low"])
    assert [recording.name for recording in kept] == ["x"]
    assert "empty.wav" in caplog.text


def test_folders_of_any_depth(tmp_path, babble):
    save_wav(tmp_path / "low" / "x.wav", babble(1, 1.0))
    save_wav(tmp_path / "deep" / "er" / "y.wav", babble(1, 1.0))
    kept, _ = find_negatives(tmp_path, ["low"])
    assert [(recording.name, recording.length) for recording in kept] == [("y", RATE)]
    with pytest.raises(InputError, match="no such file or folder"):
        find_negatives(tmp_path / "none", [])


def test_a_folders_name_is_no_transcript(tmp_path, babble):
    save_wav(tmp_path / "not_low" / "x.wav", babble(1, 1.0))
    kept, (note,) = find_negatives(tmp_path, ["low"])
    assert (len(kept), note) == (1, "sentences without a transcript, where an alarm may be a true one: 1")
    assert find_negatives(tmp_path, ["low"], said={"x": "well"})[1] == ()
    assert find_negatives(tmp_path, ["low"], transcribed=False)[1] == ()
    with pytest.raises(InputError, match="every recording holds one of the words"):
        find_negatives(tmp_path, ["low"], said={"x": "how low"})


def test_librispeechs_transcripts_beside_the_recordings_are_read(tmp_path, babble):
    for name in ("a", "b"):
        save_wav(tmp_path / "19" / "198" / f"{name}.wav", babble(1, 1.0))
    (tmp_path / "19" / "198" / "19-198.trans.txt").write_text("a HOW LOW\nb HOW HIGH\n")
    kept, (note,) = find_negatives(tmp_path, ["low"])
    assert [recording.name for recording in kept] == ["b"]
    assert note == "sentences left out for a word that they contain: 1"


def test_one_file_is_enough(tmp_path, babble):
    save_wav(tmp_path / "talk.wav", babble(1, 1.0))
    assert len(find_negatives(tmp_path / "talk.wav", ["low"])[0]) == 1


def test_notes_are_on_what_is_heard(tmp_path, babble):
    for number in range(12):
        save_wav(tmp_path / f"{number}.wav", babble(number, 1.0))
    kept, (note,) = find_negatives(tmp_path, ["low"], held_out=3)
    assert 0 < len(kept) < 12
    assert note.endswith(f"where an alarm may be a true one: {len(kept)}")


def test_of_noise_half_as_much_was_held_out_as_of_speech(tmp_path):
    for number in range(60):
        save_wav(tmp_path / f"{number}.wav", np.full(1_600, number, np.int16))
    every, _ = find_negatives(tmp_path, [])
    for noise in (True, False):
        found, _ = find_negatives(tmp_path, [], transcribed=not noise, held_out=3)
        assert found == kept_back(every, 3, noise=noise)
    assert kept_back(every, 3, noise=True) != kept_back(every, 3)


def test_names_of_a_table_that_no_recording_has_are_told(tmp_path, babble):
    for name in "abc":
        save_wav(tmp_path / f"{name}.wav", babble(1, 0.5))
    assert len(find_negatives(tmp_path, ["low"], said={"a": "hello", "b": "", "c": "well"})[1]) == 1
    _, notes = find_negatives(tmp_path, ["low"], said={"x": "low", "b": ""})
    assert notes[0] == "1 of 2 names in the transcripts are recordings'"

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kwsd.datasets.recordings import Recording
from kwsd.errors import InputError
from kwsd.evaluation.selection import Sound, at_pauses, draw_words, free_of, kept_back, lasting, notes_on, up_to


def clip(label: str, name: str = "a", speaker: str = "", folder: str = "") -> Recording:
    return Recording(Path(folder) / "x.wav", name, label, speaker, 0, 16000)


def test_sentences_that_hold_a_word_are_left_out_and_unknown_ones_noted():
    clips = [clip("TURN IT ON"), clip("ONLY NOW"), clip(""), clip("GO, HE SAID")]
    kept = free_of(["on", "go"], clips, {})
    notes = notes_on(kept, {}, held=2)
    assert [recording.label for recording in kept] == ["ONLY NOW", ""]
    assert notes == (
        "sentences left out for a word that they contain: 2",
        "sentences without a transcript, where an alarm may be a true one: 1",
    )
    assert free_of(["yes"], [clip("TURN IT ON")], {}) == [clip("TURN IT ON")]
    assert notes_on([clip("TURN IT ON")], {}, held=0) == ()


def test_a_word_that_is_a_phrase_is_found_in_what_is_said():
    clips = [clip("PLEASE TURN ON THE LIGHT"), clip("ON YOUR TURN")]
    for phrase in ("turn_on", "Turn On"):
        assert free_of([phrase], clips, {}) == clips[1:]


def test_a_folder_of_a_number_holds_that_word_alone() -> None:
    """Figures are no letters, so that neither a word "3" nor a reader's number has words in it."""
    clips = [clip("", folder="3"), clip("", folder="19")]
    assert free_of(["3"], clips, {}) == clips[1:]


def test_what_a_table_says_of_a_recording_is_its_transcript():
    clips = [clip("", "a"), clip("", "b"), clip("", "c"), clip("2024", "d"), clip("ON IT", "b")]
    said = {"a": "hold on", "b": "hold it", "d": "on we go"}
    kept = free_of(["on"], clips, said)
    assert [recording.name for recording in kept] == ["b", "c"]
    (note,) = notes_on(kept, said, held=0)
    assert note.endswith("where an alarm may be a true one: 1")


def test_words_are_drawn_evenly_and_without_repetition_while_clips_last():
    clips = [clip("yes", f"y{n}") for n in range(50)] + [clip("off", f"o{n}") for n in range(3)]
    drawn = draw_words(clips, 20, seed=1)
    assert Counter(recording.label for recording in drawn) == {"yes": 10, "off": 10}
    assert len({recording.name for recording in drawn if recording.label == "yes"}) == 10
    assert set(Counter(recording.name for recording in drawn if recording.label == "off").values()) == {3, 4}
    assert drawn == draw_words(clips, 20, seed=1) != draw_words(clips, 20, seed=2)
    assert len(draw_words(clips, 3)) == 3


def test_another_seed_draws_other_clips_and_other_words_first() -> None:
    clips = [clip(word, f"{word}-{n}") for word in ("off", "yes") for n in range(50)]
    one, other = ({recording.name for recording in draw_words(clips, 20, seed=seed)} for seed in (1, 2))
    assert one != other
    assert {draw_words(clips, 1, seed=seed)[0].label for seed in range(10)} == {"off", "yes"}


def test_speech_is_drawn_until_it_lasts_long_enough() -> None:
    clips = [clip("", f"{n}") for n in range(60)]
    drawn = up_to(clips, 10 / 3600, seed=1)
    assert len({recording.name for recording in drawn}) == len(drawn) == 10
    assert drawn == up_to(clips, 10 / 3600, seed=1) != up_to(clips, 10 / 3600, seed=2)
    assert drawn != clips[:10]
    assert len(up_to(clips, 10.5 / 3600)) == 11
    assert {recording.name for recording in up_to(clips, 1)} == {recording.name for recording in clips}


def test_no_words_to_draw():
    with pytest.raises(InputError, match="no recordings of words"):
        draw_words([], 3)


def test_what_training_kept_back():
    clips = [clip("", f"n-{n}", speaker=f"s{n}") for n in range(60)]
    kept = kept_back(clips, 3)
    assert 5 < len(kept) < 35
    assert kept_back(clips, 0) == clips
    quiet = kept_back(clips, 3, noise=True)  # one part in six
    assert 0 < len(quiet) < len(kept)
    assert kept_back(clips, 0, noise=True) == clips


def test_long_speech_is_cut_where_it_is_quiet():
    talk = np.random.default_rng(1).integers(-9000, 9000, 50 * 16000).astype(np.int16)
    talk[13 * 16000 : 13 * 16000 + 4000] = 0
    pieces = at_pauses(Sound("", "talk", talk))
    assert np.concatenate([piece.samples for piece in pieces]).tolist() == talk.tolist()
    assert 13 * 16000 < len(pieces[0].samples) < 13.25 * 16000
    assert all(len(piece.samples) <= 40 * 16000 for piece in pieces)
    assert len(at_pauses(Sound("", "short", talk[: 30 * 16000]))) == 1
    assert len(lasting(pieces, 1 / 3600)) == 1
    assert len(lasting(pieces, 1)) == len(pieces)

"""Recordings are decoded once, and again when they, or what is said of them, have changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.datasets.recordings import find_sounds
from kwsd.errors import InputError
from kwsd.training.corpus import Corpus, all_seconds, decode, join, said

HEAD = "file\tclip\tlabel\tspeaker\tstart\tlength\n"


def test_a_corrected_index_is_believed(tmp_path: Path) -> None:
    folder, cache = tmp_path / "clips", tmp_path / "cache"
    folder.mkdir()
    soundfile.write(folder / "all.wav", np.zeros(32_000, np.int16), 16_000)
    index = folder / "index.tsv"
    index.write_text(HEAD + "all.wav\ta\ton\t\t0\t16000\nall.wav\tb\toff\t\t16000\t16000\n")
    assert decode([folder], cache).labels.tolist() == ["on", "off"]
    index.write_text(HEAD + "all.wav\ta\toff\tann\t0\t16000\nall.wav\tb\toff\tben\t16000\t16000\n")
    again = decode([folder], cache)
    assert again.labels.tolist() == ["off", "off"]
    assert again.speakers.tolist() == ["ann", "ben"]


def test_a_clip_that_begins_elsewhere_is_decoded_anew(tmp_path: Path) -> None:
    folder, cache = tmp_path / "clips", tmp_path / "cache"
    folder.mkdir()
    soundfile.write(folder / "all.wav", np.arange(20_000, dtype=np.int16), 16_000)
    for start in (0, 4_000):
        (folder / "index.tsv").write_text(f"{HEAD}all.wav\ta\ton\t\t{start}\t16000\n")
        assert decode([folder], cache).clip(0)[0] == start


def test_a_clip_that_is_a_little_shorter_than_its_index_says_moves_no_other_one(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, name in enumerate(("a.wav", "b.wav"), start=1):
        soundfile.write(folder / name, np.full(16_000, number, np.int16), 16_000)
    (folder / "index.tsv").write_text(f"{HEAD}a.wav\ta\ton\t\t0\t16800\nb.wav\tb\toff\t\t0\t16000\n")
    corpus = decode([folder], tmp_path / "cache")
    assert [corpus.clip(row).tolist() for row in (0, 1)] == [[1] * 16_000, [2] * 16_000]
    twice = join(corpus, corpus)
    assert [int(twice.clip(row)[0]) for row in range(4)] == [1, 2, 1, 2]


def test_the_seconds_of_a_clip_lie_half_a_second_apart_within_it(tmp_path: Path) -> None:
    for name, length in (("a", 100), ("b", 16_000), ("c", 31_999)):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(length, np.int16), 16_000)
    rows, starts = all_seconds(decode([tmp_path], tmp_path / "cache", find=find_sounds))
    assert rows.tolist() == [0, 1, 1, 2, 2, 2]
    assert starts.tolist() == [0, 0, 8_000, 0, 8_000, 16_000]


def test_clips_that_change_places_are_decoded_anew(tmp_path: Path) -> None:
    """Swapped files have the old names, sizes and sum of sizes."""
    folder, cache = tmp_path / "clips", tmp_path / "cache"
    places = [folder / label / "a.wav" for label in ("off", "on")]
    for loudness, place in enumerate(places, start=1):
        place.parent.mkdir(parents=True)
        soundfile.write(place, np.full(16_000, loudness, np.int16), 16_000)
        os.utime(place, ns=(loudness, loudness))
    assert [decode([folder], cache).clip(row)[0] for row in (0, 1)] == [1, 2]
    places[0].rename(tmp_path / "aside.wav")
    places[1].rename(places[0])
    (tmp_path / "aside.wav").rename(places[1])
    again = decode([folder], cache)
    assert again.labels.tolist() == ["off", "on"]
    assert [again.clip(row)[0] for row in (0, 1)] == [2, 1]


def test_a_word_is_said_in_a_transcript_however_it_is_written() -> None:
    labels, names, nothing = np.array(["GO DOWN, HE SAID", "no"]), np.array(["a", "b"]), np.zeros(2, np.int64)
    speech = Corpus(np.zeros(0, np.int16), labels, names, names, nothing, nothing, nothing)
    found = said(speech, ["down", "turn_on", "know"], {"b": "Please turn on!"}, {"know": "no"})
    assert found.tolist() == [[True, False, False], [False, True, True]]


def test_what_was_decoded_is_not_decoded_again(tmp_path: Path) -> None:
    folder, cache = tmp_path / "clips", tmp_path / "cache"
    (folder / "on").mkdir(parents=True)
    soundfile.write(folder / "on" / "a.wav", np.full(16_000, 77, np.int16), 16_000)
    told: list[tuple[int, int]] = []
    for _ in range(2):
        corpus = decode([folder], cache, lambda done, total: told.append((done, total)))
        assert (corpus.clip(0) == 77).all()
    assert told == [(1, 1)]


def test_what_an_earlier_version_took_for_speech_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "on").mkdir()
    soundfile.write(tmp_path / "on" / "a.wav", np.full(16_000, 77, np.int16), 16_000)
    told: list[int] = []
    for version in (1, 2):
        monkeypatch.setattr("kwsd.training.corpus._EXTENTS", version)
        decode([tmp_path], tmp_path / "cache", lambda done, _: told.append(done))
    assert told == [1, 1]


def test_a_file_that_an_index_names_and_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "index.tsv").write_text(HEAD + "gone.wav\ta\ton\t\t0\t16000\n")
    with pytest.raises(InputError, match=r"gone\.wav: No such file or directory, but an index\.tsv names it"):
        decode([tmp_path], tmp_path / "cache")


def test_sentences_need_no_label(tmp_path: Path) -> None:
    """A folder's name is no transcript."""
    (tmp_path / "talk").mkdir()
    soundfile.write(tmp_path / "talk" / "a.wav", np.zeros(1600, np.int16), 16_000)
    soundfile.write(tmp_path / "b.wav", np.zeros(1600, np.int16), 16_000)
    corpus = decode([tmp_path], tmp_path / "cache", find=find_sounds)
    assert corpus.names.tolist() == ["b", "a"]
    assert corpus.labels.tolist() == ["", ""]


@pytest.mark.parametrize(
    ("name", "left"), [("clips.npz", 0), ("clips.npz", 40), ("samples.int16", 0), ("samples.int16", 9)]
)
def test_what_a_power_cut_left_of_it_is_decoded_anew(tmp_path: Path, name: str, left: int) -> None:
    folder, cache = tmp_path / "clips", tmp_path / "cache"
    (folder / "on").mkdir(parents=True)
    soundfile.write(folder / "on" / "a.wav", np.full(16_000, 77, np.int16), 16_000)
    decode([folder], cache)
    (part,) = cache.glob(f"*/{name}")
    os.truncate(part, left)
    again = decode([folder], cache)
    assert (again.clip(0) == 77).all()
    assert len(again.clip(0)) == 16_000


def damaged(path: Path) -> None:
    """A second of noise whose header is whole, but of which half is gone."""
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000)
    os.truncate(path, path.stat().st_size // 2)


def test_a_damaged_recording_does_not_cost_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "on").mkdir()
    for name in ("a.wav", "c.wav"):
        soundfile.write(tmp_path / "on" / name, np.full(16_000, 77, np.int16), 16_000)
    damaged(tmp_path / "on" / "b.flac")
    corpus = decode([tmp_path], tmp_path / "cache")
    assert corpus.names.tolist() == ["a", "c"]
    assert (corpus.clip(1) == 77).all()
    assert f"left out: {tmp_path / 'on' / 'b.flac'}: damaged" in caplog.text


def test_three_damaged_recordings_are_not_too_many(tmp_path: Path) -> None:
    (tmp_path / "on").mkdir()
    soundfile.write(tmp_path / "on" / "a.wav", np.full(1_600, 77, np.int16), 16_000)
    for number in range(3):
        damaged(tmp_path / "on" / f"bad{number}.flac")
    assert decode([tmp_path], tmp_path / "cache").names.tolist() == ["a"]


@pytest.mark.parametrize(("whole", "others"), [(0, 1), (1, 4)])
def test_too_many_damaged_recordings_are_told_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, whole: int, others: int
) -> None:
    (tmp_path / "on").mkdir()
    for number in range(whole):
        soundfile.write(tmp_path / "on" / f"{number}.wav", np.full(1_600, 77, np.int16), 16_000)
    for number in range(others):
        damaged(tmp_path / "on" / f"bad{number}.flac")
    with pytest.raises(InputError, match=f"{others} of {whole + others} recordings cannot be read; repair or remove"):
        decode([tmp_path], tmp_path / "cache")
    assert caplog.text.count("left out: ") == others
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_damaged_file_of_many_clips_is_not_left_out(tmp_path: Path) -> None:
    damaged(tmp_path / "all.flac")
    lines = [f"all.flac\t{number}\ton\t\t{number * 4000}\t4000\n" for number in range(4)]
    (tmp_path / "index.tsv").write_text(HEAD + "".join(lines))
    with pytest.raises(InputError, match=r"all\.flac: damaged"):
        decode([tmp_path], tmp_path / "cache")

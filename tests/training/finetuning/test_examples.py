"""What windows are cut from: a clip gives one, a long recording of what is no word gives many."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.endpointing import speech_extent
from kwsd.datasets.layouts import Clip
from kwsd.evaluation.output_files import save_wav
from kwsd.labels import SILENCE, UNKNOWN
from kwsd.training.finetuning.examples import Example, Examples, Kind, cut, examples_of, in_turn
from kwsd.training.finetuning.labelled import Labelled
from kwsd.training.finetuning.unreadable import Unreadable

LENGTH = 16_000


@pytest.fixture
def talk(tmp_path: Path) -> Labelled:
    """Six clips of each of two words, a long one, a hum, and 20 s of talk: its second n is at level -100 n, every other
    one silent."""

    clips = []
    for word in ("no", "yes"):
        for number in range(6):
            save_wav(tmp_path / word / f"{number}.wav", np.full(LENGTH, 900, np.int16))
            clips.append(Clip(tmp_path / word / f"{number}.wav", word, "train"))
    save_wav(tmp_path / "yes" / "long.wav", np.full(10 * LENGTH, 900, np.int16))
    speech = np.repeat(np.arange(1, 21) * -100, LENGTH).astype(np.int16).reshape(20, LENGTH)
    speech[::2] = 0
    save_wav(tmp_path / "talk.wav", speech.ravel())
    clips += [Clip(tmp_path / "yes" / "long.wav", "yes", "train"), Clip(tmp_path / "talk.wav", UNKNOWN, "train")]
    save_wav(tmp_path / "hum.wav", np.full(3 * LENGTH, 50, np.int16))
    return Labelled(("no", "yes", UNKNOWN, SILENCE), tuple(clips), (tmp_path / "hum.wav",))


def test_a_long_recording_of_no_word_is_many_windows(talk: Labelled) -> None:
    counts = Counter((talk.labels[example.label], example.kind) for example in examples_of(talk, "train", LENGTH))
    assert counts == {
        ("no", Kind.CLIP): 6,
        ("yes", Kind.CLIP): 7,
        (UNKNOWN, Kind.SPEECH): 4,  # as many as a label has clips on average
        (SILENCE, Kind.NOISE): 4,
    }
    assert not examples_of(talk, "test", LENGTH)


def test_all_recordings_of_noise_take_turns(talk: Labelled, tmp_path: Path) -> None:
    """There are four windows of silence in an epoch."""
    noise = tuple(tmp_path / f"noise{number}.wav" for number in range(10))
    data = replace(talk, noise=noise)
    found = examples_of(data, "train", LENGTH)

    def heard(seed: int, *epochs: int) -> list[Path]:
        turns = [example for epoch in epochs for example in in_turn(found, noise, seed, epoch)]
        return [example.path for example in turns if example.kind is Kind.NOISE]

    assert Counter(heard(3, 0, 1, 2, 3, 4)) == dict.fromkeys(noise, 2)
    assert heard(3, 1) == heard(3, 0, 1)[4:]
    assert set(heard(3, 0)) != set(heard(4, 0)) != set(noise[:4])  # neighbours may be alike
    others = [example for example in in_turn(found, noise, 3, 1) if example.kind is not Kind.NOISE]
    assert others == [example for example in found if example.kind is not Kind.NOISE]
    assert in_turn(others, (), 3, 1) == others


def test_many_sentences_are_one_window_each(talk: Labelled, tmp_path: Path) -> None:
    """Else five seconds of each of thousands would drown the words."""
    sentences = tuple(Clip(tmp_path / f"{number}.wav", UNKNOWN, "train") for number in range(40))
    for clip in sentences:
        save_wav(clip.path, np.full(5 * LENGTH, 900, np.int16))
    found = examples_of(replace(talk, clips=talk.clips + sentences), "train", LENGTH)
    assert sum(example.kind is Kind.SPEECH for example in found) == 41


def test_a_recording_that_cannot_be_read_is_told_later(talk: Labelled) -> None:
    talk.clips[-1].path.write_bytes(b"no sound")
    kinds = [example.kind for example in examples_of(talk, "train", LENGTH) if talk.labels[example.label] == UNKNOWN]
    assert kinds == [Kind.CLIP]


def test_talk_is_heard_from_all_over_and_the_same_again(talk: Labelled) -> None:
    chosen = [(n, e) for n, e in enumerate(examples_of(talk, "train", LENGTH)) if e.kind is Kind.SPEECH]

    def heard(epoch: int | None) -> NDArray[np.float32]:
        reader = Examples(LENGTH, 3, Unreadable(1))
        return np.concatenate([windows for windows, *_ in reader.batches(chosen, 2, epoch)])

    windows = np.concatenate([heard(epoch) for epoch in range(20)])
    seconds = set(np.round(windows.min(axis=1) * 32_768 / -100).astype(int).tolist())
    assert len(seconds - {0}) >= 8  # of the ten in which somebody speaks
    assert (windows.min(axis=1) < 0).mean() > 0.9
    assert np.array_equal(heard(1), windows[4:8])
    assert np.array_equal(heard(None), heard(None))
    assert not np.array_equal(heard(None), windows[:4])  # what is measured on is not what the first epoch heard


@pytest.mark.parametrize("kind", [Kind.SPEECH, Kind.NOISE])
def test_what_lasts_minutes_is_not_decoded_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    path = tmp_path / "talk.wav"
    save_wav(path, np.random.default_rng(5).integers(-900, 900, 90 * LENGTH).astype(np.int16))
    chosen = [(number, Example(path, 0, kind)) for number in range(6)]

    def heard() -> NDArray[np.float32]:
        return np.concatenate([windows for windows, *_ in Examples(LENGTH, 3, Unreadable(1)).batches(chosen, 2, 1)])

    monkeypatch.setattr("kwsd.training.finetuning.examples._MOST_DECODED", 100 * LENGTH)
    whole = heard()
    monkeypatch.undo()
    monkeypatch.setattr("kwsd.training.finetuning.examples.read_clip", None)
    assert np.array_equal(heard(), whole)


def test_a_long_recording_whose_header_promises_too_much_is_sound_all_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "talk.wav"
    save_wav(path, np.random.default_rng(1).integers(800, 1000, 90 * LENGTH).astype(np.int16))
    monkeypatch.setattr("kwsd.training.finetuning.examples.clip_length", lambda _: 3600 * LENGTH)
    chosen = [(number, Example(path, 0, Kind.SPEECH)) for number in range(20)]
    reader = Examples(LENGTH, 3, Unreadable(1))
    windows = np.concatenate([windows for windows, *_ in reader.batches(chosen, 4, 0)])
    assert len(windows) == 20
    assert (windows > 0).all()


def test_a_word_is_not_learnt_from_a_muted_microphone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Else it would fire whenever a microphone mutes; silence may be learnt from one."""
    for name, level in (("word", 0), ("offset", 40), ("silence", 0)):
        save_wav(tmp_path / f"{name}.wav", np.full(LENGTH, level, np.int16))
    chosen = [
        (number, Example(tmp_path / f"{name}.wav", label))
        for number, (name, label) in enumerate((("word", 0), ("offset", 0), ("silence", 2)))
    ]
    more = [(3 + number, Example(tmp_path / f"more{number}.wav", 0)) for number in range(5)]
    for _, example in more:  # more than may be unreadable: these are not, and the run goes on
        save_wav(example.path, np.zeros(LENGTH, np.int16))
    talk = (8, Example(tmp_path / "word.wav", 1, Kind.SPEECH))
    reader = Examples(LENGTH, 3, Unreadable(1), silence=2)
    ((windows, labels, of),) = reader.batches([*chosen, *more, talk], 16, 0)
    assert (len(windows), labels.tolist(), of) == (1, [2], 9)
    assert caplog.text.count("holds no sound, as from a muted microphone; record it again") == 7


def test_windows_around_words() -> None:
    samples = np.zeros(32_000, np.int16)
    samples[20_000:24_000] = np.random.default_rng(1).normal(0, 8_000, 4_000).astype(np.int16)
    start, end = speech_extent(samples)
    window = cut(samples, 16_000, None)
    assert window.shape == (16_000,)
    assert abs(np.flatnonzero(window).mean() - 8_000) < 200
    assert end - start < 5_000
    short = cut(np.full(1_000, 16_384, np.int16), 16_000, None)
    assert np.flatnonzero(short).tolist() == list(range(7_500, 8_500))
    moved = {int(np.flatnonzero(cut(samples, 16_000, np.random.default_rng(n)))[0]) for n in range(20)}
    assert len(moved) > 10
    assert max(moved) - min(moved) <= 3_200

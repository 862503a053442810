"""What a batch shows, where in its windows it lies, and that it depends on the seed and the step alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kwsd.labels import SILENCE, UNKNOWN
from kwsd.training.augmentation.sounds import Sounds
from kwsd.training.batches import NONE, Batch, Mined, Mixer, Spared
from kwsd.training.corpus import GRID
from kwsd.training.recipe import Mix

NOTHING = np.zeros((0, 3), np.int64)
PLAIN = Mix(words=1.0, sentences=0.0, cut=0.0, glued=0.0, silence=0.0, noise=0.0, channel=0.0, easy_steps=100)


def mixer(sounds: Sounds, mix: Mix, seed: int = 1) -> Mixer:
    """The fixture's word "0", eight at a time."""
    spared = Spared(np.zeros((1, 1), bool), np.zeros(1, bool))
    return Mixer(sounds, ("0", UNKNOWN, SILENCE), mix, 8, seed, recorded=1, spared=spared)


def test_a_batch_depends_on_the_seed_and_the_step_alone(sounds: Sounds) -> None:
    made = mixer(sounds, PLAIN)
    first = made.batch_at(3, NOTHING).windows
    others = [made.batch_at(4, NOTHING), mixer(sounds, PLAIN, seed=2).batch_at(3, NOTHING)]
    assert not any(np.array_equal(other.windows, first) for other in others)
    assert np.array_equal(mixer(sounds, PLAIN).batch_at(3, NOTHING).windows, first)


def test_a_batch_says_where_the_seconds_that_the_teacher_knows_lie(sounds: Sounds) -> None:
    made = mixer(sounds, PLAIN)
    shifts = set()
    for step in range(10):
        batch = made.batch_at(step, NOTHING)
        assert batch.labels.tolist() == [0] * 8
        for window, second, shift in zip(batch.windows, batch.seconds, batch.shifts, strict=True):
            if second != NONE:
                assert second == 0
                assert np.flatnonzero(np.abs(window) > 0.7 * np.abs(window).max())[0] == 6000 + shift
                shifts.add(int(shift))
    assert len(shifts) > 20


def test_the_seconds_of_sentences_are_numbered_after_those_of_the_words(sounds: Sounds) -> None:
    ramp = np.arange(64_000, dtype=np.int16) // 2
    speech = replace(sounds.speech, samples=np.concatenate([ramp, ramp]), starts=np.array([0, 64_000]))
    two = {name: np.repeat(getattr(speech, name), 2, axis=0) for name in ("labels", "speakers", "names", "cores")}
    speech = replace(speech, lengths=np.array([64_000, 64_000]), **two)
    made = mixer(replace(sounds, speech=speech), replace(PLAIN, words=0.0, sentences=1.0))
    rows = set()
    for step in range(10):
        batch = made.batch_at(step, NOTHING)
        for second, shift in zip(batch.seconds, batch.shifts, strict=True):
            if second != NONE:
                assert abs(shift) <= GRID  # the nearest one
                assert 1 <= second < 1 + 8 + 8  # one word, then eight seconds of each sentence
                rows.add((int(second) - 1) // 8)
    assert rows == {0, 1}


def test_scenes_grow_hard_after_the_easy_steps(sounds: Sounds) -> None:
    made = mixer(sounds, replace(PLAIN, easy_steps=100, ramp_steps=50))
    assert [made.hardness(step) for step in (0, 100, 125, 150, 900)] == [0, 0, 0.5, 1, 1]


def test_words_are_drawn_by_the_root_of_their_clips_and_rare_ones_as_if_they_had_more(sounds: Sounds) -> None:
    labels = np.repeat(["common", "rare", "seldom"], [400, 4, 16])
    one = {name: np.repeat(getattr(sounds.words, name), 420, axis=0) for name in ("speakers", "names", "starts")}
    words = replace(
        sounds.words, labels=labels, lengths=np.full(420, 16_000), cores=np.tile([[6000, 9000]], (420, 1)), **one
    )
    spared = Spared(np.zeros((1, 3), bool), np.zeros(420, bool))
    names = ("common", "rare", "seldom", UNKNOWN, SILENCE)
    mix = replace(PLAIN, rare_floor=16)
    made = Mixer(replace(sounds, words=words), names, mix, 8, 1, recorded=420, spared=spared)
    assert made.chances.tolist() == pytest.approx([20 / 28, 4 / 28, 4 / 28])


def test_a_fault_while_batches_are_made_ends_the_run(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    made = mixer(sounds, PLAIN)

    def broken(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(made, "batch_at", broken)
    with pytest.raises(MemoryError):
        next(made.stream(range(7, 9), NOTHING))


def test_no_batch_is_made_for_a_run_that_has_ended(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    made, steps, real = mixer(sounds, PLAIN), [], Mixer.batch_at

    def counted(step: int, mined: Mined) -> Batch:
        steps.append(step)
        return real(made, step, mined)

    monkeypatch.setattr(made, "batch_at", counted)
    stream = made.stream(range(200), NOTHING)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(steps) < 20
    assert not any(thread.name.startswith("kwsd-batches") for thread in threading.enumerate())

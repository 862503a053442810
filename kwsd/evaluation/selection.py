"""Selects recordings: those that a stream is built from, and those that hold none of the words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.datasets.held_out import held_out
from kwsd.datasets.loading import load
from kwsd.datasets.recordings import OnUnreadable, Recording
from kwsd.datasets.transcripts import says, sentence
from kwsd.errors import InputError
from kwsd.labels import folded
from kwsd.samples import RATE

_PIECE, _LONG, _PAUSE = 10 * RATE, 40 * RATE, RATE // 5


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A decoded recording, (n,) int16, under a label and a name."""

    label: str
    name: str
    samples: NDArray[np.int16]


def sounds(recordings: Iterable[Recording], unreadable: OnUnreadable | None = None) -> list[Sound]:
    """Decode recordings.

    For one that cannot be read, `unreadable` is called and it is left out; without `unreadable`, InputError is raised.
    """
    return [Sound(recording.label, recording.name, samples) for recording, samples in load(recordings, unreadable)]


def at_pauses(sound: Sound) -> list[Sound]:
    """Split a long recording at pauses: pieces of 10 to 20 s are cut off while more than 40 s are left."""
    pieces, rest = [], sound.samples
    while len(rest) > _LONG:
        energy = np.square(rest[_PIECE : 2 * _PIECE].astype(np.float64))
        quiet = np.convolve(energy, np.ones(_PAUSE), "valid").argmin() + _PAUSE // 2
        pieces.append(rest[: _PIECE + int(quiet)])
        rest = rest[len(pieces[-1]) :]
    return [Sound(sound.label, sound.name, samples) for samples in (*pieces, rest)]


def lasting(sounds: Sequence[Sound], hours: float) -> list[Sound]:
    """The first sounds, until they last `hours` in all; at least one."""
    ends = np.cumsum([len(sound.samples) for sound in sounds])
    return list(sounds[: 1 + int(np.searchsorted(ends, hours * 3600 * RATE))])


def free_of(
    words: Collection[str], recordings: Sequence[Recording], said: Mapping[str, str], where: str = "here"
) -> list[Recording]:
    """The recordings whose transcript holds none of `words`, or that have no transcript (see `notes_on`).

    One without a transcript counts as holding the word that its folder is named after. Raises InputError, which names
    `where` they lie, if every recording holds one of the words.
    """
    names = {folded(word) for word in words}
    phrases = [sentence(word) for word in words]

    def holds_one(recording: Recording) -> bool:
        spoken, folder = sentence(_transcript(recording, said)), recording.path.parent.name
        if not spoken:
            return folded(folder) in names or (sentence(folder) or None) in phrases
        return any(says(spoken, phrase) for phrase in phrases)

    free = [recording for recording in recordings if not holds_one(recording)]
    if recordings and not free:
        what = f"{where}: every recording holds one of the words that are listened for or to be left out;"
        raise InputError(what, "name another folder")
    return free


def notes_on(taken: Sequence[Recording], said: Mapping[str, str], *, held: int) -> tuple[str, ...]:
    """Notes on the sentences that are `taken`; `held` others were left out because they hold a word."""
    unknown = sum(not _transcript(recording, said).strip() for recording in taken)
    notes = []
    if held:
        notes.append(f"sentences left out for a word that they contain: {held}")
    if unknown:
        notes.append(f"sentences without a transcript, where an alarm may be a true one: {unknown}")
    return tuple(notes)


def _transcript(recording: Recording, said: Mapping[str, str]) -> str:
    """A recording's label, and the entry of `said` for its name."""
    return f"{recording.label} {said.get(recording.name, '')}"


def draw_words(recordings: Sequence[Recording], count: int, seed: int = 0) -> list[Recording]:
    """Draw `count` clips in random order, every word equally often, up to one.

    All clips of a word are used before one is used again. Raises InputError if there are no recordings.
    """
    if not recordings:
        raise InputError("no recordings of words to put into the stream")
    rng = np.random.default_rng([seed, 1])
    by_word: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_word.setdefault(recording.label, []).append(recording)
    decks: dict[str, list[Recording]] = {word: [] for word in by_word}
    drawn: list[Recording] = []
    while len(drawn) < count:
        for word in rng.permutation(sorted(by_word))[: count - len(drawn)]:
            deck = decks[str(word)]
            if not deck:
                clips = by_word[str(word)]
                deck += [clips[i] for i in rng.permutation(len(clips))]
            drawn.append(deck.pop())
    return drawn


def kept_back(
    recordings: Sequence[Recording], parts: int, where: str = "here", *, noise: bool = False
) -> list[Recording]:
    """The recordings that training held out, if it held out one part in `parts`; all of them for 0.

    Of `noise`, training holds out half as much (see `kwsd.training.prepare`). Raises InputError, which names `where`
    they lie, if it held out none of them.
    """
    parts *= 2 if noise else 1
    kept = [recording for recording in recordings if parts <= 0 or held_out(recording.speaker, recording.name, parts)]
    if recordings and not kept:
        raise InputError(f"{where}: training left out none of these recordings; take --held-out 0 for all of them")
    return kept


def up_to(recordings: Sequence[Recording], hours: float, seed: int = 0) -> list[Recording]:
    """Recordings in random order, until they last `hours` in all; all of them if they last less."""
    rng = np.random.default_rng([seed, 3])
    chosen: list[Recording] = []
    left = hours * 3600 * RATE
    for index in rng.permutation(len(recordings)):
        if left <= 0:
            break
        chosen.append(recordings[index])
        left -= recordings[index].length
    return chosen

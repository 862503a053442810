"""Warnings, before training, of what a model will lack that learns from the given labelled clips."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from heapq import nlargest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.decoding.files import FileSource, clip_length, read_clip
from kwsd.audio.endpointing import speech_extent
from kwsd.errors import InputError
from kwsd.labels import NOISE, SILENCE, UNKNOWN, can_fire, enumerated
from kwsd.samples import RATE
from kwsd.shown import first_few, several
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.training.finetuning.labelled import Labelled
from kwsd.training.finetuning.twice import size_of, under_two_labels
from kwsd.training.finetuning.unreadable import is_silent

_ENOUGH = 10
"""The fewest validation clips of a label: with fewer, it is mostly chance which network is the best on them."""

_RUN_ON_S = 10
"""Seconds from which a recording of a word with few clips counts as the word said again and again."""

_LOOKED_AT = 12
"""The most clips of a label that are measured, as each has to be decoded."""

_FEW = 100
"""A label with up to this many clips has all of them searched for speech: among more, some empty ones do little."""

_TALK_S, _SETTLING_S = 120, 5
"""Seconds of a long recording that are heard, and those at its beginning in which a new gate takes noise for speech."""

_SPOKEN = 0.25
"""The least share of the seconds of talk in which the gate is open.

In 24 stretches of 35 s of LibriSpeech, Common Voice and speechocean762, and in the same 30 dB softer, it was open in
0.91 or more; in steady noise (white, pink, a running tap) in 0.2 at most. Dishes or a cat open it as talk does."""

_NAMED = 3
"""The most clips that are named in a line."""

_TOO_LONG = 1.1
"""How many windows long a word is that is taken for too long, in three of four clips.

"turn on the kitchen light" lasts 1.2 s or more in as many, alone and under noise at 0 dB, and "view glass" 0.9 s."""


def doubts(data: Labelled, window: int = RATE) -> Iterator[str]:
    """What the model will probably lack, or cannot be judged by: one line each, with a remedy.

    `window` is how much it hears at once, in samples at 16 kHz.
    """
    if not any(map(can_fire, data.labels)):
        yield f"none of the labels is a word ({enumerated(data.labels)}): nothing that is said will fire"
    if UNKNOWN not in data.labels:
        yield (
            f"there is no {UNKNOWN}: whatever anybody says will be taken for one of the words; put other words and "
            f"speech under that label (a folder {UNKNOWN}), or name the words with --labels: all other clips become it"
        )
    if SILENCE not in data.labels:
        yield (
            f"there is no {SILENCE}: noise will be taken for one of the words; put recordings of noise into a "
            f"folder {NOISE}, or under that label in a table"
        )
    if few := hardly_judged(data):
        some = first_few([f"{label} {count}" for label, count in few], 5)
        yield (
            f"few clips for validation ({some}): too few to choose the best network, so that the last one is kept; "
            f"{_ENOUGH} or more clips of each label are enough"
        )
    total = Counter(clip.label for clip in data.clips)
    for clip in data.clips:
        if can_fire(clip.label) and total[clip.label] < _ENOUGH and (seconds := _length_s(clip.path)) >= _RUN_ON_S:
            yield (
                f"{clip.path}: {seconds:.0f} s, of which one {clip.label!r} is learnt; cut it up, into a clip for "
                "each time that the word is said"
            )
    for label, empty, count in _without_speech(data):
        yield (
            f"{label!r}: in {len(empty)} of {count} clips nobody seems to speak ({first_few(empty, _NAMED)}): what "
            "they hold is learnt as the word; listen to them, and remove them or record them again"
        )
    quiet, count = _without_talk(data)
    if quiet:
        yield (
            f"{UNKNOWN}: in {len(quiet)} of {count} long recordings hardly anybody seems to speak "
            f"({first_few(quiet, _NAMED)}): the words will fire in talk; listen to them, and record people talking"
        )
    if same := list(under_two_labels(data)):
        pairs = [f"{one.path} as {one.label!r} and {two.path} as {two.label!r}" for one, two in same]
        yield (
            f"{several(len(same), 'recording')} under two labels, with the very same contents "
            f"({first_few(pairs, _NAMED)}): learnt as both; remove the copy from the label where it is wrong"
        )
    for label, seconds in _too_long(data, window):
        yield (
            f"{label!r} lasts {seconds:.1f} s, of which the model hears {window / RATE:g} s at once: it will fire at a "
            f"part of it; choose something shorter or, without --add, try --window {seconds + 0.2:.1f}"
        )


def _too_long(data: Labelled, window: int) -> Iterator[tuple[str, float]]:
    """The words that are longer than a window, with their usual length in seconds."""
    clips = data.part("train")
    for label in filter(can_fire, data.labels):
        paths = [clip.path for clip in clips if clip.label == label][:_LOOKED_AT]
        lengths = sorted(found for path in paths if (found := _word_s(path)) is not None)
        if lengths and lengths[len(lengths) // 4] > _TOO_LONG * window / RATE:
            yield label, lengths[len(lengths) // 2]


def _word_s(path: Path) -> float | None:
    """How long the word in a clip lasts; None for a long recording, or one without sound."""
    samples = _sound(path)
    if samples is None:
        return None
    start, end = speech_extent(samples)
    return (end - start) / RATE


def _without_speech(data: Labelled) -> Iterator[tuple[str, list[Path], int]]:
    """The words with clips that the gate of `kwsd listen` does not open for, these clips, and how many clips there are.

    Of 1,112 clips of "alexa", "jarvis" and "view glass" it opened for every one, also 40 dB softer. It
    stayed closed for all clips of pink and white noise, but opens for some other noise.
    """
    for label in filter(can_fire, data.labels):
        paths = [clip.path for clip in data.clips if clip.label == label]
        if len(paths) <= _FEW and (empty := [path for path in paths if _says_nothing(path)]):
            yield label, empty, len(paths)


def _says_nothing(path: Path) -> bool:
    """Whether the gate stays closed; a new one takes noise for speech at first, so it hears the clip twice."""
    samples, gate = _sound(path), Gate(GateSettings())
    if samples is None:
        return False
    gate.feed(samples)
    gate.reset()
    return not gate.feed(samples)


def _without_talk(data: Labelled) -> tuple[list[Path], int]:
    """The long recordings of `_unknown_` in which the gate is mostly closed, and of how many.

    Only the largest files are looked at: there may be a hundred thousand single words beside them."""
    largest = nlargest(_LOOKED_AT, (clip.path for clip in data.clips if clip.label == UNKNOWN), key=size_of)
    heard = sorted(path for path in largest if _length_s(path) >= _RUN_ON_S)
    return [path for path in heard if _hardly_talks(path)], len(heard)


def _hardly_talks(path: Path) -> bool:
    gate, opened = Gate(GateSettings()), list[bool]()
    try:
        for block in itertools.islice(FileSource(path).blocks(), _TALK_S):
            opened.append(gate.feed(block.samples))
            if len(opened) == _SETTLING_S:
                gate.reset()
    except InputError:  # reported when it is read
        return False
    later = opened[_SETTLING_S:]
    return sum(later) < _SPOKEN * len(later)


def _sound(path: Path) -> NDArray[np.int16] | None:
    """The samples of a clip (n,); None for a long recording, or one without sound."""
    if not 0 < _length_s(path) < _RUN_ON_S:
        return None
    try:
        samples = read_clip(path)
    except InputError:  # reported when the clip is read
        return None
    return None if is_silent(samples) else samples


def hardly_judged(data: Labelled) -> list[tuple[str, int]]:
    """The labels with too few validation clips to choose a network by, each with their number, the fewest first.

    Labels without any clips, which kwsd's own networks always have, do not count."""
    counts = Counter(clip.label for clip in data.part("validation"))
    cut = {SILENCE} if data.noise else set()  # as many windows of it are cut from noise as a word has clips
    some = {clip.label for clip in data.clips} - cut
    few = [(label, counts[label]) for label in data.labels if counts[label] < _ENOUGH and label in some]
    return sorted(few, key=lambda entry: entry[1])


def _length_s(path: Path) -> float:
    try:
        return clip_length(path) / RATE
    except InputError:  # reported when the clip is read
        return 0.0

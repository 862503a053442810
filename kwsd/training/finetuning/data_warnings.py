"""What a model will lack that learns from labelled clips, told before it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kwsd.audio.decoding.files import clip_length
from kwsd.errors import InputError
from kwsd.labels import NOISE, SILENCE, UNKNOWN, can_fire, enumerated
from kwsd.samples import RATE
from kwsd.training.finetuning.labelled import Labelled

_ENOUGH = 10
"""Clips of a label for validation: with fewer, it is mostly chance which network is the best on them."""

_RUN_ON_S = 10
"""So long a recording of a word with few clips is one of somebody who says it again and again."""


def doubts(data: Labelled) -> Iterator[str]:
    """What the model will lack, or not be judged by, as it seems: a line each, with what to do about it."""
    if not any(map(can_fire, data.labels)):
        yield f"none of the labels is a word ({enumerated(data.labels)}): nothing that is said will fire"
    if UNKNOWN not in data.labels:
        yield (
            f"there is no {UNKNOWN}: whatever anybody says will be taken for one of the words; put other words and "
            f"speech under that label (a folder {UNKNOWN}), or choose the words with --labels, and the rest is it"
        )
    if SILENCE not in data.labels:
        yield (
            f"there is no {SILENCE}: noise will be taken for one of the words; put recordings of noise into a "
            f"folder {NOISE}, or under that label in a table"
        )
    if few := hardly_judged(data):
        some = ", ".join(f"{label} {count}" for label, count in few[:5]) + (", …" if few[5:] else "")
        yield (
            f"few clips for validation ({some}): the last network is taken, as none can be told to be better; "
            f"{_ENOUGH} or more of each label tell"
        )
    total = Counter(clip.label for clip in data.clips)
    for clip in data.clips:
        if can_fire(clip.label) and total[clip.label] < _ENOUGH and (seconds := _length_s(clip.path)) >= _RUN_ON_S:
            yield (
                f"{clip.path}: {seconds:.0f} s, of which one {clip.label!r} is learnt; cut it up, into a clip for "
                "each time that the word is said"
            )


def hardly_judged(data: Labelled) -> list[tuple[str, int]]:
    """The labels with so few clips for validation that to choose by these would be chance, and with how many; those
    with the fewest first. Labels without any clips, which the network has besides, are not to be judged."""
    counts = Counter(clip.label for clip in data.part("validation"))
    cut = {SILENCE} if data.noise else set()  # there are as many windows of that as of a word
    some = {clip.label for clip in data.clips} - cut
    few = [(label, counts[label]) for label in data.labels if counts[label] < _ENOUGH and label in some]
    return sorted(few, key=lambda entry: entry[1])


def _length_s(path: Path) -> float:
    try:
        return clip_length(path) / RATE
    except InputError:  # told when it is to be heard
        return 0.0

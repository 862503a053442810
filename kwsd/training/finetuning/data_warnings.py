"""Warnings, before training, of what a model will lack that learns from the given labelled clips."""

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
"""The fewest validation clips of a label: with fewer, it is mostly chance which network is the best on them."""

_RUN_ON_S = 10
"""Seconds from which a recording of a word with few clips counts as the word said again and again."""


def doubts(data: Labelled) -> Iterator[str]:
    """What the model will probably lack, or cannot be judged by: one line each, with a remedy."""
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
        some = ", ".join(f"{label} {count}" for label, count in few[:5]) + (", …" if few[5:] else "")
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

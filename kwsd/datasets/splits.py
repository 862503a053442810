"""Which labelled clips are to learn from, to choose by, and to be judged by, where nobody says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from kwsd.datasets.layouts import Clip
from kwsd.datasets.speech_commands import place_of, speaker_of, split_at
from kwsd.labels import plain

ENOUGH = 4
"""Speakers of a label that are left to learn from where one of them goes to validation."""


def divided(clips: Sequence[Clip]) -> list[Clip]:
    """The clips with their splits: those that they came with, else by Speech Commands' rule, a tenth of the speakers
    each for validation and test.

    Of few speakers that may leave a label nobody to learn from, or to choose the network by. Then, where no clip came
    with a split, the one whom the rule has nearest to that goes there with all clips, unless a label would lack them;
    to choose by, one of test goes where no more than `ENOUGH` are left to learn from.
    """
    speakers = _speakers(clips)
    said: dict[str, set[str]] = {}
    for clip, speaker in zip(clips, speakers, strict=True):
        if not clip.split:
            said.setdefault(speaker, set()).add(plain(clip.label))
    splits = {speaker: split_at(place_of(speaker)) for speaker in said}
    if all(not clip.split for clip in clips):
        _mend(splits, said)
    return [
        clip if clip.split else replace(clip, split=splits[speaker])
        for clip, speaker in zip(clips, speakers, strict=True)
    ]


def _speakers(clips: Sequence[Clip]) -> list[str]:
    """Who says each clip: by its name, or by its folder, where clips of one label have that name in several of them, as
    in anna/yes.wav and ben/yes.wav; then anna says all that is in hers."""
    named = Counter((clip.label, clip.path.name) for clip in clips)
    people = {clip.path.parent for clip in clips if named[clip.label, clip.path.name] > 1}

    def speaker(clip: Clip) -> str:
        name = clip.path.name
        unsaid = speaker_of(name) == name
        return clip.path.parent.name if unsaid and clip.path.parent in people else speaker_of(name)

    return [speaker(clip) for clip in clips]


def _mend(splits: dict[str, str], said: Mapping[str, Collection[str]]) -> None:
    """Move speakers in `splits` to where a label lacks them; `said` has each one's labels."""
    order = sorted(said, key=place_of)
    labels = {label: [one for one in order if label in said[one]] for label in sorted(set().union(*said.values()))}

    def of(label: str, split: str) -> list[str]:
        return [one for one in labels[label] if splits[one] == split]

    for label, speakers in labels.items():
        if not of(label, "train"):
            splits[speakers[-1]] = "train"
    for label in labels:
        if of(label, "validation"):
            continue
        learnt = of(label, "train") if len(of(label, "train")) > ENOUGH else []
        spared = [one for one in learnt if all(of(other, "train") != [one] for other in said[one])]
        splits.update(dict.fromkeys((spared or of(label, "test"))[:1], "validation"))

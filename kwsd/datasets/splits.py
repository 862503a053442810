"""Divides labelled clips into training, validation and test where no list or table does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from kwsd.datasets.layouts import Clip
from kwsd.datasets.speech_commands import SPLITS, place_of, speaker_of, split_at
from kwsd.labels import plain

ENOUGH = 4
"""The fewest training speakers of a label that remain where one of them is moved to validation."""


def divided(clips: Sequence[Clip]) -> list[Clip]:
    """The clips with their splits: their own, that of their speaker's other clips, or by Speech Commands' rule.

    Where a speaker's clips are in several splits, training counts first, then validation. If a label has nothing to
    learn from, its clips that came without a split are for training.

    The rule puts a tenth of the speakers each into validation and test. With few speakers, a label may then have none
    in training or validation. If no clip came with a split, the speaker nearest to that split by the rule is moved
    there with all clips. Validation takes a test speaker instead if a label has no more than `ENOUGH` training
    speakers, or would lose its only one.
    """
    speakers = _speakers(clips)
    said: dict[str, set[str]] = {}
    told: dict[str, set[str]] = {}
    for clip, speaker in zip(clips, speakers, strict=True):
        if clip.split:
            told.setdefault(speaker, set()).add(clip.split)
        else:
            said.setdefault(speaker, set()).add(plain(clip.label))
    splits = {speaker: split_at(place_of(speaker)) for speaker in said}
    if not told:
        _mend(splits, said)
    splits |= {speaker: min(some, key=SPLITS.index) for speaker, some in told.items()}
    found = [
        clip if clip.split else replace(clip, split=splits[speaker])
        for clip, speaker in zip(clips, speakers, strict=True)
    ]
    learnt = {plain(clip.label) for clip in found if clip.split == "train"}
    return [
        clip if given.split or plain(clip.label) in learnt else replace(clip, split="train")
        for clip, given in zip(found, clips, strict=True)
    ]


def _speakers(clips: Sequence[Clip]) -> list[str]:
    """The speaker of each clip, by its name or by its folder.

    The folder counts if clips of one label share a name in several, as in anna/yes.wav and ben/yes.wav; then anna is
    the speaker of every clip in hers whose own name has none."""
    named = Counter((clip.label, clip.path.name) for clip in clips)
    people = {clip.path.parent for clip in clips if named[clip.label, clip.path.name] > 1}

    def speaker(clip: Clip) -> str:
        name = clip.path.name
        unsaid = speaker_of(name) == name
        return clip.path.parent.name if unsaid and clip.path.parent in people else speaker_of(name)

    return [speaker(clip) for clip in clips]


def _mend(splits: dict[str, str], said: Mapping[str, Collection[str]]) -> None:
    """Move speakers in `splits` to where a label lacks them; `said` has the labels of each speaker."""
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

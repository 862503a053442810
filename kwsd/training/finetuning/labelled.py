"""Labelled clips to train a classifier on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kwsd.cards.card_file import checksum
from kwsd.datasets.layouts import Clip, table, tree
from kwsd.datasets.splits import divided
from kwsd.errors import InputError
from kwsd.labels import ANY_WORD, SILENCE, UNKNOWN, enumerated, is_printable, plain, spelt, visible


@dataclass(frozen=True, slots=True)
class Labelled:
    """Training data: the labels in the order of the scores, the clips, and recordings of noise."""

    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    noise: tuple[Path, ...]

    def part(self, split: str) -> list[Clip]:
        """The clips of one split."""
        return [clip for clip in self.clips if clip.split == split]

    def completed(self) -> Labelled:
        """This data with the two labels that kwsd's own networks always have at the end: `_unknown_`, `_silence_`."""
        words = [label for label in self.labels if label not in (UNKNOWN, SILENCE)]
        return replace(self, labels=(*words, UNKNOWN, SILENCE))

    def beside(self, known: Sequence[str]) -> Labelled:
        """This data with its labels added to the `known` ones, and spelt as those are; `completed`."""
        clips = tuple(replace(clip, label=spelt(clip.label, known)) for clip in self.clips)
        labels = {spelt(label, known) for label in self.labels}
        return replace(self, labels=tuple(sorted({*labels, *known})), clips=clips).completed()

    def digest(self, root: Path) -> str:
        """A hash of each recording's path below `root`, label, split and size in bytes.

        Neither the place of `root` nor the files' times count, so that data may be moved or copied between the parts of
        a run. See `contents` for what the recordings hold.
        """
        told, root = hashlib.sha256(), root.resolve()
        for clip in (*self.clips, *(Clip(path, SILENCE, "") for path in self.noise)):
            path = clip.path.resolve()
            place = path.relative_to(root) if path.is_relative_to(root) else path
            size = clip.path.stat().st_size if clip.path.is_file() else None
            told.update(repr((str(place), clip.label, clip.split, size)).encode())
        return told.hexdigest()[:16]

    def contents(self) -> str:
        """A hash of what the recordings hold, each once: clips that were recorded again are often as long as before."""
        told = hashlib.sha256()
        for path in dict.fromkeys((*(clip.path for clip in self.clips), *self.noise)):
            told.update(checksum_of(path).encode())
        return told.hexdigest()[:16]


def checksum_of(path: Path) -> str:
    """The checksum of a file, "" for one that cannot be read, which is reported when the clip is learnt."""
    try:
        return checksum(path) if path.is_file() else ""  # a pipe would be waited for
    except OSError:
        return ""


def find_labelled(data: Path, words: Sequence[str] = (), besides: Collection[Path] = ()) -> Labelled:
    """The clips below a folder, or in a CSV or TSV table with the columns file and label (and split).

    With `words`, all other labels become `_unknown_`. Noise (`_background_noise_`) is learnt as `_silence_`. The
    folders `besides` the clips, such as a run's own, are not taken for classes.

    Raises:
        InputError: there is no such place, a class has no clips or none to train on, there are fewer than two classes,
            two differ only in case, a label is one that no model may have, or one of `words` is missing.
    """
    if data.is_file():
        clips, noise = table(data)
    elif data.is_dir():
        clips, noise = tree(data, besides)
    else:
        raise InputError(f"{data}: no such folder or table; name a tree label/clip.wav, or a CSV with file and label")
    clips = [replace(clip, label=plain(clip.label)) for clip in clips]
    words = [plain(word) for word in words]
    here = {clip.label for clip in clips} | ({SILENCE} if noise else set())
    _check_case(here, data)
    rest = {UNKNOWN} if here - set(words) else set()
    missing = [word for word in words if word not in here | rest]
    if missing:
        raise InputError(f"{data} has no clips of {enumerated(missing)}; it has {enumerated(sorted(here)) or 'none'}")
    clips = divided(clips)
    if words:
        kept = {*words, SILENCE}
        clips = [clip if clip.label in kept else replace(clip, label=UNKNOWN) for clip in clips]
    learnt = Counter(clip.label for clip in clips if clip.split == "train")
    bare = sorted({clip.label for clip in clips} - set(learnt))
    if bare:
        raise InputError(f"{data}: {', '.join(bare)}: no clips to train on, all are for validation or test; add some")
    ordered = [label for label in sorted(learnt) if label not in (UNKNOWN, SILENCE)]
    ordered += [label for label in (UNKNOWN, SILENCE) if label in learnt or (label == SILENCE and noise)]
    _check_names(ordered, data)
    if len(ordered) < 2:
        each = "a folder for each, with clips" if data.is_dir() else "lines with another label"
        found = ", ".join(ordered) or "none"
        raise InputError(f"{data}: its classes to train on are: {found}; at least two are needed", each)
    return Labelled(tuple(ordered), tuple(clips), tuple(noise))


def _check_case(labels: Collection[str], data: Path) -> None:
    """Raise InputError for two labels that differ only in case: they are one word."""
    first: dict[str, str] = {}
    for label in sorted(labels):
        other = first.setdefault(label.casefold(), label)
        if other != label:
            raise InputError(f"{data}: the labels {other} and {label} differ in case alone; give the clips one of them")


def _check_names(labels: Sequence[str], data: Path) -> None:
    """Raise InputError for a label that no model may have; otherwise it would be refused only after training."""
    for label in labels:
        if label == ANY_WORD:
            raise InputError(f"{data}: the label {label} stands for any word in [hooks];", "give the clips another")
        if not is_printable(label) or not visible(label).strip():
            what = f"{data}: the label {label!r:.40} is blank, or holds control characters"
            raise InputError(f"{what};", "give the clips another")


def weights_of(learnt: Sequence[str], labels: Sequence[str]) -> list[float]:
    """A weight for each label, inverse to its share of `learnt`, with mean 1 over it; 1 for labels not in it."""
    counts = Counter(learnt)
    known = max(1, len(counts))
    return [len(learnt) / (known * counts[label]) if counts[label] else 1.0 for label in labels]

"""Which labelled clips are scored: a model has heard most of those that it was trained on before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kwsd.datasets.layouts import Clip, table
from kwsd.datasets.recordings import Recording, find_recordings, is_packed, whole
from kwsd.datasets.speech_commands import NOISE, listed
from kwsd.errors import InputError
from kwsd.events import RATE


def clips_of(place: Path, split: str = "") -> tuple[list[Recording], tuple[str, ...]]:
    """The clips of one split, or of "all", with a note on which: of a folder, as `find_recordings` reads it, or of a
    table, as `kwsd.datasets.layouts` does.

    Without a `split` the test clips are taken, where Speech Commands' lists or a table's column say which they are,
    else all. Noises, minutes long, are of any split, second by second.

    Raises:
        InputError: there is nothing to read, or no clip is of that split.
    """
    clips, by = _found(place)
    named = bool(by)
    chosen = split or ("test" if named else "all")
    kept = [part for clip, of in clips if chosen in ("all", of) or clip.label == NOISE for part in _seconds(clip)]
    by = by or "the rule of kwsd train"
    if all(clip.label == NOISE for clip in kept):
        raise InputError(f"{place}: none of its clips is for {chosen}, by {by}; --split all takes them all")
    if chosen != "all":
        return kept, (f"{chosen}: {len(kept)} of {len(clips)} clips, by {by} (--split)",)
    heard = not split and not named and not (place.is_dir() and is_packed(place))
    return kept, ("all clips; if kwsd train learnt from them, --split test takes those that it left out",) * heard


def _found(place: Path) -> tuple[list[tuple[Recording, str]], str]:
    """Each clip with its split, and what says so: "" where nothing does, and the splits are those of the rule."""
    if place.is_file():
        labelled, noise = table(place)
        splits = {clip.path: clip.belongs for clip in labelled}
        labels = {clip.path: clip.label for clip in labelled} | dict.fromkeys(noise, NOISE)
        named = any(clip.split for clip in labelled)
        return [(clip, splits.get(clip.path, "")) for clip in whole(labels)], "the table" if named else ""
    clips, lists = find_recordings(place), listed(place)
    if lists:
        return [
            (clip, lists.get(f"{clip.label}/{clip.path.name}", "train")) for clip in clips
        ], "the lists in the folder"
    return [(clip, Clip(_file(clip), clip.label, "").belongs) for clip in clips], ""


def _file(clip: Recording) -> Path:
    """What it is called where it is a file of its own: the rule goes by that."""
    return clip.path if clip.path.stem == clip.name else Path(clip.name)


def _seconds(recording: Recording) -> Iterator[Recording]:
    if recording.label != NOISE or recording.length < 2 * RATE:
        yield recording
        return
    for start in range(recording.start, recording.start + recording.length - RATE + 1, RATE):
        yield replace(recording, name=f"{recording.name}-{start // RATE}", start=start, length=RATE)


def without_inferred(recordings: Sequence[Recording]) -> list[Recording]:
    """Those whose label was not given by a machine (`WORD-inferred.opus`): such clips do not belong in a score."""
    return [clip for clip in recordings if clip.path.stem != f"{clip.label}-inferred"]

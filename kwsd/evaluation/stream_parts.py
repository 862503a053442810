"""Builds a stream from folders of words, of speech that holds none of them, and of noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kwsd.datasets.recordings import OnUnreadable, Recording, find_sounds
from kwsd.datasets.transcripts import check_names
from kwsd.errors import InputError
from kwsd.evaluation.selection import (
    Sound,
    at_pauses,
    draw_words,
    free_of,
    kept_back,
    lasting,
    notes_on,
    sounds,
    up_to,
)
from kwsd.evaluation.splits import Chosen, clips_of, without_inferred
from kwsd.evaluation.stream_builder import StreamSettings, build_stream
from kwsd.evaluation.truth import Stream
from kwsd.labels import can_fire, enumerated, spelt
from kwsd.samples import RATE


def stream_from_folders(
    words: Path,
    speech: Sequence[Path],
    noise: Sequence[Path],
    *,
    listen_for: Sequence[str],
    without: Sequence[str] = (),
    count: int,
    split: str = "",
    hours: float = math.inf,
    held_out: int = 0,
    said: Mapping[str, str] | None = None,
    settings: StreamSettings | None = None,
    unreadable: OnUnreadable | None = None,
) -> Stream:
    """Put `count` clips of the words in `listen_for`, from `words`, into `hours` of speech that holds none of them.

    The speech holds no word of `without` either. The clips are those of one `split` (see `clips_of`). Of speech and
    noise, only what training held out is taken: one part in `held_out`, of noise one in twice that; all for 0. A
    sentence's transcript is its label and the entry of `said` for its name. Long recordings of speech are cut at
    pauses. `find_sounds` reads the folders of speech and noise. A file that cannot be read is left out and `unreadable`
    called; without it, InputError is raised, as for a folder without anything of use.
    """
    chosen, said = settings or StreamSettings(), said or {}
    clips = clips_of(words, split, unreadable)
    spoken = _spoken(clips, listen_for)
    if not spoken:
        if clips.split != "all":
            among = f"({clips.notes[0]}); --split all takes every clip"
            raise InputError(f"{words}: no recordings of words that are listened for {among}")
        others = enumerated(sorted({clip.label for clip in clips.clips if can_fire(clip.label)}), 5) or "none"
        what = f"{words}: no recordings of words that are listened for; it has {others}"
        raise InputError(f"{what};", "name the model that knows them with --model, or other recordings")
    sentences = [clip for folder in speech for clip in find_sounds(folder, unreadable)]
    strange = check_names(said, (clip.name for clip in sentences))
    talking = ", ".join(map(str, speech))
    there = kept_back(sentences, held_out, talking)
    free = free_of((*listen_for, *without), there, said, talking)
    taken = up_to(free, hours, chosen.seed)
    noises = noise if chosen.snr_db is not None else ()
    around = [clip for folder in noises for clip in find_sounds(folder, unreadable)]
    name = "no noise" if chosen.snr_db is None else f"{chosen.snr_db:g} dB"
    talk = sounds(taken, unreadable)
    if taken and not talk:
        raise InputError(f"no recording of {talking} can be read")
    pieces = lasting([piece for sound in talk for piece in at_pauses(sound)], hours)
    stream = build_stream(
        sounds(draw_words(spoken, count, chosen.seed), unreadable),
        pieces,
        sounds(kept_back(around, held_out, ", ".join(map(str, noises)), noise=True), unreadable),
        chosen,
        name=name,
        notes=clips.notes + strange + notes_on(taken, said, held=len(there) - len(free)),
    )
    return replace(stream, notes=stream.notes + _note_on_talk(pieces, stream))


def _note_on_talk(pieces: Sequence[Sound], stream: Stream) -> tuple[str, ...]:
    """A note if at most half of the stream is talk: alarms are counted by the hour, and words give few."""
    talk_s = sum(len(piece.samples) for piece in pieces) / RATE
    if talk_s > stream.seconds / 2:
        return ()
    of = f"{talk_s / 60:.1f} of {stream.seconds / 60:.1f} minutes"
    return (f"talk is {of} alone, so that alarms an hour come out low: add --speech, or take fewer words (--count)",)


def _spoken(clips: Chosen, listen_for: Sequence[str]) -> list[Recording]:
    """The clips of the words in `listen_for`, with labels spelt as there."""
    spelt_alike = (replace(clip, label=spelt(clip.label, listen_for)) for clip in without_inferred(clips.clips))
    return [clip for clip in spelt_alike if clip.label in set(listen_for)]

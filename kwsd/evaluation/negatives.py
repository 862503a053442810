"""Measures how often a model fires in hours of speech or noise that hold none of its words."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.source import Block
from kwsd.classifier import Classifier
from kwsd.datasets.loading import load_parts
from kwsd.datasets.recordings import Recording, find_sounds
from kwsd.datasets.transcripts import check_names
from kwsd.evaluation.left_out import LeftOut
from kwsd.evaluation.negative_report import FalseAlarm, NegativeReport
from kwsd.evaluation.pipeline import windows_of
from kwsd.evaluation.selection import free_of, kept_back, notes_on
from kwsd.evaluation.snippets import Snippets
from kwsd.events import Detection
from kwsd.samples import RATE
from kwsd.spotting.settings import SpottingSettings

PAUSE = 3 * RATE // 10
"""Samples of digital silence between two recordings; they do not count as audio."""

_SNIPPET = 2 * RATE
_PART = 600 * RATE
"""Samples of a recording that are decoded at once: a whole night's recording would take gigabytes."""


def find_negatives(
    folder: Path,
    words: Collection[str],
    *,
    transcribed: bool = True,
    said: Mapping[str, str] | None = None,
    held_out: int = 0,
    unreadable: LeftOut | None = None,
) -> tuple[list[Recording], tuple[str, ...]]:
    """The recordings in `folder` (or one file) that hold none of `words`, with notes on them and on those left out.

    Only recordings that training held out are taken (see `kept_back`). A recording's transcript is its label and the
    entry of `said` for its name; noise, where "dog" labels a bark, has none: pass `transcribed=False`. `unreadable` is
    called for each file that is no audio. Raises InputError if nothing is left.
    """
    said = said or {}
    found = find_sounds(folder, unreadable)
    strange = check_names(said, (recording.name for recording in found))
    there = kept_back(found, held_out, str(folder), noise=not transcribed)
    kept = free_of(words, there, said, str(folder)) if transcribed else there
    return kept, (*strange, *notes_on(kept, said, held=len(there) - len(kept))) if transcribed else ()


class NegativeSource:
    """Plays recordings end to end with a pause after each, decoding at most ten minutes at a time."""

    live = False
    name = "negatives"

    def __init__(self, recordings: Sequence[Recording], unreadable: LeftOut | None = None) -> None:
        self._recordings, self._unreadable = recordings, unreadable
        self._closed = False
        self.starts: list[int] = []
        """The stream position, in samples, at which each of `parts` begins."""
        self.parts: list[Recording] = []
        """The parts of recordings that were read so far; most recordings are a single part."""
        self.recordings = 0
        """The number of recordings begun so far."""
        self.heard = 0
        """The samples read so far, without the pauses."""
        self.reading_s = 0.0
        """Processor seconds spent on decoding so far; listening to a microphone does not have this cost."""

    def blocks(self) -> Iterator[Block]:
        """One block for each part, and the pauses.

        Where a part cannot be read, `unreadable` is called and the recording ends there; without `unreadable`,
        InputError is raised."""
        at, pause = 0, np.zeros(PAUSE, np.int16)
        for recording, start, samples in self._read():
            if self._closed:
                return
            if start == recording.start:
                if self.parts:
                    at += PAUSE
                    yield Block(pause)
                self.recordings += 1
            self.parts.append(replace(recording, start=start, length=len(samples)))
            self.starts.append(at)
            self.heard += len(samples)
            at += len(samples)
            yield Block(samples)
        if self.parts:
            yield Block(pause)

    def _read(self) -> Iterator[tuple[Recording, int, NDArray[np.int16]]]:
        parts = load_parts(self._recordings, self._unreadable, longest=_PART)
        while True:
            began = time.thread_time()
            part = next(parts, None)
            self.reading_s += time.thread_time() - began
            if part is None:
                return
            yield part

    def close(self) -> None:
        """End `blocks()` at its next part."""
        self._closed = True

    def place(self, sample: int) -> int:
        """The index in `parts` of the part that is heard at this sample of the stream."""
        return max(0, bisect_right(self.starts, sample) - 1)


def evaluate_negatives(
    recordings: Sequence[Recording],
    classifier: Classifier,
    settings: SpottingSettings,
    *,
    snippets: Snippets | None = None,
    unreadable: LeftOut | None = None,
    notes: tuple[str, ...] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> NegativeReport:
    """Run all recordings through the daemon's path, as one stream, and list what fires.

    `snippets` gets the two seconds up to each alarm; some may fail to be written, see `Snippets.check`. `progress` is
    called with the samples done and the total. With `unreadable`, a damaged recording is left out from its damage on,
    as long as anything could be read; otherwise InputError is raised.
    """
    source = NegativeSource(recordings, unreadable)
    spotter = settings.spotter(classifier)
    total = sum(recording.length + PAUSE for recording in recordings)
    alarms: list[FalseAlarm] = []
    recent = np.zeros(_SNIPPET, np.int16)
    seen = 0
    began = time.process_time()
    for due in windows_of(source, hop=settings.hop, length=settings.window):
        fired = {event.at: event for event in spotter.feed(due) if isinstance(event, Detection)}
        for each in due:
            recent = np.concatenate([recent, each.samples[-settings.hop :]])[-_SNIPPET:]
            if each.end in fired:
                alarms.append(_alarm(fired[each.end], source, recent, snippets))
        seen += len(due)
        progress(min(due[-1].end, total), total)
    if unreadable is not None and not source.parts:
        unreadable.check()
    length = max(1, source.heard)
    return NegativeReport(
        model=classifier.name,
        recordings=source.recordings,
        seconds=length / RATE,
        gated=settings.gated,
        scored_share=spotter.scored / max(1, seen),
        cpu_per_second=(time.process_time() - began - source.reading_s) * RATE / length,
        alarms=tuple(alarms),
        notes=notes,
        unreadable=unreadable.told if unreadable is not None else (),
    )


def _alarm(
    detection: Detection, source: NegativeSource, recent: NDArray[np.int16], snippets: Snippets | None
) -> FalseAlarm:
    # Located by the middle of the word: by the moment it fires, the next recording may have begun.
    index = source.place((detection.start + detection.end) // 2)
    recording = source.parts[index]
    second = (recording.start + detection.at - source.starts[index]) / RATE
    snippet = snippets.save(recording.name, second, detection.word, recent) if snippets is not None else None
    return FalseAlarm(recording.path, recording.name, second, detection.word, detection.score, snippet)

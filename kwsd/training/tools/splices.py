"""Words that nobody said: the beginning of one and the end of another, by the same speaker, as `_unknown_`.

Run by hand, before training: `python -m kwsd.training.tools.splices FOLDER OUT --count 6000`, where FOLDER holds single
words with their speakers. All other single words that a network learns to leave alone come from other microphones than
its own words do, and it might learn the microphones. These come from the very same ones, and only who hears a word from
its beginning to its end tells them from it. Two words that begin or end with the same phone are not joined, for half of
one and half of the other may be either. The same call writes the same clips. It needs PocketSphinx's dictionary
(`pip install pocketsphinx`); kwsd itself does not.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.endpointing import speech_extent
from kwsd.audio.scale import to_float, to_int16
from kwsd.datasets.loading import load
from kwsd.datasets.mixing import mean_power
from kwsd.datasets.recordings import Recording, find_recordings
from kwsd.errors import InputError
from kwsd.labels import UNKNOWN, can_fire
from kwsd.samples import RATE
from kwsd.training.tools.by_hand import count, leave_out, parser_of, run
from kwsd.training.tools.flac import write_flac
from kwsd.training.tools.near_words import Phones, english, said_as

Samples = NDArray[np.int16]

_FADE = RATE // 100
_SHARES = (0.35, 0.6)
"""The range of the share of the first word that is heard, and of the second one that is cut off."""


def splice(first: Samples, second: Samples, rng: np.random.Generator) -> Samples:
    """Join `first`, up to about the middle of its word, and the end of `second`; both are (n,) int16.

    The second one is brought to the first one's level, and they overlap by 10 ms.
    """
    said, heard = speech_extent(first), speech_extent(second)
    begin, stop = _cut(first, said, rng), _cut(second, heard, rng)
    head, tail = to_float(first[: begin + _FADE]), to_float(second[stop:])
    gain = np.sqrt(mean_power(first[slice(*said)]) / max(mean_power(second[slice(*heard)]), 1e-9))
    tail = tail * np.float32(min(gain, 0.99 / max(1e-6, float(np.abs(tail).max(initial=0)))))
    rise = np.linspace(0, 1, _FADE, dtype=np.float32)
    joint = head[-_FADE:] * (1 - rise) + tail[:_FADE] * rise
    return to_int16(np.concatenate([head[:-_FADE], joint, tail[_FADE:]]))


def _cut(clip: Samples, extent: tuple[int, int], rng: np.random.Generator) -> int:
    start, end = extent
    return min(round(start + rng.uniform(*_SHARES) * (end - start)), len(clip) - _FADE)


def may_join(first: Collection[Phones], second: Collection[Phones]) -> bool:
    """Whether the beginning of a word and the end of another, by their pronunciations, make neither of the two."""
    return all(a[0] != b[0] and a[-1] != b[-1] for a in first for b in second)


def pairs(
    clips: Sequence[Recording], said: Mapping[str, Collection[Phones]], rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """An endless draw of pairs of clips that may be joined; a speaker's chance is in proportion to their clips.

    Raises InputError if ten thousand draws in a row find none, and for a word that is not in `said`.
    """
    phones = [said_as(said, clip.label) for clip in clips]
    by_speaker: dict[str, list[int]] = {}
    for number, clip in enumerate(clips):
        by_speaker.setdefault(clip.speaker, []).append(number)
    misses = 0
    while misses < 10_000:
        first = int(rng.integers(len(clips)))
        own = by_speaker[clips[first].speaker]
        second = own[int(rng.integers(len(own)))]
        if clips[first].speaker and may_join(phones[first], phones[second]):
            misses = 0
            yield first, second
        else:
            misses += 1
    raise InputError(
        "no speaker said two words that may be joined; name speakers, as in SPEAKER_nohash_N.wav, or an index.tsv"
    )


def main() -> None:
    """Write OUT/_unknown_/SPEAKER_nohash_NUMBER-first-second.flac."""
    parser = parser_of("splices", __doc__)
    parser.add_argument("folder", type=Path, help="single words: word/SPEAKER_nohash_N.wav, or an index.tsv")
    parser.add_argument("out", type=Path, help="clips are written to _unknown_ in this folder")
    parser.add_argument("--count", type=count, default=6000, help="how many clips to write [default: %(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other clips [default: %(default)s]")
    arguments = parser.parse_args()
    words = [clip for clip in find_recordings(arguments.folder) if can_fire(clip.label)]  # no noise beside them
    read = list(load(words, leave_out))
    clips, samples = [clip for clip, _ in read], [heard for _, heard in read]
    rng = np.random.default_rng(arguments.seed)
    folder = arguments.out / UNKNOWN
    for number, (one, other) in zip(range(arguments.count), pairs(clips, english(), rng), strict=False):
        speaker = clips[one].speaker.replace("/", "-")  # in an index, it may be a path
        name = f"{speaker}_nohash_{number:05d}-{clips[one].label}-{clips[other].label}.flac"
        write_flac(folder / name, splice(samples[one], samples[other], rng))
        if (number + 1) % 500 == 0:
            print(f"{number + 1} of {arguments.count}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)

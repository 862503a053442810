"""Builds long audio with known word positions from clips: commands between pieces of speech, noise under both.

A command stands alone: between two pieces of speech, never over one, with a pause on both sides. The same parts and
seed give the same samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.endpointing import speech_extent, speech_within
from kwsd.audio.scale import to_float, to_int16
from kwsd.datasets.mixing import mean_power, noise_gain
from kwsd.errors import InputError
from kwsd.evaluation.selection import Sound
from kwsd.evaluation.truth import SpokenWord, Stream
from kwsd.samples import RATE

Floats = NDArray[np.float32]

_FADE = RATE // 50
_NOISE_FADE = RATE // 20
_TRIES = 20
_OFF_DB = 0.5
"""How far a word's ratio may be off where the sum is clipped, before a note tells of it."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How a stream is put together.

    `snr_db` is the ratio of the word's mean power to that of the noise during the word; None for no noise. `pause_s`
    bounds the pauses before and after a word. `level_db` is the mean power of words and sentences, re full scale; each
    is drawn within `spread_db` of it. A pause of `tail_s` ends the stream.
    """

    snr_db: float | None = 10.0
    pause_s: tuple[float, float] = (0.2, 1.0)
    level_db: float = -26.0
    spread_db: float = 6.0
    tail_s: float = 2.0
    seed: int = 0


def build_stream(
    words: Sequence[Sound],
    speech: Sequence[Sound],
    noise: Sequence[Sound] = (),
    settings: StreamSettings | None = None,
    *,
    name: str = "stream",
    notes: tuple[str, ...] = (),
) -> Stream:
    """Put every word (a `Sound` labelled with it) at a random place between the pieces of `speech`.

    Each piece of speech is used once, in random order; places lie before, between and after them. No place gets a
    second word before all have one. A word's position is the extent of its speech by energy; its own recording is
    heard around it, faded, up to the pause's length. Noise is drawn anew for every word, and lasts from the end of the
    previous word's pause to the end of its own.

    Raises:
        InputError: noise was asked for and there is none, or there is no word.
    """
    chosen = settings or StreamSettings()
    if not words:
        raise InputError("no recordings of words to put into the stream")
    if chosen.snr_db is not None and not noise:
        raise InputError("no recordings of noise to mix in; name a folder of it, or ask for no noise")
    rng = np.random.default_rng([chosen.seed, 2])
    places = _places(len(words), len(speech) + 1, rng)
    order = rng.permutation(len(speech))
    builder = _Builder(chosen, noise, rng)
    for place in range(len(speech) + 1):
        for index in places[place]:
            builder.word(words[index])
        if place < len(speech):
            builder.sentence(speech[order[place]])
    samples = builder.finish()
    if builder.bare:
        notes += (f"words without noise, for it is silent where they are spoken: {builder.bare} of {len(words)}",)
    if builder.clipped:
        off = f"by more than {_OFF_DB:g} dB, as the noise under them is clipped"
        notes += (f"words with less noise than asked for, {off}: {builder.clipped} of {len(words)}",)
    return Stream(name, samples, tuple(builder.spoken), notes)


def _places(words: int, places: int, rng: np.random.Generator) -> list[list[int]]:
    """The indices of the words at each place: every place gets one word before any gets two."""
    rounds = [rng.permutation(places) for _ in range(-(-words // places))]
    found: list[list[int]] = [[] for _ in range(places)]
    for word, place in zip(rng.permutation(words), np.concatenate(rounds), strict=False):
        found[int(place)].append(int(word))
    return found


class _Builder:
    """Assembles a stream: finished samples, and pieces that still wait for their noise."""

    def __init__(self, settings: StreamSettings, noise: Sequence[Sound], rng: np.random.Generator) -> None:
        self._settings, self._noise, self._rng = settings, noise, rng
        self._done = bytearray()  # grows in place: joining pieces at the end would hold hours of audio twice
        self._waiting: list[Floats] = []
        self._length = 0
        self.spoken: list[SpokenWord] = []
        self.bare = 0
        """The number of words without noise, because no gain gives the ratio: the noise is silent there."""
        self.clipped = 0
        """The number of words whose noise would be louder than full scale, so that they have less of it."""

    def sentence(self, sound: Sound) -> None:
        """Add a piece of speech."""
        self._add(self._levelled(_centred(sound), speech_extent(sound.samples)))

    def word(self, sound: Sound) -> None:
        """Add a pause, a word and a pause, and lay noise under all pieces since the previous word."""
        start, end = _extent(sound.samples)
        before, after = self._pause(), self._pause()
        clip = self._levelled(_centred(sound), (start, end))
        heard = np.zeros(before + end - start + after, np.float32)
        first, last = max(0, start - before), min(len(clip), end + after)
        rise, fall = min(_FADE, start - first), min(_FADE, last - end)  # the word itself stays as it is
        heard[before - (start - first) : before + last - start] = _faded(clip[first:last], rise, fall)
        self._add(heard)
        stop = self._length - after
        self.spoken.append(SpokenWord(stop - (end - start), stop, sound.label, sound.name))
        self._under(noise_from=self.spoken[-1])

    def finish(self) -> NDArray[np.int16]:
        """Add the final pause, lay noise under the rest (none without `snr_db`), and return all samples, (n,)."""
        self._add(np.zeros(round(self._settings.tail_s * RATE), np.float32))
        self._under(noise_from=None)
        return np.frombuffer(self._done, np.int16)

    def _pause(self) -> int:
        return round(self._rng.uniform(*self._settings.pause_s) * RATE)

    def _add(self, samples: Floats) -> None:
        self._waiting.append(samples)
        self._length += len(samples)

    def _levelled(self, samples: Floats, extent: tuple[int, int]) -> Floats:
        """Scale `samples` so that the extent's mean power is at a level drawn around `level_db`."""
        spread = self._settings.spread_db
        level = self._settings.level_db + (self._rng.uniform(-spread, spread) if spread else 0.0)
        power = mean_power(samples[slice(*extent)])
        return samples * np.float32(np.sqrt(10 ** (level / 10) / power)) if power else samples

    def _under(self, noise_from: SpokenWord | None) -> None:
        """Lay noise under the waiting pieces and finish them as int16.

        Its level follows from the power of the word `noise_from` or, for None, from `level_db`."""
        waiting = bare = np.concatenate(self._waiting)
        if self._settings.snr_db is not None:
            begin = self._length - len(waiting)
            if noise_from:
                extent = (noise_from.start - begin, noise_from.end - begin)
                signal = mean_power(waiting[slice(*extent)])
            else:
                extent, signal = (0, len(waiting)), 10 ** (self._settings.level_db / 10)
            noise = self._noise_for(len(waiting), extent)
            gain = noise_gain(signal, mean_power(noise[slice(*extent)]), self._settings.snr_db)
            waiting = waiting + noise * np.float32(gain)
            self.bare += noise_from is not None and not gain
            self.clipped += noise_from is not None and self._is_clipped(bare[slice(*extent)], waiting[slice(*extent)])
        self._done += to_int16(waiting).tobytes()
        self._waiting = []

    @staticmethod
    def _is_clipped(word: Floats, noisy: Floats) -> bool:
        """Whether clipping takes more than `_OFF_DB` of the noise from a word, given without (n,) and with it (n,)."""
        asked, left = mean_power(noisy - word), mean_power(to_float(to_int16(noisy)) - word)
        loud = bool(np.abs(noisy).max(initial=0.0) > 1)  # otherwise it is only rounded, which soft noise may feel
        return loud and left * 10 ** (_OFF_DB / 10) < asked

    def _noise_for(self, length: int, extent: tuple[int, int]) -> Floats:
        """(length,) noise whose power over the extent is within 10 dB of its clips' mean, or the best of 20 draws.

        Otherwise a bark beside the word would be amplified by the gain that the silence under the word asks for.
        """
        best, least = np.zeros(0, np.float32), np.inf
        for _ in range(_TRIES):
            noise = self._noise_of(length)
            power = mean_power(noise[slice(*extent)])
            off = abs(10 * np.log10(power)) if power else np.inf
            if not len(best) or off < least:
                best, least = noise, off
            if least < 10:
                break
        return best

    def _noise_of(self, length: int) -> Floats:
        """(length,) noise: clips end to end, each from a random start, scaled to mean power 1, faded at both ends."""
        pieces: list[Floats] = []
        missing = length
        while missing > 0:
            clip = _centred(self._noise[int(self._rng.integers(len(self._noise)))])
            piece = clip[self._rng.integers(max(1, len(clip) // 2)) :][:missing]
            power = mean_power(clip)  # the clip's, not the piece's: a quiet end stays quiet
            if power:
                pieces.append(_faded(piece / np.float32(np.sqrt(power)), _NOISE_FADE, _NOISE_FADE))
            missing -= len(piece)  # a silent clip counts too, so that the loop ends
        noise = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        return np.resize(noise, length) if len(noise) else np.zeros(length, np.float32)


def _centred(sound: Sound) -> Floats:
    """The samples (n,) without their mean: where a soft recording is amplified, an offset would drown its sound."""
    samples = to_float(sound.samples)
    samples -= samples.mean(dtype=np.float64)
    return samples


def _extent(samples: NDArray[np.int16]) -> tuple[int, int]:
    """The extent of the speech; a recording longer than a second may hold a phrase, whose words all count."""
    return speech_extent(samples) if len(samples) <= RATE else speech_within(samples, RATE)


def _faded(samples: Floats, rise: int, fall: int) -> Floats:
    """A copy that rises over its first `rise` samples and falls over its last `fall` ones."""
    out = samples.copy()
    out[:rise] *= np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)[: len(out)]
    out[max(0, len(out) - fall) :] *= np.linspace(1, 0, fall, dtype=np.float32)[-len(out) :]
    return out

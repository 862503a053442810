"""Windows without speech (`_silence_`), and the rooms, noise and levels that other windows get.

All windows are (`Sounds.window`,) float32.
"""

from __future__ import annotations

import numpy as np

from kwsd.audio.endpointing import cut_window
from kwsd.samples import RATE
from kwsd.training.augmentation.channels import through
from kwsd.training.augmentation.gain_control import controlled
from kwsd.training.augmentation.left_context import before_noise
from kwsd.training.augmentation.sounds import Floats, Sounds, at_pace, levelled, loudness, middle, row_by_length, take
from kwsd.training.recipe import Mix

_HUM = 0.03
"""The RMS of each voice in a crowd, low enough that none is clipped."""


def silence(sounds: Sounds, rng: np.random.Generator, place: tuple[int, int] | None = None) -> Floats:
    """A window without speech: one or two recorded noises at any level, a synthetic burst or tone, or zeros.

    With a `place` (a clip of noise, and the sample where the last second starts), it is that noise.
    """
    length, kind = sounds.window, rng.random()
    lead = RATE // 4 + sounds.before // 2  # of noise before the window, for the fastest pace
    if place is None and kind < 0.04:
        return np.zeros(length, np.float32)
    if place is not None or kind < 0.80:
        if place is None:
            window = _stretch(sounds, rng)
        else:
            window = cut_window(sounds.noise.clip(place[0]), place[1] - sounds.before - lead, _longer(length))
        if rng.random() < 0.3 and not (place is not None and sounds.before):  # reversal would move the place away
            window = window[::-1]
        if rng.random() < 0.3:
            window = window + _stretch(sounds, rng) * np.float32(10 ** rng.uniform(-1, 0.5))
        if rng.random() < 0.3:
            window = at_pace(window, rng.uniform(0.6, 1.5), lead + sounds.before + RATE / 2)
        window = window[lead : lead + length]
    else:
        window = rng.normal(0, 10 ** rng.uniform(-5, -2), length).astype(np.float32)
        window[sounds.before :] += burst(rng)
    if sounds.before:
        window = np.concatenate([window[: sounds.before] + before_noise(sounds, rng), window[sounds.before :]])
    return window


def burst(rng: np.random.Generator) -> Floats:
    """A click, a tone, a sweep, or shaped noise with an envelope like a word's, somewhere in a second."""
    length = int(rng.integers(80, 12000))
    time = np.arange(length) / RATE
    if rng.random() < 0.5:
        sweep = rng.uniform(80, 3500) * time + rng.uniform(-2000, 2000) * time**2
        sound = sum(np.sin(2 * np.pi * sweep * k) / k for k in range(1, int(rng.integers(2, 8))))
    else:
        smooth = int(rng.integers(1, 24))
        sound = np.convolve(rng.normal(0, 1, length + smooth - 1), np.ones(smooth), "valid")
    envelope = np.minimum(1, time / rng.uniform(0.001, 0.1)) * np.exp(-time / rng.uniform(0.02, 1.0))
    window = np.zeros(RATE, np.float32)
    place = int(rng.integers(RATE - length))
    window[place : place + length] = sound * envelope
    return window * np.float32(rng.uniform(0.02, 0.5) / max(1e-6, float(np.abs(window).max())))


def _stretch(sounds: Sounds, rng: np.random.Generator) -> Floats:
    """A random stretch of noise, one and a half windows long; a shorter recording is repeated."""
    clip, length = sounds.noise.clip(row_by_length(sounds.noise, rng)), _longer(sounds.window)
    if len(clip) < length:
        clip = np.resize(clip, length)
    return cut_window(clip, int(rng.integers(len(clip) - length + 1)), length)


def _longer(length: int) -> int:
    """Samples of noise to take so that `length` are left at the fastest pace."""
    return length * 3 // 2


def recorded(window: Floats, sounds: Sounds, rng: np.random.Generator, mix: Mix, hardness: float) -> Floats:
    """The window as a random microphone in a random room records it: with a channel, noise and a level.

    `mix` has the probability of each, and the ratios in dB. At a hardness below 1, channels and noise are rarer, and
    noise is weaker. Kinds of noise with probability 0 draw no random numbers, so that earlier recipes give the same
    windows as before.
    """
    if rng.random() < mix.channel * hardness:
        window = through(window, sounds.channels[rng.integers(len(sounds.channels))])
    if rng.random() < mix.noise * (0.3 + 0.7 * hardness):
        talk = rng.random() < mix.talk
        other = _talk(sounds, rng, mix.crowd) if talk else _stretch(sounds, rng)
        loudest, faintest = mix.talk_snr if talk else mix.noise_snr
        snr = rng.uniform(loudest if talk else min(loudest + 12 * (1 - hardness), faintest), faintest)
        if mix.tones and not talk and rng.random() < mix.tones:
            other = tone(rng, sounds.window)
        elif mix.varied_noise and not talk and rng.random() < mix.varied_noise:
            other = _another(other, sounds, rng)
        other = middle(other, sounds.window)
        other = other - other.mean()  # an offset is inaudible, and would make the noise too soft
        gain = np.sqrt(loudness(window) / max(1e-9, float((other * other).mean())) * 10 ** (-snr / 10))
        window = window + other * np.float32(gain)
    if rng.random() < 0.3:
        window = window + rng.normal(0, 10 ** rng.uniform(-5, -3), len(window)).astype(np.float32)
    if mix.agc and rng.random() < mix.agc * hardness:
        window = controlled(window, rng)
    peak = float(np.abs(window).max())
    gain = min(10 ** rng.uniform(-1.3, 0.3), 4 / max(peak, 1e-6))
    heard: Floats = np.clip(window * np.float32(gain), -1, 1)
    return heard


def _talk(sounds: Sounds, rng: np.random.Generator, crowd: float) -> Floats:
    """A window of one person's talk or, with probability `crowd`, of two to seven people's, each about as loud."""
    if not crowd or rng.random() >= crowd:
        return take(sounds.speech, rng, sounds.window)
    people = int(rng.integers(2, 8))
    heard = np.zeros(sounds.window, np.float32)
    for _ in range(people):
        heard += levelled(take(sounds.speech, rng, sounds.window), _HUM, rng)
    return heard


def _another(noise: Floats, sounds: Sounds, rng: np.random.Generator) -> Floats:
    """A new noise made from a recorded one (at another pace, reversed, or with a second one), or a steady one."""
    kind = rng.random()
    if kind < 0.2:
        return coloured(rng, sounds.window)
    if kind < 0.5:
        noise = noise + _stretch(sounds, rng) * np.float32(10 ** rng.uniform(-1, 0.5))
    if rng.random() < 0.3:
        noise = noise[::-1]
    return at_pace(noise, rng.uniform(0.6, 1.5))


def tone(rng: np.random.Generator, length: int = RATE) -> Floats:
    """`length` samples of a hum or whine: a tone of 50 to 4,000 Hz, mostly with overtones, steady or unsteady."""
    time = np.arange(length) / RATE
    lowest = 50 * 80 ** rng.uniform()
    phase = 2 * np.pi * lowest * time + rng.uniform(0, 3) * np.sin(2 * np.pi * rng.uniform(0.5, 8) * time)
    fall = rng.uniform(0.5, 3)
    overtones = range(1, int(rng.integers(1, 12)) + 1)
    audible = [k for k in overtones if k * lowest < RATE / 2]
    sound = sum(np.sin(k * phase + rng.uniform(0, 2 * np.pi)) * k**-fall for k in audible)
    heard: Floats = np.asarray(sound, np.float32)
    return heard


def coloured(rng: np.random.Generator, length: int = RATE) -> Floats:
    """`length` samples of steady noise whose power falls by 0 to 9 dB an octave, like that of fans, roads and water."""
    spectrum = np.fft.rfft(rng.normal(0, 1, length))
    corner = rng.uniform(20, 400) * length / RATE
    spectrum *= np.maximum(1, np.arange(len(spectrum)) / corner) ** -rng.uniform(0, 1.5)
    noise: Floats = np.fft.irfft(spectrum, length).astype(np.float32)
    return noise / np.float32(np.abs(noise).max())

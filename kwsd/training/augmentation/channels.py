"""A bank of short impulse responses, of what lies between a mouth and the samples: rooms, microphones, telephones."""

from __future__ import annotations

import numpy as np
import pyroomacoustics as rooms
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin2

from kwsd.samples import RATE, samples_in

TAPS = 4096
"""Length of an impulse response, a quarter of a second; with late reverberation, responses are twice as long."""
_ABSORPTION = (0.2, 0.8)
_LIVE_ABSORPTION = (0.08, 0.5)
_MATCHED, _LATE = samples_in(30), samples_in(50)
"""Samples after the direct sound, 30 and 50 ms.

Image sources, up to order 8, fill the response up to the second; the tail follows from there, at the level that they
have between the two."""


def channel_bank(count: int, seed: int, *, late: bool = False) -> NDArray[np.float32]:
    """`count` impulse responses (count, 4096) float32 of unit energy, the direct sound at most 6 ms late.

    Half of them are shoebox rooms (image source method, Allen and Berkley 1979) with a random size, absorption and
    distance; all have the random frequency response of a microphone, one in eight that of a telephone line. The images
    end after 50 ms, as in a furnished room. With `late` reverberation, responses are twice as long, walls may absorb
    less, and a tail follows that decays as fast as in the room (Polack 1988: noise with an exponential decay).
    """
    rng = np.random.default_rng(seed)
    bank = np.zeros((count, 2 * TAPS if late else TAPS), np.float32)
    taps = bank.shape[1]
    for row in range(count):
        response = np.ones(1)
        if row % 2:
            response = _live_room(rng, taps) if late else _room(rng, _ABSORPTION)[0]
        response = fftconvolve(response, _microphone(rng, telephone=row % 8 == 0))[:taps]
        bank[row, : len(response)] = response / np.sqrt(np.sum(response**2))
    return bank


def _room(rng: np.random.Generator, absorption: tuple[float, float]) -> tuple[NDArray[np.float64], float]:
    """The early reflections of a random room, and its reverberation time (RT60) in seconds."""
    size = rng.uniform((2.5, 2.5, 2.2), (8.0, 6.0, 3.5))
    room = rooms.ShoeBox(size, fs=RATE, materials=rooms.Material(rng.uniform(*absorption)), max_order=8)
    room.add_source(rng.uniform(0.3, size - 0.3))
    room.add_microphone(rng.uniform(0.3, size - 0.3))
    room.compute_rir()
    response = np.asarray(room.rir[0][0])
    onset = int(np.argmax(np.abs(response) > 0.1 * np.abs(response).max()))
    return response[max(0, onset - 16) :], float(room.rt60_theory(formula="sabine"))


def _live_room(rng: np.random.Generator, taps: int) -> NDArray[np.float64]:
    early, rt60 = _room(rng, _LIVE_ABSORPTION)
    decay = 10 ** (-3 * np.arange(taps) / (rt60 * RATE))  # an amplitude: -60 dB are a thousandth
    tail = rng.normal(0, 1, taps) * decay
    early = np.pad(early, (0, max(0, _LATE - len(early))))[:_LATE]
    level = np.sum(early[_MATCHED:] ** 2) / np.sum(tail[_MATCHED:_LATE] ** 2)
    return np.concatenate([early, np.sqrt(level) * tail[_LATE:]])


def _microphone(rng: np.random.Generator, *, telephone: bool) -> NDArray[np.float64]:
    """A linear-phase filter with random gains at seven frequencies (standard deviation 4 dB), as of a microphone."""
    edges = np.array([0, 100, 300, 1000, 2500, 5000, 8000]) / 8000
    gains = rng.normal(0, 4, len(edges))
    gains[0] -= rng.uniform(0, 30)
    if telephone:
        gains[[0, 1, 5, 6]] = -40
    taps: NDArray[np.float64] = firwin2(127, edges, 10 ** (gains / 20))
    return taps


def through(window: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolve a window (n,) with an impulse response; returns (n,) float32."""
    heard: NDArray[np.float32] = fftconvolve(window, response)[: len(window)].astype(np.float32)
    return heard

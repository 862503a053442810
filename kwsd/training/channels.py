"""What lies between a mouth and the samples: rooms, microphones, telephones. A bank of short impulse responses."""

from __future__ import annotations

import numpy as np
import pyroomacoustics as rooms
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin2

from kwsd.events import RATE

TAPS = 4096
"""Length of every impulse response: a quarter of a second."""


def channel_bank(count: int, seed: int) -> NDArray[np.float32]:
    """`count` impulse responses (count, 4096) float32 of unit energy, the direct sound at most 5 ms late.

    Half of them are shoebox rooms (image source method, Allen and Berkley 1979) with a random size, absorption and
    distance; all have the random frequency response of some microphone, one in eight of a telephone line.
    """
    rng = np.random.default_rng(seed)
    bank = np.zeros((count, TAPS), np.float32)
    for row in range(count):
        response = _room(rng) if row % 2 else np.ones(1)
        response = fftconvolve(response, _microphone(rng, telephone=row % 8 == 0))[:TAPS]
        bank[row, : len(response)] = response / np.sqrt(np.sum(response**2))
    return bank


def _room(rng: np.random.Generator) -> NDArray[np.float64]:
    size = rng.uniform((2.5, 2.5, 2.2), (8.0, 6.0, 3.5))
    room = rooms.ShoeBox(size, fs=RATE, materials=rooms.Material(rng.uniform(0.2, 0.8)), max_order=8)
    room.add_source(rng.uniform(0.3, size - 0.3))
    room.add_microphone(rng.uniform(0.3, size - 0.3))
    room.compute_rir()
    response = np.asarray(room.rir[0][0])
    onset = int(np.argmax(np.abs(response) > 0.1 * np.abs(response).max()))
    return response[max(0, onset - 16) :]


def _microphone(rng: np.random.Generator, *, telephone: bool) -> NDArray[np.float64]:
    """A linear-phase filter through random gains at seven frequencies (within 8 dB of each other, mostly)."""
    edges = np.array([0, 100, 300, 1000, 2500, 5000, 8000]) / 8000
    gains = rng.normal(0, 4, len(edges))
    gains[0] -= rng.uniform(0, 30)
    if telephone:
        gains[[0, 1, 5, 6]] = -40
    taps: NDArray[np.float64] = firwin2(127, edges, 10 ** (gains / 20))
    return taps


def through(window: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """A window (n,) heard through an impulse response: (n,) float32."""
    heard: NDArray[np.float32] = fftconvolve(window, response)[: len(window)].astype(np.float32)
    return heard

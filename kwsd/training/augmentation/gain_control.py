"""Automatic gain control, as webcams, headsets and browsers have it: what is soft is made as loud as what is not.

Between words it raises the noise, and the beginning of a word comes too loud.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kwsd.samples import RATE

Floats = NDArray[np.float32]

_BLOCK = RATE // 200
_ATTACK_S, _RELEASE_S = (0.003, 0.05), (0.05, 1.0)
_MOST_DB = (6, 30)
_HEADROOM_DB = (3, 15)
"""A limiter lies so far above the loudest 5 ms: less than a word's peaks reach, or well above them."""


def controlled(window: Floats, rng: np.random.Generator) -> Floats:
    """A window (n,) float32 as it comes from a microphone with automatic gain control.

    A follower of the level, quick to rise (attack) and slow to fall (release), says by how much it is amplified: to the
    level of the loudest 5 ms, but by 6 to 30 dB at most. (Giannoulis et al. 2012, "Digital Dynamic Range Compressor
    Design", call that a feed-forward compressor with a decoupled detector.) What was heard before the window, and so
    where the follower begins, is drawn by chance. A silent window stays as it is.
    """
    blocks = np.resize(window, -(-len(window) // _BLOCK) * _BLOCK).reshape(-1, _BLOCK)
    levels = np.sqrt(np.square(blocks).mean(axis=1))
    loudest = float(levels.max())
    if loudest < 1e-6:
        return window
    rise, fall = (math.exp(-_BLOCK / RATE / _between(bounds, rng)) for bounds in (_ATTACK_S, _RELEASE_S))
    most = 10 ** (rng.uniform(*_MOST_DB) / 20)
    followed = np.empty(len(levels))
    level = loudest * 10 ** rng.uniform(-math.log10(most), 0)
    for index, now in enumerate(levels.tolist()):
        level = now + (rise if now > level else fall) * (level - now)
        followed[index] = level
    gain = np.minimum(loudest / np.maximum(followed, loudest / most), most)
    middles = np.arange(len(levels)) * _BLOCK + _BLOCK // 2
    limit = loudest * 10 ** (rng.uniform(*_HEADROOM_DB) / 20)
    heard: Floats = np.clip(window * np.interp(np.arange(len(window)), middles, gain), -limit, limit)
    return heard.astype(np.float32)


def _between(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """Any ratio is as likely as any other of its size."""
    return math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))

"""Automatic gain control, as in webcams, headsets and browsers: it amplifies soft sound to the level of loud sound.

Between words it raises the noise, and it makes the beginning of a word too loud.
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
"""How far the limiter lies above the level of the loudest 5 ms: from below a word's peaks to well above them."""


def controlled(window: Floats, rng: np.random.Generator) -> Floats:
    """A window (n,) float32 as a microphone with automatic gain control would record it.

    An envelope follower, quick to rise (attack) and slow to fall (release), sets the gain: up to the level of the
    loudest 5 ms, but at most 6 to 30 dB. (Giannoulis et al. 2012, "Digital Dynamic Range Compressor Design", call that
    a feed-forward compressor with a decoupled detector.) The follower starts at a random level, as what was heard
    before the window is not known. A silent window stays as it is.
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
    """A log-uniform random number within `bounds`."""
    return math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))

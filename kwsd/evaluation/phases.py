"""A short recording, said again: a word waits for the end of a hop, and where hops fall on a few words is chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kwsd.evaluation.truth import Stream
from kwsd.events import RATE

_TIMES = 3
_SHORT_S = 20
_PAUSE = RATE


def at_phases(stream: Stream, hop: int) -> Stream:
    """A stream of less than 20 s three times, at least a second apart, each a third of a hop (in samples)
    later in its hops; else itself."""
    if stream.seconds >= _SHORT_S:
        return stream
    gap = _PAUSE + (hop // _TIMES - len(stream.samples) - _PAUSE) % hop
    once = np.concatenate([stream.samples, np.zeros(gap, np.int16)])
    words = tuple(
        replace(word, start=word.start + n * len(once), end=word.end + n * len(once))
        for n in range(_TIMES)
        for word in stream.words
    )
    return replace(stream, samples=np.tile(once, _TIMES), words=words)

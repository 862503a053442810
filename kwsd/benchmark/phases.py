"""Repeats a short recording at several phases of the daemon's looks at the audio.

A word's latency depends on when the next look comes, which for a few words is chance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kwsd.evaluation.truth import Stream
from kwsd.samples import RATE
from kwsd.spotting.sparse_scoring import stride_of

_TIMES = 3
_SHORT_S = 20
_PAUSE = RATE


def at_phases(stream: Stream, hop: int, coarse: int) -> Stream:
    """A stream of less than 20 s, three times, at least a second apart; a longer one as it is.

    Looks are on a grid of `coarse` samples, as far as hops of `hop` samples allow, and each repetition is a third of
    their distance later relative to them."""
    if stream.seconds >= _SHORT_S:
        return stream
    span = stride_of(coarse, hop) * hop
    gap = _PAUSE + (span // _TIMES - len(stream.samples) - _PAUSE) % span
    once = np.concatenate([stream.samples, np.zeros(gap, np.int16)])
    words = tuple(
        replace(word, start=word.start + n * len(once), end=word.end + n * len(once))
        for n in range(_TIMES)
        for word in stream.words
    )
    return replace(stream, samples=np.tile(once, _TIMES), words=words)

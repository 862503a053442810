"""Scores of a graph that ONNX Runtime runs on the processor: `kwsd.networks.onnx_loading` makes them from files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.resample import resampled
from kwsd.cards.names import INPUT, OUTPUT
from kwsd.networks.resource_errors import check_memory
from kwsd.samples import RATE

_MANY = 8
"""Windows due at once that are worth other threads: they come from a recording. A microphone that fell behind on a busy
machine, or a word after a schedule, has fewer at once, and threads would keep 5 MB from then on."""


class OnnxClassifier:
    """Scores windows with ONNX Runtime, a run for each.

    What goes into an 8-bit product is scaled by its own extremes. In a batch those would be the batch's: a window's
    scores would depend on which others happened to be due with it, and a recording would not give the same detections
    however fast it is replayed.

    A microphone's windows come one by one, or two beside one that resembles a word, and take the caller's thread, which
    costs the least time and memory. Once many were due at once, as from a recording, the cores share them from then on,
    even if there are but two.
    """

    device = "cpu"

    def __init__(self, session: Any, name: str, labels: Sequence[str], rate: int = RATE) -> None:
        """`session` is an `onnxruntime.InferenceSession` over a graph that takes windows at `rate` Hz.

        Raises:
            ValueError: the graph has not as many scores as there are labels.
        """
        given = session.get_outputs()[0].shape[-1]
        if given != len(labels):
            raise ValueError(f"{given} scores for {len(labels)} labels")
        self._session = session
        self._threads: ThreadPoolExecutor | None = None
        self._rate = rate
        self.name = name
        self.labels = tuple(labels)
        """The columns of what `score` returns; for kwsd's own the words, then `_unknown_`, then `_silence_`."""

    def score(self, windows: NDArray[np.float32], rate: int = RATE) -> NDArray[np.float32]:
        """(batch, window) float32 in [-1, 1) at `rate` Hz -> (batch, labels) float32: probabilities.

        Each row sums to one, unless the model's labels do not exclude each other. Raises MemoryError, and what ONNX
        Runtime raises besides.
        """
        if rate != self._rate:
            windows = resampled(windows, rate, self._rate)
        scores = np.empty((len(windows), len(self.labels)), np.float32)

        def score_one(row: int) -> None:
            try:
                scores[row] = self._session.run([OUTPUT], {INPUT: windows[row : row + 1]})[0][0]
            except Exception as error:  # ONNX Runtime's have no common class but this one
                check_memory(error)
                raise

        rows = range(len(windows))
        if self._threads is None and len(rows) >= _MANY:
            self._threads = ThreadPoolExecutor(_cores(), thread_name_prefix="kwsd-score")
        if self._threads is None or len(rows) == 1:
            for row in rows:
                score_one(row)
        else:
            list(self._threads.map(score_one, rows))  # the list raises what a run raised
        return scores


def _cores() -> int:
    """The processor's cores that this process may use."""
    return len(os.sched_getaffinity(0))

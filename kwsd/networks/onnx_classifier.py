"""A classifier that runs a graph with ONNX Runtime on the CPU; `kwsd.networks.onnx_loading` makes it from files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.resample import resampled
from kwsd.cards.names import INPUT, OUTPUT
from kwsd.errors import ModelError, first_line
from kwsd.networks.resource_errors import check_memory
from kwsd.samples import RATE

_MANY = 8
"""Windows at once that are worth more threads, as they come from a recording. A microphone that is behind on a busy
machine, or a word after a long sleep, has fewer at once, and threads would occupy 5 MB from then on."""


class OnnxClassifier:
    """Scores windows with ONNX Runtime, in one run each.

    The inputs of 8-bit products are scaled by their own extremes. In a batch these would be the batch's: the scores of
    a window would depend on the others in its batch, and the detections of a recording on how fast it is replayed.

    A microphone's windows come one by one, or two beside one that resembles a word, and are scored in the caller's
    thread, which costs the least time and memory. Once many windows have come at once, as from a recording, all later
    batches of two or more are spread over the cores.
    """

    device = "cpu"

    def __init__(
        self,
        session: Any,
        name: str,
        labels: Sequence[str],
        rate: int = RATE,
        *,
        unfit: Callable[[str], ModelError],
    ) -> None:
        """`session` is an `onnxruntime.InferenceSession` over a graph that takes windows at `rate` Hz.

        `unfit` makes an error of the reason why the graph cannot be run, which may show only with some sounds.

        Raises:
            ValueError: the number of the graph's scores differs from that of the labels.
        """
        given = session.get_outputs()[0].shape[-1]
        if given != len(labels):
            raise ValueError(f"{given} scores for {len(labels)} labels")
        self._session = session
        self._threads: ThreadPoolExecutor | None = None
        self._rate = rate
        self._unfit = unfit
        self.name = name
        self.labels = tuple(labels)
        """The columns of what `score` returns; for kwsd's own models the words, then `_unknown_`, then `_silence_`."""

    def score(self, windows: NDArray[np.float32], rate: int = RATE) -> NDArray[np.float32]:
        """(batch, window) float32 in [-1, 1) at `rate` Hz -> (batch, labels) float32: probabilities.

        Each row sums to one, unless the model's labels do not exclude each other. Raises MemoryError, and ModelError
        where ONNX Runtime cannot run the graph.
        """
        if rate != self._rate:
            windows = resampled(windows, rate, self._rate)
        scores = np.empty((len(windows), len(self.labels)), np.float32)

        def score_one(row: int) -> None:
            try:
                scores[row] = self._session.run([OUTPUT], {INPUT: windows[row : row + 1]})[0][0]
            except Exception as error:  # ONNX Runtime's have no common class but this one
                check_memory(error)
                raise self._unfit(first_line(error)) from error

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
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))

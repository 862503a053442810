"""Batches of scenes. A batch depends on the seed, its step and what was mined last, and on nothing else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.events import RATE
from kwsd.networks.labels import SILENCE, UNKNOWN
from kwsd.training import scenes
from kwsd.training.recipe import Mix
from kwsd.training.scenes import Floats, Scene, Sounds

NO_CLIP = -1
"""In `Batch.rows`: the window shows no clip that the teacher knows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`windows` (batch, 16000) float32, `labels` (batch,) int64; `rows` and `shifts` (batch,) say where a teacher's
    features of the clean clip still hold."""

    windows: Floats
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    shifts: NDArray[np.int64]


Mined = NDArray[np.int64]
"""Hard negatives: (n, 2), the sentence and the sample where the window starts."""


class Mixer:
    """Draws batches from sounds, in the shares that a recipe names."""

    def __init__(self, sounds: Sounds, labels: Sequence[str], mix: Mix, batch: int, seed: int) -> None:
        self.sounds, self.mix, self.batch, self.seed = sounds, mix, batch, seed
        self.index = {label: number for number, label in enumerate(labels)}
        present, counts = np.unique(sounds.words.labels, return_counts=True)
        self.rows_of = [np.flatnonzero(sounds.words.labels == label) for label in present]
        # The inverse root of their number: a word with few clips is heard more often, but not as often as the others.
        chances = np.sqrt(np.maximum(counts, mix.rare_floor))
        self.chances = chances / chances.sum()

    def batch_at(self, step: int, mined: Mined) -> Batch:
        """The batch of one step."""
        rng = np.random.default_rng([self.seed, step])
        hard = self.hardness(step)
        kinds = rng.choice(4, self.batch, p=(self.mix.words, self.mix.sentences, self.mix.cut, self.mix.silence))
        drawn = [self._draw(int(kind), rng, mined, hard) for kind in kinds]
        return Batch(
            np.stack([self._recorded(scene.window, rng, hard) for scene, _, _ in drawn]),
            np.array([self.index[label] for _, label, _ in drawn]),
            np.array([NO_CLIP if scene.shift is None else row for scene, _, row in drawn]),
            np.array([scene.shift or 0 for scene, _, _ in drawn]),
        )

    def hardness(self, step: int) -> float:
        """0 at first, then up to 1: a network that starts on the hardest scenes learns several times more slowly."""
        return min(1.0, max(0.0, (step - self.mix.easy_steps) / max(1, self.mix.ramp_steps)))

    def _recorded(self, window: Floats, rng: np.random.Generator, hard: float) -> Floats:
        return scenes.recorded(window, self.sounds, rng, noise=self.mix.noise, hardness=hard)

    def _draw(self, kind: int, rng: np.random.Generator, mined: Mined, hard: float) -> tuple[Scene, str, int]:
        if kind == 0:
            row = self._word(rng)
            return scenes.word(self.sounds, row, rng, hard), str(self.sounds.words.labels[row]), row
        if kind == 1:
            row, start = self.sentence_at(rng)
            if len(mined) and rng.random() < 0.5:
                row, start = (int(place) for place in mined[rng.integers(len(mined))])
                start += int(rng.integers(-400, 401))
            return Scene(scenes.sentence(self.sounds, row, start, rng)), UNKNOWN, NO_CLIP
        if kind == 2:
            return Scene(scenes.cut_word(self.sounds, self._word(rng), rng)), UNKNOWN, NO_CLIP
        return Scene(scenes.silence(self.sounds, rng)), SILENCE, NO_CLIP

    def _word(self, rng: np.random.Generator) -> int:
        rows = self.rows_of[rng.choice(len(self.rows_of), p=self.chances)]
        return int(rows[rng.integers(len(rows))])

    def sentence_at(self, rng: np.random.Generator) -> tuple[int, int]:
        """A sentence, by its length, and where in it a window starts: up to 0.4 s of it may lie outside."""
        row = scenes.row_by_length(self.sounds.speech, rng)
        return row, int(rng.integers(-6400, max(1, int(self.sounds.speech.lengths[row]) - RATE + 6400)))

    def stream(self, steps: range, mined: Mined) -> Iterator[Batch]:
        """The batches of `steps`, made by a thread while the network learns from the one before."""
        ready: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=4)
        stopped = threading.Event()

        def work() -> None:
            try:
                for step in steps:
                    if stopped.is_set():
                        return
                    ready.put(self.batch_at(step, mined))
            except BaseException as error:
                ready.put(error)

        thread = threading.Thread(target=work, name="kwsd-batches", daemon=True)
        thread.start()
        try:
            for _ in steps:
                made = ready.get()
                if isinstance(made, BaseException):
                    raise made
                yield made
        finally:
            stopped.set()
            while thread.is_alive():
                try:
                    ready.get(timeout=0.1)
                except queue.Empty:
                    continue

"""Batches of scenes; for one recipe and its recordings, a batch depends only on its step and the mined windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from kwsd.labels import SILENCE, UNKNOWN
from kwsd.samples import RATE
from kwsd.training.augmentation import noises, scenes
from kwsd.training.augmentation.scenes import Scene
from kwsd.training.augmentation.sounds import Floats, Sounds, row_by_length
from kwsd.training.corpus import seconds_in
from kwsd.training.recipe import Mix

NONE = -1
"""In `Batch.seconds`: the teacher's features hold for no second of the window."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows to learn from: `windows` (batch, samples) float32, `labels` (batch,) int64.

    `seconds` (batch,) numbers the clean second that a window shows (the words' first, then the speech's), or is `NONE`;
    `shifts` (batch,) is its position in the window, in samples."""

    windows: Floats
    labels: NDArray[np.int64]
    seconds: NDArray[np.int64]
    shifts: NDArray[np.int64]


Mined = NDArray[np.int64]
"""Hard negatives: (n, 3), one of the kinds below, the clip, and the sample where the window's last second starts."""

SPEECH, NOISE, OTHERS = 0, 1, 2

_ALONE, _SENTENCE, _CUT, _GLUED, _OTHER = range(5)
"""What a window of a batch may show, in the order of `Mix.shares`; last comes silence."""

_AHEAD = 4
"""Batches that are made while the network learns from one."""


@dataclass(frozen=True, slots=True)
class Spared:
    """Clips that are never mined, because the label `_unknown_` would be wrong or doubtful.

    `said` (clips of the speech, words) marks clips in which a word may be said; they are spared where the network hears
    that word. `unmined` (clips of the words,) marks single words that are always spared."""

    said: NDArray[np.bool_]
    unmined: NDArray[np.bool_]

    def of(self, kind: int, rows: NDArray[np.int64], heard: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of the clips `rows` (n,) are spared, (n,) bool; `heard` (n,) is the word that each is taken for."""
        if kind == SPEECH:
            return self.said[rows, heard]
        return self.unmined[rows] if kind == OTHERS else np.zeros(len(rows), bool)


class Mixer:
    """Draws batches from sounds, in the shares that a recipe names.

    Of `sounds.words` the first `recorded` clips are those of the recipe's `data.words`, the others synthetic.
    """

    def __init__(
        self, sounds: Sounds, labels: Sequence[str], mix: Mix, batch: int, seed: int, *, recorded: int, spared: Spared
    ) -> None:
        self.sounds, self.mix, self.batch, self.seed, self.recorded = sounds, mix, batch, seed, recorded
        self.spared = spared
        self.index = {label: number for number, label in enumerate(labels)}
        self.others = np.flatnonzero(sounds.words.labels == UNKNOWN)
        words = sounds.words.labels[sounds.words.labels != UNKNOWN] if mix.others else sounds.words.labels
        present, counts = np.unique(words, return_counts=True)
        self.rows_of = [np.flatnonzero(sounds.words.labels == label) for label in present]
        # By the root of their number: each clip of a rare word is drawn more often, but the word still less often.
        chances = np.sqrt(np.maximum(counts, mix.rare_floor))
        self.chances = chances / chances.sum()
        self.synthetic = [self._synthetic_share(rows) for rows in self.rows_of]
        self.speech_seconds = len(sounds.words) + np.concatenate([[0], np.cumsum(seconds_in(sounds.speech.lengths))])

    def batch_at(self, step: int, mined: Mined) -> Batch:
        """The batch of one step."""
        rng = np.random.default_rng([self.seed, step])
        hard = self.hardness(step)
        shown = rng.choice(len(self.mix.shares), self.batch, p=self.mix.shares)
        drawn = [self._draw(int(what), rng, mined, hard) for what in shown]
        return Batch(
            np.stack([noises.recorded(scene.window, self.sounds, rng, self.mix, hard) for scene, _, _ in drawn]),
            np.array([self.index[label] for _, label, _ in drawn]),
            np.array([NONE if scene.shift is None else second for scene, _, second in drawn]),
            np.array([scene.shift or 0 for scene, _, _ in drawn]),
        )

    def hardness(self, step: int) -> float:
        """The hardness of scenes, 0 at first and 1 at last: starting with the hardest slows learning several times."""
        return min(1.0, max(0.0, (step - self.mix.easy_steps) / max(1, self.mix.ramp_steps)))

    def _draw(self, what: int, rng: np.random.Generator, mined: Mined, hard: float) -> tuple[Scene, str, int]:
        """A scene, its label, and the number of the second that the teacher knows, or NONE."""
        if what == _ALONE:
            return self._alone(self._word(rng), rng, hard)
        if what == _SENTENCE:
            row, start = self._mined(mined, SPEECH, rng) or self.sentence_at(rng)
            second = self.speech_seconds[row] + scenes.second_near(self.sounds.speech, row, start)
            return scenes.sentence(self.sounds, row, start, rng), UNKNOWN, int(second)
        if what == _CUT:
            return Scene(scenes.cut_word(self.sounds, self._word(rng), rng)), UNKNOWN, NONE
        if what == _GLUED:
            return Scene(scenes.glued(self.sounds, self._word(rng), rng)), UNKNOWN, NONE
        if what == _OTHER:
            row, _ = self._mined(mined, OTHERS, rng) or self.other_at(rng)
            return self._alone(row, rng, hard)
        return Scene(noises.silence(self.sounds, rng, self._mined(mined, NOISE, rng))), SILENCE, NONE

    def _alone(self, row: int, rng: np.random.Generator, hard: float) -> tuple[Scene, str, int]:
        return scenes.word(self.sounds, row, rng, hard, self.mix.pace), str(self.sounds.words.labels[row]), row

    def _mined(self, mined: Mined, kind: int, rng: np.random.Generator) -> tuple[int, int] | None:
        """Half of the time, one of the hard negatives of a kind, moved by up to 25 ms; otherwise None."""
        of_kind = mined[mined[:, 0] == kind]
        if not len(of_kind) or rng.random() < 0.5:
            return None
        _, row, start = (int(entry) for entry in of_kind[rng.integers(len(of_kind))])
        return row, start + int(rng.integers(-400, 401))

    def _word(self, rng: np.random.Generator) -> int:
        number = rng.choice(len(self.rows_of), p=self.chances)
        rows = self.rows_of[number]
        if self.mix.synthetic > 0 or self.mix.synthetic_by_root:
            synthetic = rng.random() < self.synthetic[number]
            wanted = rows[(rows >= self.recorded) == synthetic]
            rows = wanted if len(wanted) else rows  # a word may have but one kind
        return int(rows[rng.integers(len(rows))])

    def _synthetic_share(self, rows: NDArray[np.intp]) -> float:
        """The probability that a word with these clips is drawn from the synthetic ones."""
        if not self.mix.synthetic_by_root:
            return self.mix.synthetic
        recorded, synthetic = (float(np.sqrt(np.sum((rows >= self.recorded) == made))) for made in (False, True))
        return max(self.mix.synthetic, synthetic / (recorded + synthetic))

    def other_at(self, rng: np.random.Generator) -> tuple[int, int]:
        """A random clip of a word that is none of the recipe's, and the sample where its labelled second starts."""
        return int(self.others[rng.integers(len(self.others))]), 0

    def noise_at(self, rng: np.random.Generator) -> tuple[int, int]:
        """A random noise, in proportion to its length, and the sample where the labelled second starts."""
        row = row_by_length(self.sounds.noise, rng)
        return row, int(rng.integers(max(1, int(self.sounds.noise.lengths[row]) - RATE + 1)))

    def sentence_at(self, rng: np.random.Generator) -> tuple[int, int]:
        """A random sentence, in proportion to its length, and the sample where the labelled second starts.

        Up to 0.4 s of that second may lie outside the sentence."""
        row = row_by_length(self.sounds.speech, rng)
        return row, int(rng.integers(-6400, max(1, int(self.sounds.speech.lengths[row]) - RATE + 6400)))

    def stream(self, steps: range, mined: Mined) -> Iterator[Batch]:
        """The batches of `steps`, made by a thread while the network learns from earlier ones."""
        pool, left = ThreadPoolExecutor(1, "kwsd-batches"), iter(steps)
        try:
            making = deque(pool.submit(self.batch_at, step, mined) for step in islice(left, _AHEAD))
            while making:
                made = making.popleft().result()
                making.extend(pool.submit(self.batch_at, step, mined) for step in islice(left, 1))
                yield made
        finally:
            pool.shutdown(cancel_futures=True)

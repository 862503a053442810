"""The training run: first the convolutions learn to reproduce the teacher's, then the whole network learns words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from kwsd.errors import ConfigError
from kwsd.networks.heads import SpotterModel
from kwsd.training.batches import Batch, Mined
from kwsd.training.checkpoint import CHECKPOINT, State, of_this_run, restore, save
from kwsd.training.judging import accuracies, mine
from kwsd.training.learner import Learner, Lesson
from kwsd.training.recipe import Recipe

Report = Callable[[dict[str, float]], None]

COLUMNS = ("step", "seconds", "rate", "norm", "front_end", "words", "features", "soft", "accuracy", "per_word")
"""The columns of the journal."""

_MODELS = "models"
"""The key in a checkpoint for `Lesson.models`; earlier versions did not store them."""


class Run:
    """One run in one folder: the learner, the step, the mined windows, and the best validation result."""

    def __init__(self, recipe: Recipe, model: SpotterModel, lesson: Lesson, folder: Path, device: str) -> None:
        self.schedule, self.lesson, self.folder = recipe.schedule, lesson, folder
        self.words = len(recipe.words)
        self.learner = Learner(recipe, model, lesson, device)
        self.before = self.learner.before
        self.step = -self.before
        self.mined: Mined = np.zeros((0, 3), np.int64)
        self.best, self.stale = 0.0, 0

    @property
    def steps(self) -> int:
        """The last step, unless the patience ends the run earlier."""
        return self.schedule.steps

    def resume(self) -> bool:
        """Resume from the folder's checkpoint; returns whether there is one.

        Raises ConfigError where the recordings have changed, or a model that the recipe names, and InputError where the
        checkpoint is not this run's."""
        state = restore(self.folder / CHECKPOINT)
        if state is None:
            return False
        now = self._recordings()
        if any(state.get(key, told) != told for key, told in now.items()):  # an earlier version stored less
            # The mined windows, and all random draws, refer to recordings by number.
            raise ConfigError(
                f"{self.folder}: the recordings have changed since this run began;", "use --fresh to start over"
            )
        began = state.get(_MODELS, {})
        if changed := [key for key, found in self.lesson.models.items() if began.get(key, found) != found]:
            raise ConfigError(
                f"{self.folder}: what {' and '.join(changed)} names has changed since this run began;",
                "put that back, or use --fresh to start over",
            )
        with of_this_run(self.folder / CHECKPOINT):
            self.learner.load(state)
            self.step, self.best, self.stale = state["step"], state["best"], state["stale"]
            self.mined = state["mined"].numpy()
        return True

    def keep(self) -> None:
        """Write the checkpoint."""
        state: State = {
            **self.learner.state(),
            "step": self.step,
            "best": self.best,
            "stale": self.stale,
            "mined": torch.from_numpy(self.mined),
            _MODELS: dict(self.lesson.models),
            **self._recordings(),
        }
        save(state, self.folder / CHECKPOINT)

    def _recordings(self) -> State:
        """The sizes and digests of the recordings, which must be the same when the run is resumed."""
        sounds = self.lesson.mixer.sounds
        kinds = {"words": sounds.words, "speech": sounds.speech, "noise": sounds.noise}
        said = {kind: corpus.digest() for kind, corpus in kinds.items()}
        return {"sounds": sounds.sizes(), "clips": said | {"validation": self.lesson.validation.digest()}}

    def train(self, report: Report, settled: Callable[[], None] = lambda: None) -> SpotterModel:
        """Run to the last step, or until validation has not improved `patience` times; returns the averaged network.

        `report` gets the figures of every tenth step, and the accuracies of each validation. `settled` is called where
        the run may be interrupted: no mining or validation is then unsaved. Raises ConfigError where the network has
        diverged, because of too high a rate.
        """
        while self.step < self.schedule.steps and not self._tired():
            self._mine()
            for batch in self._batches():
                figures = self.learner.learn(batch, self.step)
                self.step += 1
                if self.step % 10 == 0:
                    report({"step": self.step, **figures})
                    if self.step % self.schedule.mine_every and not self._to_be_judged():
                        settled()
            if self._to_be_judged():
                self._validate(report)
            self.keep()
            settled()
        return self.learner.average

    def _to_be_judged(self) -> bool:
        last = self.step >= self.schedule.steps
        return self.step > 0 and (last or self.step % self.schedule.validate_every == 0)

    def _tired(self) -> bool:
        return 0 < self.schedule.patience <= self.stale

    def _batches(self) -> Iterator[Batch]:
        """The batches up to step zero, the next mining, the next validation or the end, whichever comes first."""
        every, before = self.schedule.mine_every, self.before
        last = min((self.step // every + 1) * every, self.schedule.steps)
        if self.step >= 0:
            last = min(last, (self.step // self.schedule.validate_every + 1) * self.schedule.validate_every)
        return self.lesson.mixer.stream(range(self.step + before, last + before), self.mined)

    def _mine(self) -> None:
        """Mine the windows that the network most takes for words; half of the next negatives are drawn from them."""
        if self.step < self.schedule.warmup or self.step % self.schedule.mine_every:
            return
        rng = np.random.default_rng([self.schedule.seed, 7, self.step])
        self.mined = mine(
            self.lesson.mixer,
            lambda windows: self.learner.probabilities(windows)[:, : self.words],
            self.mined,
            self.schedule.mine_windows,
            rng,
        )

    def judged(self) -> dict[str, float]:
        """The accuracies of the averaged network on the validation clips."""
        mixer = self.lesson.mixer
        return accuracies(self.lesson.validation, self.learner.probabilities, mixer.index, mixer.sounds.window)

    def _validate(self, report: Report) -> None:
        figures = self.judged()
        self.stale = 0 if figures["per_word"] > self.best else self.stale + 1
        self.best = max(self.best, figures["per_word"])
        report({"step": self.step, **figures})

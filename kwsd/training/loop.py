"""The training run: first the convolutions learn to give what the encoder's give, then all of it learns the words."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from kwsd.errors import ConfigError
from kwsd.networks.heads import SpotterModel
from kwsd.training.batches import Batch, Mined, Mixer
from kwsd.training.checkpoint import CHECKPOINT, State, of_this_run, restore, save
from kwsd.training.corpus import Corpus
from kwsd.training.divergence import check_finite
from kwsd.training.judging import accuracies, mine
from kwsd.training.losses import feature_loss, front_end_loss
from kwsd.training.rates import front_end_rate, learning_rate
from kwsd.training.recipe import Recipe
from kwsd.training.soft import SoftLabels
from kwsd.training.teacher import Taught

Report = Callable[[dict[str, float]], None]

COLUMNS = ("step", "seconds", "rate", "norm", "front_end", "words", "features", "soft", "accuracy", "per_word")
"""Of the journal."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that a run needs besides the network: what it draws from, whom it learns from, what it is judged on.

    `taught` is what the teacher says of the seconds that `mixer`'s batches name; `soft` a trained model whose scores
    are learnt too.
    """

    mixer: Mixer
    teacher: nn.Module | None
    taught: Taught | None
    validation: Corpus
    soft: SoftLabels | None = None


def _groups(model: SpotterModel, encoder_rate: float) -> tuple[list[dict[str, Any]], list[float]]:
    """The weights that learn, as the optimiser takes them, and what share of the rate each group gets."""
    if encoder_rate == 1:
        return [{"params": list(model.parameters())}], [1.0]
    learning = [(name, weights) for name, weights in model.named_parameters() if weights.requires_grad]
    within = f"{model.base_model_prefix}."
    encoder = [weights for name, weights in learning if name.startswith(within)]
    heads = [weights for name, weights in learning if not name.startswith(within)]
    return [{"params": heads}, {"params": encoder}], [1.0, encoder_rate]


class Run:
    """One run in one folder: the network, its moving average, the optimiser, the step, and what was mined."""

    def __init__(self, recipe: Recipe, model: SpotterModel, lesson: Lesson, folder: Path) -> None:
        self.recipe, self.schedule, self.lesson, self.folder = recipe, recipe.schedule, lesson, folder
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model: SpotterModel = model
        self.model.to(self.device)  # type: ignore[arg-type]  # its decorator hides the method's own signature
        self.average: SpotterModel = copy.deepcopy(self.model).requires_grad_(False)
        self.average.train(False)
        groups, self.shares = _groups(self.model, self.schedule.encoder_rate)
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=self.schedule.weight_decay)
        self.before = self.schedule.front_end_steps if lesson.teacher is not None else 0
        """Steps below zero, in which only a transplanted front end learns; batches are numbered from the first."""
        self.step = -self.before
        self.mined: Mined = np.zeros((0, 3), np.int64)
        self.best, self.stale = 0.0, 0
        if lesson.teacher is not None:
            lesson.teacher.to(self.device)
        if lesson.soft is not None:
            lesson.soft.to(self.device)
        if lesson.taught is not None:
            # Their means lie further apart than they themselves ever move: against the variance over all dimensions, a
            # network that gives nothing but the means would seem to have learnt three quarters.
            self.variance = torch.from_numpy(lesson.taught.spread()[1]).to(self.device).square()

    @property
    def steps(self) -> int:
        """The last step, but for the patience."""
        return self.schedule.steps

    def resume(self) -> bool:
        """Go on from the folder's checkpoint, if there is one. Raises ConfigError where it learnt other recordings, and
        InputError where it is none of this run."""
        state = restore(self.folder / CHECKPOINT)
        if state is None:
            return False
        now = self._recordings()
        if any(state.get(key, told) != told for key, told in now.items()):  # an earlier version told less
            # What was mined, and the order of all else, goes by their numbers.
            raise ConfigError(
                f"{self.folder}: the recordings have changed since this run began;", "take --fresh to begin anew"
            )
        with of_this_run(self.folder / CHECKPOINT):
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.best, self.stale = state["step"], state["best"], state["stale"]
            self.mined = state["mined"].numpy()
        return True

    def keep(self) -> None:
        """Write the checkpoint."""
        state: State = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best": self.best,
            "stale": self.stale,
            "mined": torch.from_numpy(self.mined),
            **self._recordings(),
        }
        save(state, self.folder / CHECKPOINT)

    def _recordings(self) -> State:
        """What a run that goes on has to find again."""
        sounds = self.lesson.mixer.sounds
        kinds = {"words": sounds.words, "speech": sounds.speech, "noise": sounds.noise}
        said = {kind: corpus.digest() for kind, corpus in kinds.items()}
        return {"sounds": sounds.sizes(), "clips": said | {"validation": self.lesson.validation.digest()}}

    def train(self, report: Report, settled: Callable[[], None] = lambda: None) -> SpotterModel:
        """Run to the last step, or until validation has not improved `patience` times; the averaged network.

        `report` gets the figures of every tenth step, and after each validation its accuracies too. `settled` is called
        where nothing is half done, mined but not kept, and the run may be broken off. Raises ConfigError where the
        network has come apart, by too high a rate.
        """
        while self.step < self.schedule.steps and not self._tired():
            self._mine()
            for batch in self._batches():
                figures = self._learn(batch)
                self.step += 1
                if self.step % 10 == 0:
                    report({"step": self.step, **figures})
                    if self.step % self.schedule.mine_every and self.step % self.schedule.validate_every:
                        settled()
            if self.step > 0 and (self.step % self.schedule.validate_every == 0 or self.step >= self.schedule.steps):
                self._validate(report)
            self.keep()
            settled()
        return self.average

    def _tired(self) -> bool:
        return 0 < self.schedule.patience <= self.stale

    def _batches(self) -> Iterator[Batch]:
        """Up to the next step at which something else happens: zero, mining, validation, the end."""
        every = self.schedule.mine_every
        last = min((self.step // every + 1) * every, self.schedule.steps)
        if self.step >= 0:
            last = min(last, (self.step // self.schedule.validate_every + 1) * self.schedule.validate_every)
        return self.lesson.mixer.stream(range(self.step + self.before, last + self.before), self.mined)

    def _learn(self, batch: Batch) -> dict[str, float]:
        torch.manual_seed(self.schedule.seed * 1_000_003 + self.step + self.before)
        front_end_only = self.step < 0
        rate = front_end_rate(self.step, self.schedule) if front_end_only else learning_rate(self.step, self.schedule)
        for group, share in zip(self.optimizer.param_groups, self.shares, strict=True):
            group["lr"] = rate * share
        windows = torch.from_numpy(batch.windows).to(self.device)
        with torch.autocast(self.device, torch.bfloat16):
            losses = {"front_end": self._front_end_loss(windows)} if front_end_only else self._losses(windows, batch)
        total = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch ships no types for it
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), 1.0))
        check_finite(self.step + 1, float(total.detach()), norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._follow()
        return {"rate": rate, "norm": norm, **{name: float(loss.detach()) for name, loss in losses.items()}}

    def _front_end_loss(self, windows: torch.Tensor) -> torch.Tensor:
        assert self.lesson.teacher is not None
        hubert: Any = self.model.hubert  # only a HuBERT learns its convolutions first
        return front_end_loss(self.lesson.teacher, windows, hubert.feature_extractor(windows).transpose(1, 2))

    def _losses(self, windows: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Cross-entropy; the error to the teacher's features where they hold; the divergence from soft labels."""
        frames = self.model.frames(windows)
        logits = self.model.classify(frames)
        losses = {"words": functional.nll_loss(logits, torch.from_numpy(batch.labels).to(self.device))}
        if self.lesson.taught is not None and self.schedule.feature_weight > 0:
            stride = math.prod(self.recipe.network.conv_stride)
            error = feature_loss(frames, batch, self.lesson.taught, self.variance, stride)
            losses["features"] = self.schedule.feature_weight * error
        if self.lesson.soft is not None and self.step >= self.schedule.soft_from:
            soft = functional.kl_div(logits, self.lesson.soft(windows), log_target=True, reduction="batchmean")
            losses["soft"] = self.schedule.soft_weight * soft
        return losses

    @torch.no_grad()
    def _follow(self) -> None:
        """The moving average takes a step; a young one follows faster."""
        age = self.step + self.before + 1
        share = 1 - min(self.schedule.ema, age / (age + 9))
        for ours, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True):
            ours.lerp_(theirs, share)

    @torch.inference_mode()
    def _probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, samples) -> (n, labels), by the averaged network."""
        with torch.autocast(self.device, torch.bfloat16):
            logits = self.average(torch.from_numpy(windows).to(self.device)).logits
        scores: NDArray[np.float32] = logits.float().exp().cpu().numpy()
        return scores

    def _mine(self) -> None:
        """Half of the sentences to come are those windows that the network now takes most for words."""
        if self.step < self.schedule.warmup or self.step % self.schedule.mine_every:
            return
        rng = np.random.default_rng([self.schedule.seed, 7, self.step])
        self.mined = mine(
            self.lesson.mixer,
            lambda windows: self._probabilities(windows)[:, : len(self.recipe.words)],
            self.mined,
            self.schedule.mine_windows,
            rng,
        )

    def judged(self) -> dict[str, float]:
        """The accuracies of the averaged network on the validation clips."""
        mixer = self.lesson.mixer
        return accuracies(self.lesson.validation, self._probabilities, mixer.index, mixer.sounds.window)

    def _validate(self, report: Report) -> None:
        figures = self.judged()
        self.stale = 0 if figures["per_word"] > self.best else self.stale + 1
        self.best = max(self.best, figures["per_word"])
        report({"step": self.step, **figures})

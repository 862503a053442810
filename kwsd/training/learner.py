"""The learner: a network, its moving average and the optimiser, which take one step for each batch."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from kwsd.networks.heads import SpotterModel
from kwsd.training.batches import Batch, Mixer
from kwsd.training.checkpoint import State
from kwsd.training.corpus import Corpus
from kwsd.training.divergence import check_finite
from kwsd.training.losses import feature_loss, front_end_loss
from kwsd.training.rates import front_end_rate, learning_rate
from kwsd.training.recipe import Recipe
from kwsd.training.soft import soft_labels
from kwsd.training.teacher import TeacherFeatures


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that a run needs besides the network: the batches, the teacher and the validation clips.

    `taught` holds the teacher's features of the seconds that `mixer`'s batches number; `soft` is a trained model whose
    scores are learnt too. Both are None if they are not used, as is `teacher`. `models` has the checksums of the
    weights that the recipe names, by its keys.
    """

    mixer: Mixer
    teacher: nn.Module | None
    taught: TeacherFeatures | None
    validation: Corpus
    soft: SpotterModel | None = None
    models: Mapping[str, str] = field(default_factory=dict)


def _groups(model: SpotterModel, encoder_rate: float) -> tuple[list[dict[str, Any]], list[float]]:
    """The optimiser's parameter groups, and each group's share of the learning rate."""
    if encoder_rate == 1:
        return [{"params": list(model.parameters())}], [1.0]
    learning = [(name, weights) for name, weights in model.named_parameters() if weights.requires_grad]
    within = f"{model.base_model_prefix}."
    encoder = [weights for name, weights in learning if name.startswith(within)]
    heads = [weights for name, weights in learning if not name.startswith(within)]
    return [{"params": heads}, {"params": encoder}], [1.0, encoder_rate]


class Learner:
    """Trains a network step by step; the run numbers the steps, and those below zero train only the front end."""

    def __init__(self, recipe: Recipe, model: SpotterModel, lesson: Lesson, device: str) -> None:
        self.recipe, self.schedule, self.lesson, self.device = recipe, recipe.schedule, lesson, device
        self.model: SpotterModel = model
        self.model.to(self.device)  # type: ignore[arg-type]  # its decorator hides the method's own signature
        self.average: SpotterModel = copy.deepcopy(self.model).requires_grad_(False)
        self.average.train(False)
        groups, self.shares = _groups(self.model, self.schedule.encoder_rate)
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=self.schedule.weight_decay)
        self.before = self.schedule.front_end_steps if lesson.teacher is not None else 0
        """The number of steps below zero, in which only a transplanted front end learns; batch 0 is for the first."""
        if lesson.teacher is not None:
            lesson.teacher.to(self.device)
        if lesson.soft is not None:
            lesson.soft.to(self.device)  # type: ignore[arg-type]  # as above
        if lesson.taught is not None:
            # Errors are relative to each dimension's own variance: the dimensions' means differ more than each varies,
            # so against the variance over all, a network that gives only the means would seem to know three quarters.
            self.variance = torch.from_numpy(lesson.taught.spread()[1]).to(self.device).square()

    def state(self) -> State:
        """The network, its average and the optimiser, for a checkpoint."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load(self, state: State) -> None:
        """Restore what `state` returned. Raises what torch raises where it is another network's."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def learn(self, batch: Batch, step: int) -> dict[str, float]:
        """Take the step number `step`, counted from 0; returns the rate, the gradient's norm and the losses.

        Raises ConfigError where the network has diverged, because of too high a rate.
        """
        torch.manual_seed(self.schedule.seed * 1_000_003 + step + self.before)
        front_end_only = step < 0
        rate = front_end_rate(step, self.schedule) if front_end_only else learning_rate(step, self.schedule)
        for group, share in zip(self.optimizer.param_groups, self.shares, strict=True):
            group["lr"] = rate if front_end_only else rate * share
        windows = torch.from_numpy(batch.windows).to(self.device)
        with torch.autocast(self.device, torch.bfloat16):
            losses = (
                {"front_end": self._front_end_loss(windows)} if front_end_only else self._losses(windows, batch, step)
            )
        total = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch ships no types for it
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), 1.0))
        check_finite(step + 1, float(total.detach()), norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._follow(step)
        return {"rate": rate, "norm": norm, **{name: float(loss.detach()) for name, loss in losses.items()}}

    def _front_end_loss(self, windows: torch.Tensor) -> torch.Tensor:
        assert self.lesson.teacher is not None
        hubert: Any = self.model.hubert  # only a HuBERT learns its convolutions first
        return front_end_loss(self.lesson.teacher, windows, hubert.feature_extractor(windows).transpose(1, 2))

    def _losses(self, windows: torch.Tensor, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        """Cross-entropy, the error to the teacher's features where these hold, and the divergence from soft labels."""
        frames = self.model.frames(windows)
        logits = self.model.classify(frames)
        losses = {"words": functional.nll_loss(logits, torch.from_numpy(batch.labels).to(self.device))}
        if self.lesson.taught is not None and self.schedule.feature_weight > 0:
            stride = math.prod(self.recipe.network.conv_stride)
            error = feature_loss(frames, batch, self.lesson.taught, self.variance, stride)
            losses["features"] = self.schedule.feature_weight * error
        if self.lesson.soft is not None and step >= self.schedule.soft_from:
            theirs = soft_labels(self.lesson.soft, windows)
            soft = functional.kl_div(logits, theirs, log_target=True, reduction="batchmean")
            losses["soft"] = self.schedule.soft_weight * soft
        return losses

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Update the moving average; in the first steps it follows faster."""
        age = step + self.before + 1
        share = 1 - min(self.schedule.ema, age / (age + 9))
        for ours, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True):
            ours.lerp_(theirs, share)

    @torch.inference_mode()
    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The averaged network's probabilities: (n, samples) -> (n, labels)."""
        with torch.autocast(self.device, torch.bfloat16):
            logits = self.average(torch.from_numpy(windows).to(self.device)).logits
        scores: NDArray[np.float32] = logits.float().exp().cpu().numpy()
        return scores

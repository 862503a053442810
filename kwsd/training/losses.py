"""Losses that compare a network's hidden states with its teacher's."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from kwsd.networks.moonshine import quieten
from kwsd.training.batches import NONE, Batch
from kwsd.training.teacher import FRAMES, STRIDE, TeacherFeatures, convolutions


def front_end_loss(teacher: nn.Module, windows: torch.Tensor, ours: torch.Tensor) -> torch.Tensor:
    """The squared error of `ours` (batch, frames, 288) to the teacher's convolutions, relative to their variance.

    The teacher hears `windows` (batch, samples); every second one of its vectors is compared."""
    with torch.no_grad():
        theirs = convolutions(teacher, quieten(windows))[:, ::2][:, : ours.shape[1]].float()
    return (ours.float() - theirs).square().mean() / theirs.var()


def feature_loss(
    frames: torch.Tensor, batch: Batch, taught: TeacherFeatures, variance: torch.Tensor, stride: int
) -> torch.Tensor:
    """The squared error to the teacher's last hidden states of the clean second, relative to the `variance` (288,).

    `frames` (batch, frames, 288) are `stride` samples apart; the teacher's are shifted to where the second lies in the
    window. Only frames within a second that the teacher knows count.
    """
    known = np.flatnonzero(batch.seconds != NONE)
    every = stride // STRIDE
    places = np.arange(frames.shape[1])[None] * every - np.round(batch.shifts[known] / STRIDE).astype(int)[:, None]
    inside = (places >= 0) & (places < FRAMES)
    theirs = taught.take(batch.seconds[known], places.clip(0, FRAMES - 1))
    target = torch.from_numpy(theirs).to(frames.device)
    weight = torch.from_numpy(inside[..., None].astype(np.float32)).to(frames.device)
    error = (frames[torch.from_numpy(known).to(frames.device)].float() - target).square() / variance * weight
    return error.sum() / (weight.sum() * target.shape[-1]).clamp_min(1e-6)

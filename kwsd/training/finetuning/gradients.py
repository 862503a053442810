"""Accumulates a network's gradient over batches until a step is taken; in half precision on a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from kwsd.audio.resample import resampled
from kwsd.networks.auto_classifier import FeatureExtractor
from kwsd.samples import RATE
from kwsd.training.divergence import check_finite

_CLIP = 1.0  # the greatest norm of the gradient
_DECAY = 0.01


def half_precision() -> torch.dtype:
    """The type in which the GPU computes: bfloat16, or float16 where it would only imitate that, which is slow."""
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float16


class Gradients:
    """A network on a device, its feature extractor, and the optimiser of its trainable weights."""

    def __init__(self, model: Any, extractor: FeatureExtractor, weights: Sequence[float], device: str) -> None:
        """`weights` has one weight in the loss for each label."""
        self.model, self.extractor = model, extractor
        self._device = device
        self._weights = torch.tensor(weights, device=device)
        learning = [weight for weight in model.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.AdamW(learning, lr=0.0, weight_decay=_DECAY)
        self._half = half_precision() if device == "cuda" else torch.float16  # not used on a processor
        self._scaler = torch.amp.GradScaler(device, enabled=device == "cuda" and self._half is torch.float16)

    def state(self) -> dict[str, Any]:
        """The state of the optimiser, for a checkpoint."""
        return {"optimizer": self._optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned, on whatever device that was."""
        self._optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:  # empty where nothing was scaled: on a processor, or in bfloat16
            self._scaler.load_state_dict(state["scaler"])

    def logits(self, windows: NDArray[np.float32]) -> torch.Tensor:
        """(batch, samples) float32 at 16 kHz -> (batch, labels)."""
        with torch.autocast("cuda", self._half) if self._device == "cuda" else contextlib.nullcontext():
            heard = self.extractor(resampled(windows, RATE, self.extractor.rate))
            found: torch.Tensor = self.model(**heard).logits
        return found

    def add(self, windows: NDArray[np.float32], labels: NDArray[np.intp]) -> float:
        """Add the gradient of the loss summed over a batch; returns that sum. Raises torch.cuda.OutOfMemoryError."""
        truth = torch.from_numpy(labels).to(self._device)
        loss = functional.cross_entropy(self.logits(windows).float(), truth, self._weights, reduction="none").sum()
        scaled: Any = self._scaler.scale(loss)
        scaled.backward()
        return float(loss.detach())

    def fitting(self, windows: NDArray[np.float32], labels: NDArray[np.intp]) -> int:
        """The size of the largest half, quarter, … of a batch that fits the memory; 0 for none.

        The accumulated gradient is lost."""
        size = len(windows) // 2
        while size:
            self._optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            with contextlib.suppress(torch.cuda.OutOfMemoryError):
                self.add(windows[:size], labels[:size])
                return size
            size //= 2
        return 0

    def take_step(self, step: int, rate: float, loss: float, heard: int) -> None:
        """Take the step number `step` along the mean gradient over `heard` windows, whose mean loss is `loss`.

        Raises ConfigError, and takes no step, where they are not finite.
        """
        self._scaler.unscale_(self._optimizer)
        learning = [weight for weight in self.model.parameters() if weight.grad is not None]
        for weight in learning:
            weight.grad /= heard
        norm = float(torch.nn.utils.clip_grad_norm_(learning, _CLIP))
        check_finite(step, loss, 0.0 if self._scaler.is_enabled() else norm)  # a scaler skips a step of infinite norm
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)

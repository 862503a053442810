"""Zero-shot classification with CLAP: labels in plain English are scored by the similarity of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, ClapModel

from kwsd.audio.resample import resampled
from kwsd.networks.auto_classifier import FeatureExtractor, warmed, whole
from kwsd.networks.loading import SAFELY, quiet
from kwsd.samples import RATE

TEMPLATE = "This is a sound of {}."
"""The prompt into which a label is put before it is embedded, as in the zero-shot pipeline of transformers."""

_MOST = 6
"""Windows that go through the network at once: few, as it pads each to ten seconds."""

Floats = NDArray[np.float32]


class ZeroShotClassifier:
    """Scores audio by the softmax of its similarities to the labels: how much better one fits than the others."""

    def __init__(
        self,
        model: Any,
        extractor: FeatureExtractor,
        tokenizer: Any,
        labels: Sequence[str],
        name: str,
        device: str,
    ) -> None:
        self._model = model.to(device).requires_grad_(False)
        self._model.train(False)
        self._extractor = extractor
        self.labels, self.name, self.device = tuple(labels), name, device
        self._text = embedded(self._model, tokenizer, labels)
        del self._model.text_model, self._model.text_projection  # half of the network, and not needed again

    @torch.inference_mode()
    def score(self, windows: Floats, rate: int = RATE) -> Floats:
        """(batch, samples) float32 in [-1, 1) at `rate` Hz -> (batch, labels) float32; each row sums to one."""
        waves = resampled(windows, rate, self._extractor.rate)
        scores = [np.zeros((0, len(self.labels)), np.float32)]
        for start in range(0, len(waves), _MOST):
            heard = self._model.get_audio_features(**self._extractor(waves[start : start + _MOST])).pooler_output
            scores.append((heard @ self._text).softmax(dim=-1).cpu().numpy())
        return np.concatenate(scores)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer that `folder` describes. Raises what transformers raises if it cannot be made."""
    with quiet():
        return AutoTokenizer.from_pretrained(folder, **SAFELY)


@torch.no_grad()
def embedded(model: Any, tokenizer: Any, labels: Sequence[str]) -> torch.Tensor:
    """The labels' embeddings, (size, labels), scaled as the model scales similarities."""
    text = tokenizer([TEMPLATE.format(label) for label in labels], return_tensors="pt", padding=True)
    found: torch.Tensor = model.get_text_features(**text.to(model.device)).pooler_output
    scaled: torch.Tensor = found.T * model.logit_scale_a.exp()
    return scaled


def load_zero_shot(folder: Path, name: str, labels: Sequence[str], window: int, device: str) -> ZeroShotClassifier:
    """The CLAP model in `folder` with its labels embedded, warmed up on windows of `window` samples at 16 kHz.

    `device` has to exist: see `kwsd.networks.devices.pick_device`.

    Raises:
        ModelError, DeviceError: as `kwsd.networks.auto_classifier.load_auto` does.
    """

    def load() -> ZeroShotClassifier:
        model = whole(ClapModel, folder, name)
        extractor = FeatureExtractor(folder, device)
        return ZeroShotClassifier(model, extractor, load_tokenizer(folder), labels, name, device)

    return warmed(load, name, folder, window)

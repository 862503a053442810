"""A classifier that runs kwsd's own networks with torch, on CUDA, or on the CPU if there is no ONNX graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForAudioClassification

from kwsd.networks.auto_classifier import whole
from kwsd.networks.heads import SpotterModel, label_names
from kwsd.networks.loading import loading

_MOST = 64
"""Windows that go through the network at once; more would only take more memory."""


class TorchClassifier:
    """Scores windows with one of kwsd's own networks."""

    def __init__(self, model: SpotterModel, name: str, device: str) -> None:
        model.to(device)  # type: ignore[arg-type]  # its decorator hides the method's own signature
        self.network = model.requires_grad_(False)
        self.network.train(False)
        self.device = device
        self.name = name
        self.labels = label_names(model.config)
        """The words, then `_unknown_`, then `_silence_`: the columns of what `score` returns."""

    @property
    def window_samples(self) -> int:
        """The length of the windows that the network was trained on."""
        return int(self.network.config.window_samples)

    @torch.inference_mode()
    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(batch, window_samples) float32 in [-1, 1) -> (batch, labels) float32: each row sums to one."""
        scores = []
        for start in range(0, len(windows), _MOST):
            waveform = torch.from_numpy(windows[start : start + _MOST]).to(self.device, non_blocking=True)
            scores.append(self.network(waveform).logits.exp().cpu().numpy())
        return np.concatenate(scores) if scores else np.zeros((0, len(self.labels)), np.float32)


def load_own(folder: Path, name: str, device: str) -> TorchClassifier:
    """The model in `folder`, warmed up with the smallest and the largest batch that it scores at once.

    `device` has to exist: see `kwsd.networks.devices.pick_device`.

    Raises:
        ModelError: the folder's config and weights do not fit each other.
        DeviceError: the GPU has too little memory.
    """
    if device == "cpu":
        # One thread costs the least processor time, and a window takes a few milliseconds.
        torch.set_num_threads(1)
    with loading(name, folder):
        model = load_network(folder)
        classifier = TorchClassifier(model, name, device)
        for batch in (1, _MOST):
            classifier.score(np.zeros((batch, model.config.window_samples), np.float32))
    return classifier


def load_network(folder: Path) -> SpotterModel:
    """The network in `folder` itself, on the CPU.

    Raises what transformers raises (see `kwsd.networks.loading`), TypeError if the network is not kwsd's own, and
    ModelError if weights are missing.
    """
    model = whole(AutoModelForAudioClassification, folder, folder.name, remedy="fetch the model again")
    if not isinstance(model, SpotterModel):
        raise TypeError("it is not one of kwsd's own networks")
    return model

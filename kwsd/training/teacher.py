"""The pre-trained speech encoder that a new HuBERT learns from: the encoder of Moonshine tiny.

Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands". Raw 16 kHz waveform
in, one vector of 288 every 384 samples out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn
from transformers import MoonshineConfig, MoonshineModel

from kwsd.errors import InputError
from kwsd.training.corpus import Corpus
from kwsd.training.scenes import excerpt

STRIDE = 384
"""Samples from one of the encoder's vectors to the next."""

FRAMES = 40
"""Vectors that the encoder gives for one second."""


def load_teacher(weights: Path) -> Any:
    """The frozen encoder, in evaluation mode.

    Raises:
        InputError: `weights` is not there.
    """
    if not weights.is_file():
        raise InputError(f"no encoder weights at {weights}: set [teacher] weights in the recipe")
    encoder: Any = MoonshineModel(MoonshineConfig()).encoder
    encoder.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    return encoder.eval().requires_grad_(False)


def quieten(waveform: torch.Tensor) -> torch.Tensor:
    """(batch, samples) brought to a peak of at most 0.5, which is what the encoder was used with."""
    peak = waveform.abs().amax(dim=1, keepdim=True).clamp_min(1e-5)
    return waveform * (0.5 / peak).clamp_max(1.0)


def convolutions(encoder: Any, waveform: torch.Tensor) -> torch.Tensor:
    """What the encoder's convolutions alone give: (batch, samples) -> (batch, frames, 288)."""
    hidden = encoder.groupnorm(torch.tanh(encoder.conv1(waveform.unsqueeze(1))))
    hidden = nn.functional.gelu(encoder.conv2(hidden))
    vectors: torch.Tensor = nn.functional.gelu(encoder.conv3(hidden)).transpose(1, 2)
    return vectors


def first_second(corpus: Corpus, index: int) -> NDArray[np.float32]:
    """A clip's first second, padded with zeros: (16000,) float32 in [-1, 1)."""
    return excerpt(corpus.clip(index), 0)


@torch.inference_mode()
def cached_features(
    encoder: Any, corpus: Corpus, place: Path, progress: Callable[[int, int], None] | None = None
) -> NDArray[np.float16]:
    """The encoder's last hidden states for every clip's first second, (clips, 40, 288) float16, computed once.

    The map is filled beside its place and moved there when it is whole.
    """
    shape = (len(corpus), FRAMES, 288)
    if not place.exists():
        part = place.with_suffix(".part")
        features = np.memmap(part, np.float16, "w+", shape=shape)
        for start in range(0, len(corpus), 64):
            rows = range(start, min(start + 64, len(corpus)))
            waveform = quieten(torch.from_numpy(np.stack([first_second(corpus, row) for row in rows])))
            with torch.autocast("cpu", torch.bfloat16):
                states = encoder(waveform).last_hidden_state
            features[start : start + len(rows)] = states.float().numpy()
            if progress:
                progress(start + len(rows), len(corpus))
        features.flush()
        part.rename(place)
    return np.memmap(place, np.float16, "r", shape=shape)

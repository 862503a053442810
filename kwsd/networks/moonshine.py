"""kwsd's larger classifier: the encoder of Moonshine, an adapter, and two heads (noise or word; which word).

It is more accurate than HuBERT and costs more, so it verifies windows in which HuBERT detects a word
(`kwsd.networks.cascade`). It is a regular `transformers` model, as described in `kwsd.networks.hubert`.

Reference:
    Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands".
"""

from __future__ import annotations

from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, AutoModelForAudioClassification, MoonshineConfig
from transformers.models.moonshine.modeling_moonshine import MoonshineEncoder

from kwsd.cards.names import MOONSHINE_TYPE
from kwsd.networks.heads import SpotterConfig, SpotterModel

KERNELS, STRIDES = (127, 7, 3), (64, 3, 2)
"""Kernel sizes and strides of the three convolutions, which are constants in transformers, too."""

LOUDEST = 0.5
"""The peak to which louder waveforms are scaled down, as the encoder was used with none above it."""


@strict
class MoonshineSpotterConfig(MoonshineConfig, SpotterConfig):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """MoonshineConfig, of which only the encoder's part is used, and the sizes of kwsd's layers on top of it."""

    model_type = MOONSHINE_TYPE

    is_encoder_decoder: bool = False


class MoonshineSpotterModel(SpotterModel):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """Moonshine's encoder with an adapter and the two heads."""

    config: MoonshineSpotterConfig
    config_class = MoonshineSpotterConfig
    base_model_prefix = "encoder"

    def __init__(self, config: MoonshineSpotterConfig) -> None:
        super().__init__(config)
        make: Any = MoonshineEncoder  # transformers leaves it without types
        self.encoder = make(config)
        self.add_heads(config)

    def frames(self, input_values: torch.Tensor) -> torch.Tensor:
        """The encoder's last hidden states for the part of the input that the scores are about; the rest is context.

        (batch, samples) float32 in [-1, 1) -> (batch, frames, hidden). If there is context, shorter input is padded
        with silence in front.
        """
        before = self.config.before_samples
        missing = max(0, self.config.window_samples - input_values.shape[1]) if before else 0
        heard = torch.nn.functional.pad(input_values, (missing, 0))
        states: torch.Tensor = self.encoder(quieten(heard)).last_hidden_state
        return states[:, states.shape[1] - vectors(heard.shape[1] - before) :]


def vectors(samples: int) -> int:
    """The number of frames (hidden vectors) that the encoder computes for `samples` samples."""
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def quieten(waveform: torch.Tensor) -> torch.Tensor:
    """Scale each waveform of (batch, samples) down to a peak of at most `LOUDEST`."""
    peak = waveform.abs().amax(dim=1, keepdim=True).clamp_min(1e-5)
    return waveform * (LOUDEST / peak).clamp_max(1.0)


AutoConfig.register(MoonshineSpotterConfig.model_type, MoonshineSpotterConfig, exist_ok=True)
AutoModelForAudioClassification.register(MoonshineSpotterConfig, MoonshineSpotterModel, exist_ok=True)

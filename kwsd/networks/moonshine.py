"""kwsd's larger classifier: the encoder of Moonshine, an adapter, and two heads (noise or word; which word).

It hears better than the HuBERT and costs more, so it is asked where that one believes to hear a word
(`kwsd.networks.cascade`). As a `transformers` model it is like `kwsd.networks.hubert`.

Reference:
    Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands".
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForAudioClassification
from transformers.models.moonshine.modeling_moonshine import MoonshineEncoder

from kwsd.networks.heads import SpotterModel
from kwsd.networks.moonshine_config import MoonshineSpotterConfig

LOUDEST = 0.5
"""The encoder was used with waveforms whose peak is at most this."""


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
        """The encoder's last hidden states: (batch, samples) float32 in [-1, 1) -> (batch, frames, hidden)."""
        states: torch.Tensor = self.encoder(quieten(input_values)).last_hidden_state
        return states


def quieten(waveform: torch.Tensor) -> torch.Tensor:
    """(batch, samples) brought to a peak of at most `LOUDEST`."""
    peak = waveform.abs().amax(dim=1, keepdim=True).clamp_min(1e-5)
    return waveform * (LOUDEST / peak).clamp_max(1.0)


AutoConfig.register(MoonshineSpotterConfig.model_type, MoonshineSpotterConfig, exist_ok=True)
AutoModelForAudioClassification.register(MoonshineSpotterConfig, MoonshineSpotterModel, exist_ok=True)

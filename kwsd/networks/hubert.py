"""kwsd's classifier: a HubertModel, an adapter, and two heads (noise or word; which word).

`HubertSpotterModel` is a regular `transformers` model: `save_pretrained` writes a config and safetensors, and once kwsd
is imported, `AutoModelForAudioClassification.from_pretrained` and `pipeline("audio-classification")` can load it.

Reference:
    Hsu et al. 2021, "HuBERT".
"""

from __future__ import annotations

import torch
from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, AutoModelForAudioClassification, HubertConfig, HubertModel

from kwsd.cards.names import HUBERT_TYPE
from kwsd.networks.heads import SpotterConfig, SpotterModel


@strict
class HubertSpotterConfig(HubertConfig, SpotterConfig):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """HubertConfig and the sizes of kwsd's layers on top of HuBERT, which scores its whole input."""

    model_type = HUBERT_TYPE

    head_size: int = 128


class HubertSpotterModel(SpotterModel):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """HuBERT with an adapter and the two heads."""

    config: HubertSpotterConfig
    config_class = HubertSpotterConfig
    base_model_prefix = "hubert"

    def __init__(self, config: HubertSpotterConfig) -> None:
        super().__init__(config)
        self.hubert = HubertModel(config)
        self.add_heads(config)

    @property
    def encoder(self) -> HubertModel:
        """The HuBERT encoder."""
        return self.hubert

    def frames(self, input_values: torch.Tensor) -> torch.Tensor:
        """The encoder's last hidden states: (batch, samples) float32 in [-1, 1) -> (batch, frames, hidden)."""
        states: torch.Tensor = self.hubert(input_values).last_hidden_state
        return states


AutoConfig.register(HubertSpotterConfig.model_type, HubertSpotterConfig, exist_ok=True)
AutoModelForAudioClassification.register(HubertSpotterConfig, HubertSpotterModel, exist_ok=True)

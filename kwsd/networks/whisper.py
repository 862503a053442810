"""kwsd's third classifier: the encoder of Whisper, an adapter, and two heads (noise or word; which word).

It was trained on other speech than Moonshine, from which the other two networks descend, and hears a mel spectrogram
instead of the waveform. So it makes other mistakes, and verifies what both of them take for a word
(`kwsd.networks.cascade`). It is a regular `transformers` model, as described in `kwsd.networks.hubert`.

Reference:
    Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision".
"""

from __future__ import annotations

from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForAudioClassification, WhisperConfig
from transformers.audio_utils import mel_filter_bank
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from kwsd.cards.names import WHISPER_TYPE
from kwsd.networks.heads import SpotterConfig, SpotterModel
from kwsd.samples import RATE

FRAME, HOP = 400, 160
"""Samples of a step of the spectrogram, and from one step to the next: 25 and 10 ms."""

MOST_BANDS = 128
"""The largest Whisper has so many; 201 frequencies fill no more."""

STEPS = 2
"""Steps of the spectrogram for each of the encoder's vectors."""

POSITIONS = "embed_positions.weight"
"""The encoder's weights of its vectors' positions, which are sines and do not learn."""

FLOOR, RANGE = 1e-10, 8.0
"""The least power, and how many powers of ten below the loudest the spectrogram ends."""


@strict
class WhisperSpotterConfig(WhisperConfig, SpotterConfig):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """WhisperConfig, of which only the encoder's part is used, and the sizes of kwsd's layers on top of it.

    The sizes are those of Whisper tiny. The input is 320 samples long for each of `max_source_positions`.
    """

    model_type = WHISPER_TYPE

    is_encoder_decoder: bool = False
    d_model: int = 384
    encoder_layers: int = 4
    encoder_attention_heads: int = 6
    encoder_ffn_dim: int = 1536
    max_source_positions: int = RATE // (HOP * STEPS)


class WhisperSpotterModel(SpotterModel):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """Whisper's encoder with an adapter and the two heads."""

    config: WhisperSpotterConfig
    config_class = WhisperSpotterConfig
    base_model_prefix = "encoder"

    def __init__(self, config: WhisperSpotterConfig) -> None:
        super().__init__(config)
        if config.window_samples != HOP * STEPS * config.max_source_positions:
            raise ValueError(f"window_samples is {config.window_samples}, not 320 for each of max_source_positions")
        if config.num_mel_bins > MOST_BANDS:
            raise ValueError(f"num_mel_bins is {config.num_mel_bins}, but may be at most {MOST_BANDS}")
        self.spectrogram = LogMel(config.num_mel_bins)
        make: Any = WhisperEncoder  # transformers leaves it without types
        self.encoder = make(config)
        self.add_heads(config)

    def frames(self, input_values: torch.Tensor) -> torch.Tensor:
        """The encoder's last hidden states for the part of the input that the scores are about; the rest is context.

        (batch, samples) float32 in [-1, 1) -> (batch, vectors, hidden). Shorter input than a window is padded with
        silence, in front if there is context, otherwise behind.
        """
        before = self.config.before_samples
        missing = max(0, self.config.window_samples - input_values.shape[1])
        heard = self.spectrogram(functional.pad(input_values, (missing, 0) if before else (0, missing)))
        states: torch.Tensor = self.encoder(heard).last_hidden_state
        return states[:, before // (HOP * STEPS) :]


class LogMel(nn.Module):
    """Whisper's spectrogram: (batch, samples) float32 -> (batch, bands, samples / 160), about -1 to 1.

    The power of frames in mel bands, as a logarithm that ends 80 dB below the window's loudest.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        filters = mel_filter_bank(
            FRAME // 2 + 1, bands, 0.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney"
        )  # as WhisperFeatureExtractor has them
        self.filters = nn.Buffer(torch.from_numpy(filters).float())  # (bins, bands); graphs take them from the weights

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        with torch.autocast(waveform.device.type, enabled=False):  # a logarithm would show the rounding
            hann = torch.hann_window(FRAME, device=waveform.device)
            spectrum = torch.stft(waveform.float(), FRAME, HOP, window=hann, return_complex=True)
            power = spectrum[..., :-1].abs().square()
            heard = (self.filters.float().T @ power).clamp(min=FLOOR).log10()
            loudest = heard.amax(dim=(1, 2), keepdim=True)
            return (torch.maximum(heard, loudest - RANGE) + 4) / 4


AutoConfig.register(WhisperSpotterConfig.model_type, WhisperSpotterConfig, exist_ok=True)
AutoModelForAudioClassification.register(WhisperSpotterConfig, WhisperSpotterModel, exist_ok=True)

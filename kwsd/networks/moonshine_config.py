"""The configuration of kwsd's larger classifier. It imports no torch, so that `AutoConfig` knows it at little cost."""

from __future__ import annotations

from huggingface_hub.dataclasses import strict
from transformers import MoonshineConfig


@strict
class MoonshineSpotterConfig(MoonshineConfig):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """MoonshineConfig, of which the encoder's half counts, and the sizes of what kwsd puts on top of it.

    `id2label` lists the words, then `_unknown_`, then `_silence_`. `unknown_offset` was taken off the logit of
    `_unknown_` after training.
    """

    model_type = "kwsd-moonshine"

    is_encoder_decoder: bool = False
    adapter_size: int = 64
    head_size: int = 256
    pooling_heads: int = 8
    head_dropout: float = 0.0
    sampling_rate: int = 16_000
    window_samples: int = 16_000
    unknown_offset: float = 0.0

"""The configuration of kwsd's classifier. It imports no torch, so that `AutoConfig` knows it at little cost."""

from __future__ import annotations

from huggingface_hub.dataclasses import strict
from transformers import HubertConfig, PreTrainedConfig


@strict
class HubertSpotterConfig(HubertConfig):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """HubertConfig and the sizes of what kwsd puts on top of it.

    `id2label` lists the words, then `_unknown_`, then `_silence_`: the word head has one node for each but the last,
    which is the noise head's. `unknown_offset` was taken off the logit of `_unknown_` after training.
    """

    model_type = "kwsd-hubert"

    adapter_size: int = 64
    head_size: int = 128
    pooling_heads: int = 8
    head_dropout: float = 0.0
    sampling_rate: int = 16_000
    window_samples: int = 16_000
    unknown_offset: float = 0.0


def label_names(config: PreTrainedConfig) -> tuple[str, ...]:
    """The labels in the order of the logits."""
    names = config.id2label or {}
    return tuple(str(names[index]) for index in range(len(names)))  # type: ignore[index]  # integers, once read

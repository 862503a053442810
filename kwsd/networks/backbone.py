"""Any speech encoder with kwsd's adapter and head on top: what `kwsd train --backbone --frozen` trains.

Once kwsd is imported, `AutoModelForAudioClassification` and `pipeline("audio-classification")` can load it. It also
makes a classifier of encoders for which transformers has none (Moonshine).
"""

from __future__ import annotations

from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import (
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from kwsd.cards.names import BACKBONE_TYPE
from kwsd.networks.heads import Adapter, AttentivePooling, Head
from kwsd.networks.loading import NotAnEncoder

_WITH_DECODER = frozenset({"whisper", "moonshine"})
"""Models of which only the encoder half is used."""


@strict
class BackboneConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """The encoder's own configuration as a dictionary (`backbone`), and the sizes of kwsd's layers on top of it."""

    model_type = BACKBONE_TYPE

    backbone: dict[str, Any] | None = None
    adapter_size: int = 64
    head_size: int = 128
    pooling_heads: int = 8
    head_dropout: float = 0.1
    window_samples: int = 16_000


def encoder_of(model: nn.Module) -> nn.Module:
    """The encoder of a base model, which may be the whole model."""
    kind = getattr(model.config, "model_type", "")
    part: nn.Module = model.encoder if kind in _WITH_DECODER else model  # type: ignore[assignment]  # a tensor, for all mypy knows
    return part


def check_hears(config: Any) -> None:
    """Raise NotAnEncoder where transformers' network of this configuration is not for sounds, or is made of others.

    Such a network cannot hear, yet some fetch code from the Hub when they are made (Mamba) or compile it (RWKV), and
    parts have no protection against code that `auto_map` names. One with a decoder takes more than sounds (SpeechT5),
    and a codec gives no features (Mimi).
    """
    kind: Any = MODEL_MAPPING.get(type(config), None)  # transformers leaves it without types
    if kind is None:
        return  # there is no network, and transformers will say why
    if hasattr(kind, "decode"):
        raise NotAnEncoder(f"kwsd cannot take the encoder of a codec alone (model_type: {config.model_type!r:.40})")
    modalities = kind.input_modalities
    if "audio" not in ([modalities] if isinstance(modalities, str) else modalities):
        raise NotAnEncoder(f"its encoder is not for sounds (model_type: {config.model_type!r:.40})")
    if type(config).sub_configs:  # the class's, as a config.json may set the object's
        raise NotAnEncoder(f"its encoder is made of other models (model_type: {config.model_type!r:.40})")
    if config.is_encoder_decoder and config.model_type not in _WITH_DECODER:
        raise NotAnEncoder(f"kwsd cannot take its encoder without its decoder (model_type: {config.model_type!r:.40})")


class BackboneForAudioClassification(PreTrainedModel):  # type: ignore[no-untyped-call]  # nor this
    """Encoder, adapter, attentive pooling, and one head with a node per label."""

    config: BackboneConfig
    config_class = BackboneConfig
    base_model_prefix = ""  # with a name in it, transformers looks for weights without that name too, and mixes them up
    input_modalities = "audio"

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__(config)
        table = dict(config.backbone or {})
        inner: Any = AutoConfig.for_model(table.pop("model_type"), **table)
        adapted = getattr(inner, "add_adapter", False)
        size = int(inner.output_hidden_size if adapted else inner.hidden_size)
        check_hears(inner)
        make: Any = AutoModel.from_config  # transformers leaves it without types
        self.encoder = encoder_of(make(inner, trust_remote_code=False))  # else it may ask whether to run its code
        self.main_input_name = str(self.encoder.main_input_name)
        self.adapter = Adapter(size, config.adapter_size, config.head_dropout)
        self.pooling = AttentivePooling(size, config.pooling_heads)
        self.head = Head(size, config.head_size, len(config.id2label or {}), config.head_dropout)
        self.post_init()  # type: ignore[no-untyped-call]  # nor this

    def forward(
        self,
        input_values: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **unused: Any,
    ) -> SequenceClassifierOutput:
        """The encoder's inputs -> logits (batch, labels), and the loss if `labels` (batch,) are given.

        An attention mask is accepted but not used, as all windows have the same length.
        """
        del unused
        heard = input_features if input_values is None else input_values
        frames = self.encoder(heard).last_hidden_state
        logits = self.head(self.pooling(self.adapter(frames)))
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


AutoConfig.register(BackboneConfig.model_type, BackboneConfig, exist_ok=True)
AutoModelForAudioClassification.register(BackboneConfig, BackboneForAudioClassification, exist_ok=True)

"""Kwsd's layers on top of an encoder: an adapter, attentive pooling, and two heads (noise or word; which word).

References:
    Houlsby et al. 2019, "Parameter-Efficient Transfer Learning" (the adapter); Lin et al. 2017, "A Structured
    Self-Attentive Sentence Embedding" (attentive pooling).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from safetensors import safe_open
from safetensors.numpy import load_file
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from kwsd.cards.names import WEIGHTS
from kwsd.labels import composed, misplaced
from kwsd.networks.loading import SAFELY
from kwsd.networks.quantization import SCALE, expanded
from kwsd.samples import RATE


class Adapter(nn.Module):
    """Down-projection, ReLU, dropout and up-projection back to the hidden size, with a residual connection.

    (batch, frames, hidden) -> (batch, frames, hidden). All of its weights start small, so that an untrained adapter
    changes little.
    """

    def __init__(self, hidden_size: int, adapter_size: int, dropout: float) -> None:
        super().__init__()
        self.down = nn.Linear(hidden_size, adapter_size)
        self.dropout = nn.Dropout(dropout)
        self.up = nn.Linear(adapter_size, hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        narrow = self.dropout(functional.relu(self.down(hidden)))
        widened: torch.Tensor = self.up(narrow)
        return hidden + widened


class AttentivePooling(nn.Module):
    """A weighted mean over time, with separate weights for each slice (head) of the hidden vector.

    (batch, frames, hidden) -> (batch, hidden). A word fills a third of its window, and a plain mean would dilute it.
    """

    def __init__(self, hidden_size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.score = nn.Linear(hidden_size, heads)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        batch, frames, size = hidden.shape
        weights = self.score(hidden).softmax(dim=1).unsqueeze(-1)
        slices = hidden.view(batch, frames, self.heads, size // self.heads)
        pooled: torch.Tensor = (weights * slices).sum(dim=1)
        return pooled.reshape(batch, size)


class Head(nn.Module):
    """Two linear layers with ReLU and dropout between them: (batch, hidden) -> (batch, nodes)."""

    def __init__(self, hidden_size: int, head_size: int, nodes: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(hidden_size, head_size)
        self.dropout = nn.Dropout(dropout)
        self.outer = nn.Linear(head_size, nodes)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.outer(self.dropout(functional.relu(self.inner(pooled))))
        return scores


@strict
class SpotterConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """The sizes of kwsd's layers, for a network's configuration, which names this class after its encoder's.

    `id2label` lists the words, then `_unknown_`, then `_silence_`: the word head has one node for each but the last,
    which belongs to the noise head. `unknown_offset` was subtracted from the logit of `_unknown_` after training, and
    `word_offsets` were added to those of some words. The input is `window_samples` long; the scores are about the last
    `about_samples` of it, None for all.
    """

    adapter_size: int = 64
    head_size: int = 256
    pooling_heads: int = 8
    head_dropout: float = 0.0
    sampling_rate: int = RATE
    window_samples: int = RATE
    about_samples: int | None = None
    unknown_offset: float = 0.0
    word_offsets: dict[str, float] | None = None

    @property
    def before_samples(self) -> int:
        """Samples at the beginning of a window that only serve as context."""
        return self.window_samples - (self.about_samples or self.window_samples)


class SpotterModel(PreTrainedModel):  # type: ignore[no-untyped-call]  # transformers types no __init_subclass__
    """An encoder with the adapter and the two heads; a subclass has the encoder and implements `frames`.

    The logits are logarithms of probabilities that sum to one, so that softmax gives these probabilities:
    P(silence) = 1 - P(word), P(label) = P(word) P(label | word).
    """

    main_input_name = "input_values"
    input_modalities = "audio"

    @classmethod
    def from_pretrained(cls, folder: Any, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]  # any option
        """Load a model as transformers does, but expand weights in 8 bits (`kwsd.networks.quantization`) first."""
        path = Path(str(folder)) / WEIGHTS
        if not path.is_file() or not is_compact(path):
            return super().from_pretrained(folder, *arguments, **options)
        config = options.pop("config", None) or AutoConfig.from_pretrained(folder, **SAFELY)
        weights = {name: torch.from_numpy(values) for name, values in expanded(load_file(path)).items()}
        kept = {name: options[name] for name in ("dtype", "output_loading_info") if name in options}
        return super().from_pretrained(None, config=config, state_dict=weights, **kept)

    def add_heads(self, config: Any) -> None:
        """Add adapter, pooling and heads in the sizes of `config`; a subclass calls it once it has its encoder.

        Raises:
            ValueError: the last label is not `_silence_`.
        """
        labels = label_names(config)
        if what := misplaced(labels):
            raise ValueError(what)
        size, inner, dropout = config.hidden_size, config.head_size, config.head_dropout
        self.adapter = Adapter(size, config.adapter_size, dropout)
        self.pooling = AttentivePooling(size, config.pooling_heads)
        self.word_head = Head(size, inner, len(labels) - 1, dropout)
        self.noise_head = Head(size, inner // 2, 1, dropout)
        self.post_init()  # type: ignore[no-untyped-call]  # nor this

    def frames(self, input_values: torch.Tensor) -> torch.Tensor:
        """The encoder's last hidden states: (batch, samples) float32 in [-1, 1) -> (batch, frames, hidden)."""
        raise NotImplementedError

    def classify(self, frames: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (batch, labels) float32 from the encoder's last hidden states."""
        pooled = self.pooling(self.adapter(frames))
        words = functional.log_softmax(self.word_head(pooled).float(), dim=-1)
        word_or_noise = self.noise_head(pooled).float()
        return torch.cat([words + functional.logsigmoid(word_or_noise), functional.logsigmoid(-word_or_noise)], dim=-1)

    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **unused: Any,
    ) -> SequenceClassifierOutput:
        """(batch, samples) float32 -> logits (batch, labels), and the loss if `labels` (batch,) are given.

        `attention_mask` is accepted for the pipeline but not used, as the model was trained on windows padded with
        zeros.
        """
        del attention_mask, unused
        logits = self.classify(self.frames(input_values))
        loss = None if labels is None else functional.nll_loss(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def is_compact(weights: Path) -> bool:
    """Whether a safetensors file holds tensors in 8 bits, with a scale beside each."""
    with safe_open(weights, framework="np") as tensors:
        return any(name.endswith(SCALE) for name in tensors.keys())  # noqa: SIM118  # it is no mapping


def label_tables(labels: Sequence[str]) -> dict[str, Any]:
    """The config entries `id2label` and `label2id` for labels in the order of the logits."""
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}


def label_names(config: PreTrainedConfig) -> tuple[str, ...]:
    """The labels in the order of the logits."""
    names = config.id2label or {}
    return tuple(composed(str(names[index])) for index in range(len(names)))  # type: ignore[index]  # integers, once read

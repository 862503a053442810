"""The pre-trained speech encoders that networks start from. A HuBERT also learns from one: that of Moonshine tiny.

Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands". Raw 16 kHz waveform
in, one vector of 288 every 384 samples out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import MoonshineConfig, MoonshineModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from kwsd.audio.endpointing import cut_window
from kwsd.errors import InputError, first_line
from kwsd.networks.moonshine import quieten
from kwsd.networks.whisper import WhisperSpotterConfig
from kwsd.samples import RATE
from kwsd.training.cache import caching
from kwsd.training.corpus import Corpus
from kwsd.training.recipe_file import TEACHER_SIZE, TEACHER_STRIDE

STRIDE = TEACHER_STRIDE
"""Samples from one of the encoder's vectors to the next."""

WHISPER_POSITIONS = 1500
"""Positions for which Whisper's own encoder has weights: half a minute."""

FRAMES = 40
"""Vectors that the encoder gives for one second."""


def load_teacher(weights: Path) -> Any:
    """The frozen encoder, in evaluation mode.

    Raises:
        InputError: `weights` does not exist, or is not that encoder's.
    """
    return _loaded(MoonshineModel(MoonshineConfig()).encoder, weights, "Moonshine tiny")


def load_whisper(weights: Path) -> Any:
    """The frozen encoder of Whisper tiny. Raises InputError as `load_teacher` does."""
    make: Any = WhisperEncoder  # transformers leaves it without types
    tiny = WhisperSpotterConfig(max_source_positions=WHISPER_POSITIONS)
    return _loaded(make(tiny), weights, "Whisper tiny")


def _loaded(encoder: Any, weights: Path, name: str) -> Any:
    if not weights.is_file():
        what = f"no encoder weights at {weights}: put those of {name}'s encoder there (see models/README.md)"
        raise InputError(f"{what}, or set [teacher] weights in the recipe")
    try:
        encoder.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    except (SafetensorError, OSError, RuntimeError) as error:
        what = f"{weights}: not the weights of {name}'s encoder alone ({first_line(error)})"
        raise InputError(f"{what}; set [teacher] weights in the recipe") from error
    return encoder.eval().requires_grad_(False)


def convolutions(encoder: Any, waveform: torch.Tensor) -> torch.Tensor:
    """The output of the encoder's convolutions alone: (batch, samples) -> (batch, frames, 288)."""
    hidden = encoder.groupnorm(torch.tanh(encoder.conv1(waveform.unsqueeze(1))))
    hidden = nn.functional.gelu(encoder.conv2(hidden))
    vectors: torch.Tensor = nn.functional.gelu(encoder.conv3(hidden)).transpose(1, 2)
    return vectors


@dataclass(frozen=True, slots=True)
class TeacherFeatures:
    """The encoder's features of clean seconds, numbered consecutively through all `parts`, (seconds, 40, 288) each."""

    parts: tuple[NDArray[np.float16], ...]

    def take(self, seconds: NDArray[np.int64], frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors at `frames` (n, m) of `seconds` (n,): (n, m, 288)."""
        taken = np.empty((*frames.shape, self.parts[0].shape[-1]), np.float32)
        first = 0
        for part in self.parts:
            here = (seconds >= first) & (seconds < first + len(part))
            taken[here] = part[(seconds[here] - first)[:, None], frames[here]]
            first += len(part)
        return taken

    def spread(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each dimension, (288,) each, over a thousand seconds of the first part."""
        sample = self.parts[0][:: max(1, len(self.parts[0]) // 1000)].astype(np.float32).reshape(-1, TEACHER_SIZE)
        return sample.mean(axis=0), sample.std(axis=0) + np.float32(1e-3)


@torch.inference_mode()
def teacher_features(
    encoder: Any,
    weights: str,
    corpus: Corpus,
    seconds: tuple[NDArray[np.int64], NDArray[np.int64]],
    cache: Path,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> NDArray[np.float16]:
    """The encoder's last hidden states, (seconds, 40, 288) float16, for `seconds` of a corpus (clips, start samples).

    They are computed once for the encoder whose hash is `weights`, and memory-mapped from `cache`.

    Raises:
        DeviceError: the disk is full.
        OutputError: `cache` cannot be written to.
    """
    rows, starts = seconds
    digest = hashlib.sha256(weights.encode())
    for column in (corpus.names, corpus.starts, rows, starts, corpus.samples):  # samples: old names may get new clips
        digest.update(np.ascontiguousarray(column).data)
    place = cache / f"{digest.hexdigest()[:16]}.features"
    shape = (len(rows), FRAMES, TEACHER_SIZE)
    if not _is_whole(place, shape):
        with caching(place) as file:
            for first in range(0, len(rows), 64):
                some = range(first, min(first + 64, len(rows)))
                clips = np.stack(
                    [cut_window(corpus.clip(int(rows[number])), int(starts[number]), RATE) for number in some]
                )
                with torch.autocast("cpu", torch.bfloat16):
                    states = encoder(quieten(torch.from_numpy(clips))).last_hidden_state
                file.write(states.float().numpy().astype(np.float16).tobytes())
                progress(first + len(some), len(rows))
    return np.memmap(place, np.float16, "r", shape=shape)


def _is_whole(place: Path, shape: tuple[int, ...]) -> bool:
    """Whether an earlier call cached features of this shape in `place`; a power cut may have left a part of them."""
    return place.exists() and place.stat().st_size == math.prod(shape) * np.dtype(np.float16).itemsize

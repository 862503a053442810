"""Somebody else's classifier as ONNX files, traced by torch: from samples to probabilities, preprocessing inside."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn
from transformers import AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

from kwsd.cards.foreign import MANY
from kwsd.cards.names import INPUT, OUTPUT
from kwsd.errors import NO_ROOM, DeviceError, KwsdError, ModelError, first_line
from kwsd.exporting.spectrograms import spectrogram
from kwsd.exporting.symbolics import moonshine_drawn
from kwsd.networks.auto_classifier import load_extractor, whole
from kwsd.networks.loading import loading

_OPSET = 17
_SMALLEST_VARIANCE = 1e-7  # of Wav2Vec2FeatureExtractor, under the root


class _FromSamples(nn.Module):
    """A classifier with what its feature extractor does in front of it, and probabilities behind it."""

    def __init__(self, heard: nn.Module, model: nn.Module, *, many: bool) -> None:
        super().__init__()
        self._heard, self._model, self._many = heard, model, many

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) float32 -> (batch, labels)."""
        logits: torch.Tensor = self._model(self._heard(windows)).logits.float()
        return logits.sigmoid() if self._many else logits.softmax(dim=-1)


class _Normalised(nn.Module):
    """Each window to mean 0 and variance 1, as `Wav2Vec2FeatureExtractor` does it."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) float32 -> the same."""
        windows = windows - windows.mean(dim=1, keepdim=True)
        variance = (windows * windows).mean(dim=1, keepdim=True)
        return windows / torch.sqrt(variance + _SMALLEST_VARIANCE)


def trace(folder: Path, name: str, window: int) -> tuple[onnx.ModelProto, str]:
    """The classifier in `folder` for windows of `window` samples at its own rate, and its problem_type.

    Raises:
        ModelError: its feature extractor is not known here, or torch cannot trace it.
    """
    with loading(name, folder):
        extractor = load_extractor(folder)
        model = whole(AutoModelForAudioClassification, folder, name)
        heard = front_end(extractor, window, name)
    many = model.config.problem_type == MANY
    network = _FromSamples(heard, model, many=many)
    drawn = traced(network, window, name, model.config.num_labels)
    return drawn, MANY if many else "single_label_classification"


def front_end(extractor: Any, window: int, name: str) -> nn.Module:
    """What the extractor does to windows. Raises ModelError where that is not known here."""
    if isinstance(extractor, Wav2Vec2FeatureExtractor):
        return _Normalised() if extractor.do_normalize else nn.Identity()
    found = spectrogram(extractor, window, name)
    if found is None:
        raise ModelError(
            f"{name} hears what {type(extractor).__name__} makes of sound, which kwsd cannot put into a file: take it "
            "as it is, with --model"
        )
    return found


def traced(network: nn.Module, window: int, name: str, labels: int) -> onnx.ModelProto:
    """A network that takes windows (batch, window) float32 and gives scores (batch, labels), as a graph.

    Raises:
        ModelError: torch cannot trace it.
        DeviceError: the temporary folder is full.
    """
    network.train(False)
    try:
        with _scratch() as path, _quietly(), moonshine_drawn(_OPSET), torch.no_grad():
            torch.onnx.export(
                network, (_example(window),), path, dynamo=False,  # the other exporter needs a package more
                input_names=[INPUT], output_names=[OUTPUT], opset_version=_OPSET,
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            )  # fmt: skip
            drawn = onnx.load(path)
    except KwsdError:
        raise
    except Exception as error:  # torch's, protobuf's and transformers' own have no common class but this one
        raise ModelError(f"torch cannot trace {name} for ONNX: {first_line(error)}") from error
    drawn.graph.output[0].type.tensor_type.shape.dim[1].dim_value = labels
    return drawn


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its matrices in 8 bits, of which 7 are used: a processor without VNNI would overflow.

    Raises DeviceError where the temporary folder is full.
    """
    with _scratch() as path, _quietly():
        quantize_dynamic(
            model, path, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True,
            weight_type=QuantType.QInt8,
        )  # fmt: skip
        try:
            return onnx.load(path)
        except Exception as error:  # protobuf's: who writes it does not look whether all of it was written
            raise _no_room() from error


def _example(window: int) -> torch.Tensor:
    """Two windows: a batch of one would be taken for the only size there is."""
    return torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, window)).astype(np.float32))


@contextmanager
def _scratch() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="kwsd-") as folder:
            yield Path(folder) / "model.onnx"
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise _no_room() from error


def _no_room() -> DeviceError:
    what = f"{tempfile.gettempdir()}: no room for a copy of the network ({os.strerror(errno.ENOSPC)})"
    return DeviceError(what, "make some, or set TMPDIR to where there is")


@contextmanager
def _quietly() -> Iterator[None]:
    """Tracing warns of what is checked afterwards, and that another exporter is newer; where it fails, it prints all
    that it has so far on standard output."""
    root, core = logging.getLogger(), torch._C
    level, printed = root.level, core._jit_onnx_log
    root.setLevel(logging.ERROR)
    core._jit_onnx_log = lambda *_: None  # type: ignore[method-assign, unused-ignore]  # a switch of its own does nothing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        core._jit_onnx_log = printed  # type: ignore[method-assign, unused-ignore]

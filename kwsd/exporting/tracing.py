"""Traces a foreign classifier to ONNX by torch, from samples to probabilities with the preprocessing inside."""

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

from kwsd.cards.foreign import MANY, SINGLE
from kwsd.cards.names import INPUT, OUTPUT
from kwsd.errors import NO_ROOM, DeviceError, KwsdError, ModelError, first_line
from kwsd.exporting.spectrograms import spectrogram
from kwsd.exporting.symbolics import moonshine_drawn
from kwsd.networks.auto_classifier import load_extractor, whole
from kwsd.networks.loading import loading

_OPSET = 17
_SMALLEST_VARIANCE = 1e-7  # Wav2Vec2FeatureExtractor adds it to the variance, under the root


class _FromSamples(nn.Module):
    """A classifier between its feature extraction and the conversion of its logits to probabilities."""

    def __init__(self, heard: nn.Module, model: nn.Module, *, many: bool) -> None:
        super().__init__()
        self._heard, self._model, self._many = heard, model, many

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) float32 -> (batch, labels)."""
        logits: torch.Tensor = self._model(self._heard(windows)).logits.float()
        return logits.sigmoid() if self._many else logits.softmax(dim=-1)


class _Normalised(nn.Module):
    """Normalises each window to mean 0 and variance 1, as `Wav2Vec2FeatureExtractor` does."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) float32 -> (batch, window) float32."""
        windows = windows - windows.mean(dim=1, keepdim=True)
        variance = (windows * windows).mean(dim=1, keepdim=True)
        return windows / torch.sqrt(variance + _SMALLEST_VARIANCE)


def trace(folder: Path, name: str, window: int) -> tuple[onnx.ModelProto, str]:
    """The graph of the classifier in `folder` for windows of `window` samples at its own rate, and its problem_type.

    Raises:
        ModelError: its feature extractor is not supported, or torch cannot trace it.
    """
    with loading(name, folder):
        extractor = load_extractor(folder)
        model = whole(AutoModelForAudioClassification, folder, name)
        heard = front_end(extractor, window, name)
    many = model.config.problem_type == MANY
    network = _FromSamples(heard, model, many=many)
    drawn = traced(network, window, name, model.config.num_labels)
    return drawn, MANY if many else SINGLE


def front_end(extractor: Any, window: int, name: str) -> nn.Module:
    """A module that does what the extractor does to windows. Raises ModelError where that is not supported."""
    if isinstance(extractor, Wav2Vec2FeatureExtractor):
        return _Normalised() if extractor.do_normalize else nn.Identity()
    found = spectrogram(extractor, window, name)
    if found is None:
        raise ModelError(
            f"{name} cannot be exported: kwsd cannot put its feature extractor {type(extractor).__name__} into a file;",
            "use the model itself, with --model",
        )
    return found


def traced(network: nn.Module, window: int, name: str, labels: int) -> onnx.ModelProto:
    """Trace a network that maps windows (batch, window) float32 to scores (batch, labels) into a graph.

    Raises:
        ModelError: torch cannot trace it.
        DeviceError: the temporary folder is full.
    """
    network.train(False)
    try:
        with _scratch() as path, _quietly(), moonshine_drawn(_OPSET), torch.no_grad():
            torch.onnx.export(
                network, (_example(window),), path, dynamo=False,  # the newer exporter needs another package
                input_names=[INPUT], output_names=[OUTPUT], opset_version=_OPSET,
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            )  # fmt: skip
            drawn = onnx.load(path)
    except KwsdError:
        raise
    except Exception as error:  # errors of torch, protobuf and transformers share no other class
        raise ModelError(
            f"torch cannot export {name} to ONNX ({first_line(error)});", "use the model itself, with --model"
        ) from error
    drawn.graph.output[0].type.tensor_type.shape.dim[1].dim_value = labels
    return drawn


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its matrices in 8 bits, of which 7 are used, lest a processor without VNNI overflow.

    Raises DeviceError where the temporary folder is full.
    """
    with _scratch() as path, _quietly():
        quantize_dynamic(
            model, path, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True,
            weight_type=QuantType.QInt8,
        )  # fmt: skip
        try:
            return onnx.load(path)
        except Exception as error:  # protobuf's: the writer does not check that the whole file was written
            raise _no_room() from error


def _example(window: int) -> torch.Tensor:
    """Two example windows: with one, tracing would fix the batch size to 1."""
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
    return DeviceError(what, "free some space, or set TMPDIR to another folder")


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence tracing, which warns of what is checked afterwards and of a newer exporter.

    When it fails, it also prints the graph so far on standard output."""
    root, core = logging.getLogger(), torch._C
    level, printed = root.level, core._jit_onnx_log
    root.setLevel(logging.ERROR)
    core._jit_onnx_log = lambda *_: None  # type: ignore[method-assign, unused-ignore]  # torch's own switch has no effect
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        core._jit_onnx_log = printed  # type: ignore[method-assign, unused-ignore]

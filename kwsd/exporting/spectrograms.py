"""The feature extractors of transformers as torch modules that can be traced into an ONNX graph.

Each takes windows of one length. Filter banks, windows and lengths are those of the extractor that it replaces.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from transformers import ASTFeatureExtractor, ClapFeatureExtractor, WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank, window_function

from kwsd.errors import ModelError

# Constants of transformers' code that are not among an extractor's attributes:
_AST_FRAME, _AST_HOP, _AST_FFT, _AST_LOWEST_HZ = 400, 160, 512, 20
_AST_PREEMPHASIS, _AST_FLOOR = 0.97, 1.192092955078125e-07
_FLOOR = 1e-10
_WHISPER_RANGE = 8.0  # powers of ten below the loudest


def spectrogram(extractor: Any, window: int, name: str) -> nn.Module | None:
    """A module that does what `extractor` does: (batch, window) float32 -> features; None for one of another kind.

    Raises:
        ModelError: the extractor does something at random, or pads with anything but silence.
    """
    if isinstance(extractor, ASTFeatureExtractor):
        return _Ast(extractor, window)
    if isinstance(extractor, WhisperFeatureExtractor):
        if extractor.dither or extractor.padding_value:
            raise ModelError(
                f"{name} cannot be exported: its feature extractor adds noise, or does not pad with silence;",
                "use the model itself, with --model",
            )
        return _Whisper(extractor, window)
    if isinstance(extractor, ClapFeatureExtractor):
        if window > extractor.nb_max_samples:
            raise ModelError(
                f"{name} uses only a random part of more than {extractor.max_length_s} s;",
                f"set --window to {extractor.max_length_s} or less",
            )
        return _Clap(extractor, window)
    return None


class _Mel(nn.Module):
    """Power in mel bands: (batch, samples) float32 -> (batch, steps, bands) float32, at least `floor`.

    It computes in double precision, as numpy does: beside a loud tone, single precision would fill an empty band with
    rounding noise, which the logarithm would show. Nor are matrices in double precision quantised to 8 bits.
    """

    def __init__(self, transform: NDArray[Any], filters: NDArray[Any], hop: int, steps: int, floor: float) -> None:
        """`transform` (frame, bins) complex gives a frame's spectrum, `filters` (bins, bands) weight its power."""
        super().__init__()
        heard = filters.any(axis=1)
        kept = transform[:, heard]
        self._transform = nn.Buffer(torch.from_numpy(np.hstack([kept.real, kept.imag])))
        self._filters = nn.Buffer(torch.from_numpy(np.vstack([filters[heard]] * 2).astype(np.float64)))
        self._frame, self._hop, self._steps, self._floor = len(transform), hop, steps, floor

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        starts = range(0, self._frame, self._hop)
        stretch = self._steps * self._hop
        samples = functional.pad(samples, (0, max(0, starts[-1] + stretch - int(samples.shape[1]))))
        # Frames overlap: put their first hops, second hops, … side by side. (`unfold` is traced as a node per frame.)
        hops = [samples[:, start : start + stretch].reshape(-1, self._steps, self._hop) for start in starts]
        spectrum = torch.cat(hops, 2)[..., : self._frame].double() @ self._transform
        power: torch.Tensor = (spectrum * spectrum) @ self._filters  # of real and imaginary parts, which it adds up
        return power.float().clamp(min=self._floor)


class _Ast(nn.Module):
    """`ASTFeatureExtractor`: Kaldi's filter bank, zero padding to a fixed length, and normalisation by constants."""

    def __init__(self, extractor: Any, window: int) -> None:
        super().__init__()
        # With torchaudio, the extractor has neither filters nor window of its own; these are equal to that library's.
        filters, shape = getattr(extractor, "mel_filters", None), getattr(extractor, "window", None)
        if filters is None or shape is None:
            rate = extractor.sampling_rate
            filters = mel_filter_bank(
                _AST_FFT // 2 + 1, extractor.num_mel_bins, _AST_LOWEST_HZ, rate // 2, rate,
                norm=None, mel_scale="kaldi", triangularize_in_mel_space=True,
            )  # fmt: skip
            shape = window_function(_AST_FRAME, "hann", periodic=False)
        frame = len(shape)
        steps = min(1 + (window - frame) // _AST_HOP, extractor.max_length)
        emphasis = np.eye(frame) - _AST_PREEMPHASIS * np.eye(frame, k=1)
        emphasis[0, 0] -= _AST_PREEMPHASIS
        prepared = (np.eye(frame) - 1 / frame) @ emphasis  # without each frame's mean, treble raised
        self._mel = _Mel(prepared @ _fourier(shape, _AST_FFT), filters, _AST_HOP, steps, _AST_FLOOR)
        self._missing = extractor.max_length - steps
        self._mean = float(extractor.mean) if extractor.do_normalize else 0.0
        self._scale = 2 * float(extractor.std) if extractor.do_normalize else 1.0

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) -> (batch, steps, bands)."""
        heard: torch.Tensor = functional.pad(self._mel(windows).log(), (0, 0, 0, self._missing))
        return (heard - self._mean) / self._scale


class _Whisper(nn.Module):
    """`WhisperFeatureExtractor`: silence padding to a fixed length, centred frames, and a range of 80 dB."""

    def __init__(self, extractor: Any, window: int) -> None:
        super().__init__()
        self._half, hop = extractor.n_fft // 2, extractor.hop_length
        self._window, self._silence = min(window, extractor.n_samples), max(0, extractor.n_samples - window)
        steps = extractor.n_samples // hop
        heard = min(steps, -(-(self._window + self._half) // hop))  # later frames hold only silence
        shape = window_function(extractor.n_fft, "hann")
        self._mel = _Mel(_fourier(shape, extractor.n_fft), extractor.mel_filters, hop, heard, _FLOOR)
        self._missing = steps - heard

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) -> (batch, bands, steps)."""
        whole = functional.pad(windows[:, : self._window], (0, self._silence))
        whole = functional.pad(whole[:, None], (self._half, self._half), mode="reflect")[:, 0]
        power = functional.pad(self._mel(whole), (0, 0, 0, self._missing), value=_FLOOR)
        heard = power.log10()
        loudest = heard.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(heard, loudest - _WHISPER_RANGE).transpose(1, 2) + 4) / 4


class _Clap(nn.Module):
    """`ClapFeatureExtractor`: the sound repeated to a fixed length, in decibels; four copies for a fusion model."""

    def __init__(self, extractor: Any, window: int) -> None:
        super().__init__()
        frame, hop, wanted = extractor.fft_window_size, extractor.hop_length, extractor.nb_max_samples
        fused = extractor.truncation == "fusion"
        times = {"repeat": wanted // window + 1, "repeatpad": wanted // window}.get(extractor.padding, 1)
        self._half, self._times, self._wanted = frame // 2, times, wanted
        self._silence = max(0, wanted - times * window)
        filters = extractor.mel_filters if fused else extractor.mel_filters_slaney
        steps = 1 + (wanted + 2 * self._half - frame) // hop
        self._mel = _Mel(_fourier(window_function(frame, "hann"), frame), filters, hop, steps, _FLOOR)
        self._copies = 4 if fused else 1

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) -> (batch, 1 or 4, steps, bands)."""
        whole = windows.repeat(1, self._times)[:, : self._wanted]
        whole = functional.pad(whole, (0, self._silence))[:, None]
        whole = functional.pad(whole, (self._half, self._half), mode="reflect")[:, 0]
        decibels: torch.Tensor = 10 * self._mel(whole).log10()
        return decibels[:, None].repeat(1, self._copies, 1, 1)


def _fourier(window: NDArray[Any], length: int) -> NDArray[np.complex128]:
    """The matrix (frame, bins) of the windowed discrete Fourier transform, zero-padded to `length`."""
    angles = np.outer(np.arange(len(window)), np.arange(length // 2 + 1)) * (-2 * np.pi / length)
    found: NDArray[np.complex128] = np.asarray(window, np.float64)[:, None] * np.exp(1j * angles)
    return found

"""What is traced makes of sound what the feature extractors of transformers make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import ASTFeatureExtractor, ClapFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from kwsd.errors import ModelError
from kwsd.exporting.agreement import sounds
from kwsd.exporting.spectrograms import spectrogram
from kwsd.exporting.tracing import front_end

EXTRACTORS: dict[str, tuple[Any, int]] = {
    "ast": (lambda: ASTFeatureExtractor(max_length=128, num_mel_bins=64), 16_000),
    "ast, cut": (lambda: ASTFeatureExtractor(max_length=60, num_mel_bins=64, mean=-6.8, std=5.5), 16_000),
    "ast, as it comes": (lambda: ASTFeatureExtractor(max_length=128, num_mel_bins=32, do_normalize=False), 20_001),
    "whisper": (lambda: WhisperFeatureExtractor(chunk_length=2), 16_000),
    "whisper, full": (lambda: WhisperFeatureExtractor(chunk_length=1), 16_000),
    "whisper, too long": (lambda: WhisperFeatureExtractor(chunk_length=1), 16_001),
    "whisper, other steps": (lambda: WhisperFeatureExtractor(40, chunk_length=1, hop_length=300, n_fft=512), 9_001),
    "clap": (lambda: ClapFeatureExtractor(max_length_s=1, truncation="rand_trunc"), 20_000),
    "clap, full": (lambda: ClapFeatureExtractor(max_length_s=1, truncation="rand_trunc"), 48_000),
    "clap, fused": (lambda: ClapFeatureExtractor(max_length_s=1), 11_111),
    "clap, cut": (lambda: ClapFeatureExtractor(max_length_s=1, padding="repeat", truncation="rand_trunc"), 20_000),
    "clap, padded": (lambda: ClapFeatureExtractor(max_length_s=1, padding="pad", truncation="rand_trunc"), 20_000),
}
ERRORS = {"ast": 2e-6, "clap": 5e-5, "whisper": 2e-4}
"""transformers computes Whisper's in single precision: its rounding is in bands that a sound leaves empty. CLAP's are
decibels, to -100."""


def hard(window: int) -> NDArray[np.float32]:
    """Where errors would show: silence, the last bit, a loud tone that leaves all else empty, an edge, an offset."""
    time = np.arange(window) / 16_000
    noise = np.random.default_rng(3).normal(0, 1, window)
    tone = 0.9 * np.sin(2 * np.pi * 3_000 * time)
    rows = [0 * time, np.round(noise) / 32_768, tone, np.sign(tone) * (time > 0.3), 0.5 + 1e-3 * noise]
    return np.concatenate([sounds(window, 4), np.array(rows, np.float32)])


@pytest.mark.parametrize("kind", EXTRACTORS)
def test_features_are_the_extractors(kind: str) -> None:
    make, window = EXTRACTORS[kind]
    extractor, heard = make(), hard(window)
    features = spectrogram(extractor, window, kind)
    assert features is not None
    for wave, found in zip(heard, features(torch.from_numpy(heard)).numpy(), strict=True):
        told = extractor(wave, sampling_rate=extractor.sampling_rate, return_tensors="np")
        expected = told[extractor.model_input_names[0]]
        np.testing.assert_allclose(found, expected[0], atol=ERRORS[kind.partition(",")[0]], rtol=0)
        assert np.all(told.get("is_longer", True)) or kind != "clap, fused"


def test_without_a_bank_of_its_own_the_extractor_has_the_same() -> None:
    """As where torchaudio is installed."""
    extractor, heard = EXTRACTORS["ast"][0](), torch.from_numpy(hard(16_000))
    with_bank = spectrogram(extractor, 16_000, "a")
    del extractor.mel_filters, extractor.window
    without = spectrogram(extractor, 16_000, "a")
    assert with_bank is not None
    assert without is not None
    torch.testing.assert_close(without(heard), with_bank(heard), atol=0, rtol=0)


def test_what_would_be_cut_by_chance_is_refused() -> None:
    with pytest.raises(ModelError, match="uses only a random part of more than 1 s; set --window to 1 or less"):
        spectrogram(ClapFeatureExtractor(max_length_s=1), 48_001, "a")


@pytest.mark.parametrize("normalised", [True, False])
def test_waveforms_are_normalised_as_the_extractor_does_even_silence(normalised: bool) -> None:
    extractor = Wav2Vec2FeatureExtractor(do_normalize=normalised)
    windows = np.stack([np.zeros(400), np.random.default_rng(1).normal(0.2, 0.1, 400)]).astype(np.float32)
    theirs = extractor(list(windows), sampling_rate=16_000, return_tensors="np").input_values
    ours = front_end(extractor, 400, "x")(torch.from_numpy(windows)).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("odd", [{"dither": 0.1}, {"padding_value": 0.5}])
def test_noise_and_a_padding_that_is_not_silent_are_refused(odd: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="adds noise, or does not pad with silence"):
        spectrogram(WhisperFeatureExtractor(**odd), 16_000, "x")

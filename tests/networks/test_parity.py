"""The scores are those of transformers' own pipelines, for every architecture, single and in batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from transformers import pipeline

from kwsd.audio.resample import resampled
from kwsd.zoo import load_classifier, read_card

Floats = NDArray[np.float32]
ARCHITECTURES = ("hubert", "hubert-layer", "wav2vec2", "wavlm", "multi-label", "ast", "whisper")
SOUNDS = ("a dog barking", "glass breaking", "a doorbell")


def clips(length: int = 16_000, count: int = 3) -> Floats:
    """A tone, noise, and a quiet tone in noise."""
    rng, time = np.random.default_rng(3), np.arange(length) / 16_000
    noise = rng.normal(0, 0.1, (count, length))
    noise[0] = 0.3 * np.sin(2 * np.pi * 440 * time)
    noise[-1] = 0.1 * noise[-1] + 0.02 * np.sin(2 * np.pi * 880 * time)
    return noise.astype(np.float32)


def same(scores: Floats, labels: tuple[str, ...], answer: list[dict[str, Any]]) -> None:
    best = np.argsort(-scores, kind="stable")[: len(answer)]
    assert [labels[index] for index in best] == [entry["label"] for entry in answer]
    np.testing.assert_allclose(scores[best], [entry["score"] for entry in answer], atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_classifier_scores_as_its_pipeline(foreign: Callable[[str], Path], architecture: str) -> None:
    folder = foreign(architecture)
    ours = load_classifier(read_card(str(folder)), device="cpu")
    # Named, for before transformers 5.23 the pipeline took softmax for labels that do not exclude each other as well.
    function = "sigmoid" if architecture == "multi-label" else "softmax"
    theirs = pipeline("audio-classification", model=str(folder), device="cpu")
    heard = clips()
    answers = [theirs(clip, top_k=5, function_to_apply=function) for clip in heard]
    batch = ours.score(heard)
    assert batch.shape == (3, 7)
    for clip, row, answer in zip(heard, batch, answers, strict=True):
        assert len(answer) == 5
        same(row, ours.labels, answer)
        same(ours.score(clip[None])[0], ours.labels, answer)
    assert float(batch.std(axis=0).max()) > 5e-4  # the clips are told apart: this is no comparison of constants


def test_softmax_and_sigmoid(foreign: Callable[[str], Path]) -> None:
    one = load_classifier(read_card(str(foreign("wav2vec2"))), device="cpu").score(clips())
    many = load_classifier(read_card(str(foreign("multi-label"))), device="cpu").score(clips())
    np.testing.assert_allclose(one.sum(axis=1), 1, atol=1e-5)
    assert abs(many.sum(axis=1) - 1).min() > 0.1


def test_clap_scores_as_the_zero_shot_pipeline(clap: Path) -> None:
    from dataclasses import replace

    ours = load_classifier(replace(read_card(str(clap)), labels=SOUNDS), device="cpu")
    theirs = pipeline("zero-shot-audio-classification", model=str(clap), device="cpu")
    heard = clips()
    wide = resampled(heard, 16_000, 48_000)
    batch = ours.score(heard)
    for clip, at_48, row in zip(heard, wide, batch, strict=True):
        answer = theirs(at_48, candidate_labels=list(SOUNDS))
        same(row, SOUNDS, answer)
        same(ours.score(clip[None])[0], SOUNDS, answer)
    assert float(batch.std(axis=0).max()) > 1e-4
    np.testing.assert_allclose(ours.score(wide, 48_000), batch, atol=1e-6)


def test_more_windows_than_clap_takes_at_once_are_all_scored(clap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    ours = load_classifier(replace(read_card(str(clap)), labels=SOUNDS), device="cpu")
    heard = clips(count=5)
    expected = ours.score(heard)
    monkeypatch.setattr("kwsd.networks.clap._MOST", 2)
    np.testing.assert_allclose(ours.score(heard), expected, atol=1e-6)


def test_claps_text_side_is_embedded_once(clap: Path) -> None:
    from dataclasses import replace

    ours = load_classifier(replace(read_card(str(clap)), labels=SOUNDS), device="cpu")
    assert not hasattr(ours._model, "text_model")
    assert ours.score(clips()).shape == (3, 3)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_a_network_at_another_rate_gets_what_it_was_made_for(tmp_path: Path, rate: int) -> None:
    """A model of 8 kHz hears our 16 kHz as its own pipeline hears the resampled clip."""
    import json
    import shutil

    import torch
    import transformers as tr

    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    convolutions = {"conv_dim": (8, 16), "conv_kernel": (10, 8), "conv_stride": (8, 8), "num_conv_pos_embeddings": 4}
    config = tr.HubertConfig(**sizes, **convolutions, num_conv_pos_embedding_groups=2, classifier_proj_size=8)
    tr.HubertForSequenceClassification(config).save_pretrained(tmp_path)
    tr.Wav2Vec2FeatureExtractor(sampling_rate=rate).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(written | {"id2label": {"0": "a", "1": "b"}}))
    card = read_card(str(tmp_path))
    assert card.rate == rate
    heard = clips()
    theirs = pipeline("audio-classification", model=str(tmp_path), device="cpu")
    for row, clip in zip(load_classifier(card, device="cpu").score(heard), resampled(heard, 16_000, rate), strict=True):
        same(row, card.labels, theirs(clip))
    shutil.rmtree(tmp_path)


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="no CUDA device")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_gpu_scores_as_the_processor(
    foreign: Callable[[str], Path], architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same precision: by default, cuDNN rounds what it convolves to TF32, by which an AST differs by 0.0003."""
    import torch

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    card = read_card(str(foreign(architecture)))
    slow, fast = (load_classifier(card, device=device).score(clips()) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(slow, fast, atol=1e-4)


def test_an_extractor_with_narrow_bands_is_loaded_without_a_warning(tmp_path: Path) -> None:
    from kwsd.networks.auto_classifier import load_extractor

    told = {"feature_extractor_type": "ASTFeatureExtractor", "num_mel_bins": 128}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    assert load_extractor(tmp_path).num_mel_bins == 128  # warnings are errors here

"""One of kwsd's own networks that takes no more than its window: whole recordings are cut for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_networks import LABELS, drawn

from kwsd.audio.scale import to_float
from kwsd.evaluation.output_files import save_wav
from kwsd.exporting.export import export_model
from kwsd.networks.whisper import WhisperSpotterModel
from kwsd.samples import RATE
from kwsd.zoo import load_classifier, read_card

Command = Callable[..., Any]


@pytest.mark.parametrize(("window", "about"), [(RATE, None), (2 * RATE, RATE)])
def test_a_whisper_hears_a_whole_recording_in_pieces_that_it_can_take(
    kwsd: Command, tmp_path: Path, window: int, about: int | None
) -> None:
    sizes = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    network = drawn(
        WhisperSpotterModel, **sizes, window_samples=window, about_samples=about, max_source_positions=window // 320
    )
    export_model(network, tmp_path / "third", name="third", licence="CC0-1.0")
    noise = np.random.default_rng(6).normal(0, 2000, 2 * RATE).astype(np.int16)
    save_wav(tmp_path / "two.wav", noise)
    padded = to_float(np.concatenate([np.zeros(window - RATE, np.int16), noise]))
    classifier = load_classifier(read_card(str(tmp_path / "third")), device="cpu", on_torch=True)
    direct = classifier.score(np.stack([padded[:window], padded[RATE:]])).mean(axis=0)
    ran = kwsd("classify", tmp_path / "two.wav", "--model", tmp_path / "third", "--format", "json", "--device", "cpu")
    found = {label["label"]: label["score"] for label in json.loads(ran.out)["labels"]}
    assert found == {name: pytest.approx(float(score), abs=1e-5) for name, score in zip(LABELS, direct, strict=True)}
    longer = kwsd("listen", tmp_path / "two.wav", "--model", tmp_path / "third", "--window", 3)
    assert longer.status == 78
    assert f"third takes at most {window // RATE} s; shorten it" in longer.err

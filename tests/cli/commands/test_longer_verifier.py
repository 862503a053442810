"""A model whose verifier hears two seconds: all that listens gives it two, and judges the last one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.audio.scale import to_float
from kwsd.config import Config
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.pipeline import SamplesSource, windows_of
from kwsd.evaluation.stream_scoring import score_stream
from kwsd.evaluation.truth import Stream
from kwsd.events import Detection
from kwsd.fitting import spotting_settings
from kwsd.networks.cascade import pooled
from kwsd.spotting.settings import SpottingSettings
from kwsd.zoo import load_classifier, read_card

Command = Callable[..., Any]

LABELS = ("yes", "no", "_unknown_", "_silence_")
RATE = 16_000


@pytest.fixture(scope="module")
def pair(verified: Callable[..., Path]) -> Path:
    """`small`, which `larger` verifies: that one hears two seconds. Anything fires."""
    low = dict.fromkeys(("yes", "no"), 0.05)
    return verified(thresholds=low, verified_at=low, window=2 * RATE)


@pytest.fixture(scope="module")
def speech() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Five seconds: bursts of a buzz in noise."""
    rng = np.random.default_rng(4)
    time = np.arange(5 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20)) * (np.sin(2 * np.pi * 1.3 * time) > 0.3)
    return (4000 * buzz + rng.normal(0, 100, len(time))).astype(np.int16)


def test_its_card_says_what_is_heard_and_what_is_judged(pair: Path, kwsd: Command) -> None:
    card = read_card(str(pair / "small"))
    assert (card.window, card.heard, card.about) == (RATE, 2 * RATE, RATE)
    told = kwsd("models", "info", pair / "small")
    assert "1 s at once, at 16000 Hz; its verifier 2 s" in told.out
    told = kwsd("models", "info", pair / "larger")
    assert "2 s at once" in told.out
    assert "the last 1 s" in told.out
    found = json.loads(kwsd("models", "info", pair / "larger", "--format", "json").out)
    assert (found["window_s"], found["about_s"]) == (2.0, 1.0)


def test_each_network_hears_its_own_part_of_the_stream(pair: Path, speech: np.ndarray[Any, Any]) -> None:
    card = read_card(str(pair / "small"))
    both, alone, second = (
        load_classifier(read, device="cpu")
        for read in (card, replace(card, verifier=None), read_card(str(pair / "larger")))
    )
    stream = Stream("made", speech, ())
    found = score_stream(stream, both, SpottingSettings(hop=1600, window=card.heard, coarse=0))
    padded = to_float(np.concatenate([np.zeros(2 * RATE, np.int16), speech, np.zeros(RATE, np.int16)]))
    windows = np.stack([padded[end : end + 2 * RATE] for end in found.ends])
    direct = pooled((alone.score(windows[:, RATE:]), second.score(windows)), (0.5, 0.5))
    assert np.allclose(found.scores, direct, atol=1e-6)


def test_a_detection_lies_in_the_last_second(pair: Path, speech: np.ndarray[Any, Any]) -> None:
    card = read_card(str(pair / "small"))
    spotter = spotting_settings(Config(), card).spotter(load_classifier(card, device="cpu"))
    batches = windows_of(SamplesSource("made", speech), length=card.heard)
    found = [event for due in batches for event in spotter.feed(due) if isinstance(event, Detection)]
    assert found
    assert all(event.at - RATE <= event.start < event.end <= event.at for event in found if event.at > RATE)


def test_every_command_gives_it_what_it_needs(
    pair: Path, speech: np.ndarray[Any, Any], kwsd: Command, tmp_path: Path
) -> None:
    save_wav(tmp_path / "words" / "yes" / "clip.wav", speech[:RATE])
    save_wav(tmp_path / "talk" / "talk.wav", speech)
    heard = kwsd("listen", tmp_path / "talk" / "talk.wav", "--model", pair / "small", "--format", "json")
    assert heard.status == 0, heard.err
    events = [json.loads(line) for line in heard.out.splitlines()]
    assert events
    assert all(event["at_s"] - event["start_s"] <= 1.0 for event in events)
    for model in ("small", "larger"):
        clips = kwsd("eval", "clips", tmp_path / "words", "--model", pair / model, "--json", "-")
        assert json.loads(clips.out)["clips"] == 1, clips.err
        negatives = kwsd("eval", "negatives", tmp_path / "talk", "--model", pair / model, "--json", "-")
        assert negatives.status == 0, negatives.err
        parts = ("--words", tmp_path / "words", "--speech", tmp_path / "talk", "--count", 2, "--labels", "yes")
        assert kwsd("eval", "stream", *parts, "--model", pair / model).status == 0
        assert kwsd("classify", tmp_path / "talk" / "talk.wav", "--model", pair / model).status == 0


def test_a_whole_recording_is_classified_with_what_came_before(
    pair: Path, speech: np.ndarray[Any, Any], kwsd: Command, tmp_path: Path
) -> None:
    save_wav(tmp_path / "two.wav", speech[: 2 * RATE])
    exported = kwsd("export", pair / "larger", "--out", tmp_path)
    assert exported.status == 0, exported.err
    model = tmp_path / "larger-float32.onnx"
    assert read_card(str(model)).about == RATE
    padded = to_float(np.concatenate([np.zeros(RATE, np.int16), speech[: 2 * RATE]]))
    classifier = load_classifier(read_card(str(model)), device="cpu")
    direct = classifier.score(np.stack([padded[: 2 * RATE], padded[RATE:]])).mean(axis=0)
    ran = kwsd("classify", tmp_path / "two.wav", "--model", model, "--format", "json")
    found = {label["label"]: label["score"] for label in json.loads(ran.out)["labels"]}
    assert found == {name: pytest.approx(float(score), abs=1e-5) for name, score in zip(LABELS, direct, strict=True)}

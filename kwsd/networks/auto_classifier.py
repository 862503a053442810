"""A classifier for any model that AutoModelForAudioClassification of transformers loads."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
from transformers.utils.logging import disable_progress_bar

from kwsd.audio.resample import resampled
from kwsd.cards.folder import read_json
from kwsd.cards.foreign import MANY
from kwsd.cards.untrusted import check_own_means
from kwsd.cards.weights import check_alone
from kwsd.classifier import Classifier
from kwsd.errors import ModelError
from kwsd.networks.heads import label_names
from kwsd.networks.loading import SAFELY, loading, quiet
from kwsd.samples import RATE

Floats = NDArray[np.float32]
_Loaded = TypeVar("_Loaded", bound=Classifier)

_HEAD = r"(classifier|projector)\."
"""The layers of transformers' audio classifiers that only training to classify makes."""
_RETRAIN = "use another model, or train a classifier from it with kwsd train --backbone"
_MOST_S = 64
"""Seconds of audio that go through a network at once; more would only take more memory."""


def load_extractor(folder: Path) -> Any:
    """The feature extractor that `folder` describes. Raises what transformers raises if it cannot be made."""
    load: Any = AutoFeatureExtractor.from_pretrained  # transformers leaves it without types
    with quiet(), warnings.catch_warnings():
        # The common AST was trained like that: its lowest mel bands are narrower than a bin of its spectrum.
        warnings.filterwarnings("ignore", "At least one mel filter has all zero values")
        return load(folder, **SAFELY)


class FeatureExtractor:
    """A model's own feature extractor; `rate` is the sampling rate that it takes, in Hz."""

    def __init__(self, folder: Path, device: str) -> None:
        """Load it from `folder`; features go to `device`. Raises what transformers raises if it cannot be made."""
        self._extractor, self._device = load_extractor(folder), device
        self.rate = int(self._extractor.sampling_rate)

    def save(self, folder: Path) -> None:
        """Write the feature extractor to `folder`, from which it can be loaded again."""
        self._extractor.save_pretrained(folder)

    def __call__(self, waves: Floats) -> dict[str, torch.Tensor]:
        """(batch, samples) float32 at `rate` Hz -> the inputs of the model.

        Each clip is processed alone, as in the pipelines of transformers: in a batch, its features may depend on the
        other clips.
        """
        rows = [self._extractor(wave, sampling_rate=self.rate, return_tensors="pt") for wave in waves]
        joined = {key: torch.cat([row[key] for row in rows]) for key in rows[0]}
        if (mask := joined.get("attention_mask")) is not None and bool(mask.all()):
            del joined["attention_mask"]  # a mask of ones has no effect, but WavLM warns of it
        return {
            key: value.to(self._device, torch.float32 if value.is_floating_point() else value.dtype)
            for key, value in joined.items()
        }


class AutoClassifier:
    """Scores audio with a classifier of transformers, by softmax of its logits, or sigmoid if it is multi-label."""

    def __init__(self, model: Any, extractor: FeatureExtractor, name: str, device: str, longest_s: float) -> None:
        """`longest_s` is the length in seconds that the network computes for a window, including padding."""
        self._model = model.to(device).requires_grad_(False)
        self._model.train(False)
        self._extractor = extractor
        self._many = model.config.problem_type == MANY
        self._batch = max(1, int(_MOST_S / longest_s))
        self.name, self.device = name, device
        self.labels = label_names(model.config)
        """The columns of what `score` returns, as the model's card names them."""

    @torch.inference_mode()
    def score(self, windows: Floats, rate: int = RATE) -> Floats:
        """(batch, samples) float32 in [-1, 1) at `rate` Hz -> (batch, labels) float32: probabilities.

        Each row sums to one, unless the model's labels do not exclude each other.
        """
        waves = resampled(windows, rate, self._extractor.rate)
        scores = [np.zeros((0, len(self.labels)), np.float32)]
        for start in range(0, len(waves), self._batch):
            logits = self._model(**self._extractor(waves[start : start + self._batch])).logits.float()
            rows = logits.sigmoid() if self._many else logits.softmax(dim=-1)
            scores.append(rows.cpu().numpy())
        return np.concatenate(scores)


def load_auto(folder: Path, name: str, window: int, device: str, longest: int | None = None) -> AutoClassifier:
    """The classifier in `folder`, warmed up on windows of `window` samples at 16 kHz; never runs code from the folder.

    `longest` is the model's longest input in samples at 16 kHz, to which it pads shorter ones; None for no limit.
    `device` has to exist: see `kwsd.networks.devices.pick_device`.

    Raises:
        ModelError: config, weights and feature extractor do not fit each other, or transformers does not know them.
        DeviceError: the GPU has too little memory.
    """

    def load() -> AutoClassifier:
        model = whole(AutoModelForAudioClassification, folder, name)
        extractor = FeatureExtractor(folder, device)
        return AutoClassifier(model, extractor, name, device, max(window, longest or 0) / RATE)

    return warmed(load, name, folder, window)


def whole(
    kind: Any,
    folder: Path,
    name: str,
    *,
    spared: str = "masked_spec_embed$",
    remedy: str = "use a model that was trained to classify",
    **more: Any,
) -> Any:
    """Load the model in `folder` as float32 with `kind.from_pretrained`, which also gets `more`.

    Raises ModelError if weights are missing, except those whose names match the pattern `spared` (with the `remedy`,
    unless only the head's are), and for a folder that `kwsd.cards.untrusted.check_own_means` or
    `kwsd.cards.weights.check_alone` refuses.
    """
    check_own_means(read_json(folder / "config.json"), name)
    check_alone(folder, name)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # standard error is the log
    with quiet():  # missing weights are reported below; the layout of layers on GPUs is of no interest
        model, found = kind.from_pretrained(
            folder, use_safetensors=True, dtype="float32", output_loading_info=True, **SAFELY, **more
        )
    missing = sorted(weight for weight in found["missing_keys"] if not re.search(spared, weight))
    # A configuration may ask for both. They take memory; of attention transformers warns, and will not save the model.
    model.config.output_attentions = model.config.output_hidden_states = False
    if missing:
        headless = all(re.match(_HEAD, weight) for weight in missing)
        others = sorted(filter(re.compile(_HEAD).match, found["unexpected_keys"])) if headless else []
        if others:
            what = f"{name} has a head of its own ({others[0]!r:.60}), for which transformers has no code;"
        else:
            rest = f" and {len(missing) - 1} more" if missing[1:] else ""
            what = f"{name} is incomplete: {folder} has no weights for {missing[0]}{rest};"
        raise ModelError(what, _RETRAIN if headless else remedy)
    return model


def warmed(load: Callable[[], _Loaded], name: str, folder: Path, window: int) -> _Loaded:
    """The result of `load`, once it has scored a window and a batch; errors are raised as those of `loading`."""
    with loading(name, folder):
        classifier = load()
        for batch in (1, 2):
            classifier.score(np.zeros((batch, window), np.float32))
    return classifier

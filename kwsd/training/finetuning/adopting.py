"""Turns an encoder, a foreign one or kwsd's own, into a network to train, and exports the result to a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForAudioClassification
from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES

from kwsd.cards.card_file import read_card_file, verify_checksums
from kwsd.cards.card_writing import UNCHOSEN, read_raw_card, write_card
from kwsd.cards.folder import read_json
from kwsd.cards.foreign import check_type, longest_of
from kwsd.cards.names import BACKBONE_TYPE, CARD, HUBERT_TYPE, VERIFIER_TYPES
from kwsd.cards.untrusted import check_own_means
from kwsd.cards.weights import weight_files
from kwsd.config.sections import DEFAULT_MODEL
from kwsd.errors import ModelError, UsageError
from kwsd.exporting.export import export_model, replacing_model
from kwsd.labels import can_fire
from kwsd.networks.auto_classifier import FeatureExtractor, whole
from kwsd.networks.backbone import BackboneConfig, BackboneForAudioClassification, check_hears, encoder_of
from kwsd.networks.heads import SpotterModel, label_names, label_tables
from kwsd.networks.loading import MISFITS, SAFELY, quiet, unloadable
from kwsd.networks.resource_errors import gpu_failure
from kwsd.replacing import write_bytes
from kwsd.samples import RATE
from kwsd.training.finetuning.recipe import FinetuneRecipe
from kwsd.training.finetuning.relabelling import extended, relabelled, settled

_encoder = partial(
    whole, spared=r"classifier|projector|layer_weights|masked_spec_embed|^decoder\.", remedy="fetch it again"
)
"""`whole`, except that weights of a head may be missing or unused: a new head is wanted."""

RELABELLED_THRESHOLD = 0.99
"""The threshold of words that kwsd's HuBERT was taught.

"alexa" and "jarvis", learnt from 15 or 40 clips each, were missed 0.3 to 2.7 times in a hundred under noise at 10 dB,
with one or two false alarms in 1.2 hours; 0.95 gave two to six."""

ADDED_THRESHOLD = 0.84
"""The threshold of words that were added to those that it knows; added words score lower.

"alexa" and "jarvis", learnt from 20 clips each, were missed 7 and 5 times in a hundred under noise at 10 dB, and fired
once each in 2.9 hours of other people's talk than was learnt from; at 0.8, they were missed 4 and 4 times, and fired
five and seven times."""


def is_own(folder: Path) -> bool:
    """Whether the model in `folder` is kwsd's own HuBERT. Raises ModelError for an invalid config.json."""
    return str(read_json(folder / "config.json").get("model_type")) == HUBERT_TYPE


def adopt(folder: Path, recipe: FinetuneRecipe, labels: Sequence[str], device: str) -> tuple[Any, FeatureExtractor]:
    """A network with a new head for `labels` on the encoder in `folder`, and its feature extractor.

    Raises:
        ModelError: there is no encoder in safetensors that transformers loads, it is damaged, or can only be trained
            frozen.
        UsageError: the recipe's window is longer than the encoder can hear.
        DeviceError: the GPU fails, or has too little memory.
    """
    config = read_json(folder / "config.json")
    check_type(config, recipe.model)
    check_own_means(config, recipe.model)
    kind = str(config["model_type"])
    if kind in {BACKBONE_TYPE, *VERIFIER_TYPES}:
        raise ModelError(
            f"{recipe.model} is made by kwsd already;", f"name the encoder that it was made from, or {DEFAULT_MODEL}"
        )
    if config.get("add_adapter") and not recipe.frozen:
        raise ModelError(
            f"{recipe.model} has an adapter (add_adapter), with which transformers has no classifier;", "use --frozen"
        )
    weight_files(folder, recipe.model)
    verify_checksums(folder, read_card_file(folder / CARD))
    longest = longest_of(folder, config, recipe.model)
    if longest is not None and recipe.window > longest:
        raise UsageError(
            f"--window {recipe.window / RATE:g}: {recipe.model} takes at most {longest / RATE:g} s at once"
        )
    torch.manual_seed(recipe.seed)
    model: Any
    try:
        if kind == HUBERT_TYPE:
            model = extended(folder, labels) if recipe.add else relabelled(folder, labels, recipe.window)
        else:
            headless = kind not in MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES  # transformers has no classifier for it
            make = _with_our_head if recipe.frozen or headless else _with_its_own
            model = make(folder, recipe, labels)
        extractor = FeatureExtractor(folder, device)
        _try(model.to(device), extractor, recipe.window)
        return model, extractor
    except MISFITS as error:
        if failure := gpu_failure(error):
            raise failure from error
        raise unloadable(f"{recipe.model} is not an encoder that can be trained:", error, recipe.model) from error


def _try(model: Any, extractor: FeatureExtractor, window: int) -> None:
    """Run the model on a silent window, on the extractor's device.

    Some encoders keep what they compute for a length, such as rotary positions: training uses it, so it has to be on
    the device of training, and no tensor of the inference mode, which has no gradient.

    Raises whatever an encoder raises whose output does not fit the heads.
    """
    silence = np.zeros((1, window * extractor.rate // RATE), np.float32)
    with torch.no_grad():
        model.eval()(**extractor(silence))
    model.train()


def _with_its_own(folder: Path, recipe: FinetuneRecipe, labels: Sequence[str]) -> Any:
    kind = AutoModelForAudioClassification
    model = _encoder(kind, folder, recipe.model, **label_tables(labels), ignore_mismatched_sizes=True)
    _renew_head(model)
    model.config.window_samples = recipe.window
    model.config.problem_type = None
    if getattr(model.config, "use_weighted_layer_sum", False):  # it needs the output of every layer
        model.config.layerdrop = 0.0
        if hasattr(model, "encoder"):
            model.encoder.layerdrop = 0.0  # Whisper's, which has read the configuration already
    frames = recipe.window // getattr(model.config, "inputs_to_logits_ratio", 320)
    if getattr(model.config, "mask_time_length", 0) >= frames - 1:
        model.config.apply_spec_augment = False  # a masked span has to be shorter than the window
    if hasattr(model, "freeze_feature_encoder"):
        model.freeze_feature_encoder()  # the convolutions are good enough, and would be the first to degrade
    return model


def _renew_head(model: Any) -> None:
    """Reset the head: transformers keeps an earlier one that has as many labels, whatever they mean."""
    deviation = getattr(model.config, "initializer_range", 0.02)
    for layer in model.classifier.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)


def _with_our_head(folder: Path, recipe: FinetuneRecipe, labels: Sequence[str]) -> Any:
    with quiet():
        check_hears(AutoConfig.from_pretrained(folder, **SAFELY))  # before the network is made
    encoder = encoder_of(_encoder(AutoModel, folder, recipe.model))
    inner: Any = encoder.config
    table = {key: value for key, value in inner.to_dict().items() if key not in ("dtype", "architectures")}
    model = BackboneForAudioClassification(
        BackboneConfig(backbone=table, window_samples=recipe.window, **label_tables(labels))
    )
    model.encoder.load_state_dict(encoder.state_dict())
    if recipe.frozen:
        model.encoder.requires_grad_(False)
    return model


def export_adopted(
    model: Any,
    extractor: FeatureExtractor,
    folder: Path,
    *,
    name: str,
    licence: str,
    scores: Mapping[str, Any],
    added_to: Mapping[str, Any] | None = None,
) -> None:
    """Write a model that `kwsd listen --model`, `kwsd eval` and transformers load; other files in the folder stay.

    `added_to` is the card of the model to which words were added. Raises what `kwsd.exporting.export.export_model`
    raises.
    """
    if isinstance(model, SpotterModel):
        plain, offsets = settled(model)
        words = list(filter(can_fire, label_names(model.config)))
        settings = _chosen(words) if added_to is None else _chosen_beside(_fresh(model), added_to)
        export_model(plain, folder, name=name, licence=licence, scores=scores, offsets=offsets, settings=settings)
        return
    told = {"name": name, "licence": licence, "scores": dict(scores), **UNCHOSEN}
    with replacing_model(folder) as scratch:
        model.to("cpu").save_pretrained(scratch, max_shard_size="100GB")  # one file: the card has its checksum
        extractor.save(scratch)
        write_card(scratch, read_raw_card(folder) | told)


def _chosen(words: Sequence[str]) -> dict[str, Any]:
    return {"thresholds": dict.fromkeys(words, RELABELLED_THRESHOLD)}


def _fresh(model: SpotterModel) -> Sequence[str]:
    """The words that were added to those that the model knew before."""
    outer: Any = model.word_head.outer
    return list(outer.fresh)


def _chosen_beside(fresh: Sequence[str], card: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the extended model's card: those of the original `card`, and thresholds for the `fresh` words.

    The verifier, if there is one, gets these thresholds as well, since it does not know the words. Original words
    without a threshold in `card` stay at the default."""
    chosen = {key: card[key] for key in UNCHOSEN if key in card}
    new = dict.fromkeys(fresh, ADDED_THRESHOLD)
    chosen["thresholds"] = {**card.get("thresholds", {}), **new}
    if verifier := card.get("verifier"):
        chosen["verifier"] = {**verifier, "thresholds": {**verifier.get("thresholds", {}), **new}}
    return chosen


def keep_notices(backbone: Path, folder: Path) -> None:
    """Copy the licences that lie beside the encoder to the model that descends from it. Raises OSError.

    A link is followed only within the encoder's folder, or to the Hub's blobs: the new model may be given to others,
    and the encoder may come from a stranger. A pipe would be waited for.
    """
    own = backbone.resolve()
    places = (own, own.parent.parent / "blobs")
    for notice in sorted(backbone.glob("LICENSE*")):
        if notice.is_file() and any(notice.resolve().is_relative_to(place) for place in places):
            write_bytes(folder / notice.name, notice.read_bytes())

"""An encoder, somebody else's or kwsd's own, as a network to train, and what was trained as a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModel, AutoModelForAudioClassification

from kwsd.cards.card_file import read_card_file, verify_checksums
from kwsd.cards.card_writing import UNCHOSEN, read_raw_card, write_card
from kwsd.cards.folder import read_json
from kwsd.cards.foreign import longest_of
from kwsd.cards.names import BACKBONE_TYPE, CARD, LARGER_TYPE, OWN_TYPE
from kwsd.cards.weights import weight_files
from kwsd.config.sections import DEFAULT_MODEL
from kwsd.errors import ModelError, UsageError
from kwsd.exporting.export import export_model, replacing_model
from kwsd.labels import can_fire
from kwsd.networks.auto_classifier import FeatureExtractor, whole
from kwsd.networks.backbone import BackboneConfig, BackboneForAudioClassification, encoder_of
from kwsd.networks.heads import SpotterModel, label_names, label_tables
from kwsd.networks.loading import MISFITS, unloadable
from kwsd.replacing import write_bytes
from kwsd.samples import RATE
from kwsd.training.finetuning.recipe import FinetuneRecipe
from kwsd.training.finetuning.relabelling import extended, relabelled, settled

_encoder = partial(
    whole, spared=r"classifier|projector|layer_weights|masked_spec_embed|^decoder\.", remedy="fetch it again"
)
"""As `whole`, but for the weights of a head: that it is new is what is wanted."""

RELABELLED_THRESHOLD = 0.99
"""Of words that kwsd's HuBERT was taught: "alexa" and "jarvis", learnt from 15 or 40 clips each, were missed 0.3 to 2.7
times in a hundred under noise at 10 dB at one or two false alarms in 1.2 hours; 0.95 gave two to six."""

ADDED_THRESHOLD = 0.84
"""Of words that were added to those that it knows, which score less: "alexa" and "jarvis", 20 clips each, were missed 7
and 5 times in a hundred under noise at 10 dB, and fired once each in 2.9 hours of other people's talk than was learnt;
at 0.8 4 and 4 times, and five and seven."""

_HEADLESS = frozenset({"moonshine"})
"""Encoders for which transformers has no classifier."""


def is_own(folder: Path) -> bool:
    """Whether the model in `folder` is a HuBERT of kwsd's own. Raises ModelError for a config.json that is none."""
    return str(read_json(folder / "config.json").get("model_type")) == OWN_TYPE


def adopt(folder: Path, recipe: FinetuneRecipe, labels: Sequence[str], device: str) -> tuple[Any, FeatureExtractor]:
    """A network with a new head for `labels` on the encoder in `folder`, and its feature extractor.

    Raises:
        ModelError: there is no encoder in safetensors that transformers loads, or it is damaged.
        UsageError: the encoder cannot hear windows that long.
    """
    config = read_json(folder / "config.json")
    kind = str(config.get("model_type"))
    if kind in (LARGER_TYPE, BACKBONE_TYPE):
        raise ModelError(
            f"{recipe.model} is made by kwsd already;", f"name the encoder that it was made from, or {DEFAULT_MODEL}"
        )
    weight_files(folder, recipe.model)
    verify_checksums(folder, read_card_file(folder / CARD))
    longest = longest_of(folder, config, recipe.model)
    if longest is not None and recipe.window > longest:
        raise UsageError(
            f"--window {recipe.window / RATE:g}: {recipe.model} hears {longest / RATE:g} s at once at most"
        )
    torch.manual_seed(recipe.seed)
    try:
        if kind == OWN_TYPE:
            model = extended(folder, labels) if recipe.add else relabelled(folder, labels, recipe.window)
        else:
            make = _with_our_head if recipe.frozen or kind in _HEADLESS else _with_its_own
            model = make(folder, recipe, labels)
        extractor = FeatureExtractor(folder, device)
        _try(model, extractor, recipe.window)
        return model, extractor
    except MISFITS as error:
        raise unloadable(f"{recipe.model} is no encoder that can be trained:", error, recipe.model) from error


def _try(model: Any, extractor: FeatureExtractor, window: int) -> None:
    """Hear a window of nothing. Raises whatever an encoder raises that does not give what heads take."""
    silence = np.zeros((1, window * extractor.rate // RATE), np.float32)
    given = {key: value.to("cpu") for key, value in extractor(silence).items()}
    with torch.inference_mode():
        model.eval()(**given)
    model.train()


def _with_its_own(folder: Path, recipe: FinetuneRecipe, labels: Sequence[str]) -> Any:
    kind = AutoModelForAudioClassification
    model = _encoder(kind, folder, recipe.model, **label_tables(labels), ignore_mismatched_sizes=True)
    _renew_head(model)
    model.config.window_samples = recipe.window
    model.config.problem_type = None
    model.config.output_attentions = False  # else it cannot be saved
    if getattr(model.config, "use_weighted_layer_sum", False):
        model.config.layerdrop = 0.0  # a layer that is left out has nothing to be summed
    frames = recipe.window // getattr(model.config, "inputs_to_logits_ratio", 320)
    if getattr(model.config, "mask_time_length", 0) >= frames - 1:
        model.config.apply_spec_augment = False  # a stretch that is masked has to be shorter than the window
    if hasattr(model, "freeze_feature_encoder"):
        model.freeze_feature_encoder()  # the convolutions know sound well enough, and forget it first
    return model


def _renew_head(model: Any) -> None:
    """Forget what an earlier head told apart: transformers keeps one that has as many labels, whatever they mean."""
    deviation = getattr(model.config, "initializer_range", 0.02)
    for layer in model.classifier.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)


def _with_our_head(folder: Path, recipe: FinetuneRecipe, labels: Sequence[str]) -> Any:
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
    """Write what `kwsd listen --model`, `kwsd eval` and transformers load; what else is in the folder stays.

    `added_to` is the card of the model whose words these are beside. Raises as `kwsd.exporting.export.export_model`.
    """
    if isinstance(model, SpotterModel):
        plain, offsets = settled(model)
        export_model(plain, folder, name=name, licence=licence, scores=scores, offsets=offsets)
        if not read_raw_card(folder)["thresholds"]:
            words = list(filter(can_fire, label_names(model.config)))
            write_card(folder, _chosen(words) if added_to is None else _chosen_beside(_fresh(model), added_to))
        return
    with replacing_model(folder) as scratch:
        model.to("cpu").save_pretrained(scratch, max_shard_size="100GB")  # one file: the card has its checksum
        extractor.save(scratch)
    write_card(folder, {"name": name, "licence": licence, "scores": dict(scores), **UNCHOSEN})


def _chosen(words: Sequence[str]) -> dict[str, Any]:
    return {"thresholds": dict.fromkeys(words, RELABELLED_THRESHOLD)}


def _fresh(model: SpotterModel) -> Sequence[str]:
    """The words that were added to those that it knew."""
    outer: Any = model.word_head.outer
    return list(outer.fresh)


def _chosen_beside(fresh: Sequence[str], card: Mapping[str, Any]) -> dict[str, Any]:
    """What the card of the model that was added to says, for its own words and by the verifier that it has, and the
    thresholds of the `fresh` ones, of which that verifier knows nothing. Where it has none of its own, these stay at
    what is usual."""
    chosen = {key: card[key] for key in UNCHOSEN if key in card}
    new = dict.fromkeys(fresh, ADDED_THRESHOLD)
    chosen["thresholds"] = {**card.get("thresholds", {}), **new}
    if verifier := card.get("verifier"):
        chosen["verifier"] = {**verifier, "thresholds": {**verifier.get("thresholds", {}), **new}}
    return chosen


def keep_notices(backbone: Path, folder: Path) -> None:
    """Licences that lie beside the encoder go along with what descends from it. Raises OSError."""
    for notice in sorted(backbone.glob("LICENSE*")):
        write_bytes(folder / notice.name, notice.read_bytes())

"""Folders of models that would run code, or replace what was verified."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_folders import change

from kwsd.cards.foreign import longest_of
from kwsd.cards.untrusted import check_own_means
from kwsd.errors import ModelError
from kwsd.zoo import load_classifier, read_card


def test_a_pickle_that_the_configuration_names_is_not_opened(copy: Path) -> None:
    """Not even where a folder is loaded without its card, as a recipe's `network.start` is."""
    from transformers import AutoModelForAudioClassification

    from kwsd.networks.auto_classifier import whole

    change(copy / "config.json", transformers_weights="adapter_model.bin")
    (copy / "adapter_model.bin").write_bytes(b"cos\nabort\n(tR.")
    with pytest.raises(ModelError, match=r"names other weights than model\.safetensors"):
        whole(AutoModelForAudioClassification, copy, "mine")


def test_no_other_configuration_replaces_the_one_that_was_checked(copy: Path) -> None:
    """transformers would read it instead, and open the pickle that it names."""
    other = json.loads((copy / "config.json").read_text()) | {"transformers_weights": "adapter_model.bin"}
    (copy / "config.5.0.0.json").write_text(json.dumps(other))
    (copy / "adapter_model.bin").write_bytes(b"cos\nabort\n(tR.")
    change(copy / "config.json", configuration_files=["config.5.0.0.json"])
    with pytest.raises(ModelError, match=r"mine: config\.json names other files .*\(configuration_files\); use"):
        read_card(str(copy))


def test_parts_of_a_distributed_checkpoint_are_not_loaded_without_a_card_either(copy: Path) -> None:
    from transformers import AutoModelForAudioClassification

    from kwsd.networks.auto_classifier import whole

    shutil.copy(copy / "model.safetensors", copy / "shard-00001-model-00001-of-00001.safetensors")
    with pytest.raises(ModelError, match=r"mine has parts of a distributed checkpoint beside its weights"):
        whole(AutoModelForAudioClassification, copy, "mine")


def test_other_code_for_attention_is_found_in_any_part_of_a_configuration() -> None:
    for config in (
        {"parts": [{}, {"attn_implementation": "some/kernel"}]},
        {"a": {"_attn_implementation": {"b": "c/d"}}},
    ):
        with pytest.raises(ModelError, match="asks for other code to compute attention"):
            check_own_means(config, "mine")
    check_own_means({"transformers_weights": "model.safetensors", "parts": [{"attn_implementation": None}]}, "mine")


@pytest.mark.parametrize("inner", [lambda told: told, lambda told: {"text_config": told}])
@pytest.mark.parametrize(
    "renamed",
    [
        {"attribute_map": {"a": "_attn_implementation"}, "a": "some/kernel"},
        {"attribute_map": {"a": "transformers_weights"}, "a": "other.bin"},
        {"__dict__": {"transformers_weights": "other.bin"}},
    ],
)
def test_keys_that_would_mean_others_are_refused(
    copy: Path, inner: Callable[[dict[str, Any]], dict[str, Any]], renamed: dict[str, Any]
) -> None:
    """transformers sets every key of a configuration as an attribute, by the name that `attribute_map` gives it."""
    change(copy / "config.json", **inner(renamed))
    with pytest.raises(
        ModelError, match=r"mine: config\.json gives its keys another meaning \((attribute_map|__dict__)\)"
    ):
        read_card(str(copy))


@pytest.mark.parametrize("inner", [lambda told: told, lambda told: {"text_config": told}])
def test_weights_that_need_other_code_are_refused_before_anyone_is_told_to_install_it(
    copy: Path, inner: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """transformers would ask for a package that fetches a library from the Hub, and then run that."""
    change(copy / "config.json", **inner({"quantization_config": {"quant_method": "eetq"}}))
    with pytest.raises(ModelError, match=r"compute with quantised weights \(quant_method: 'eetq'\), which kwsd never"):
        read_card(str(copy))


@pytest.mark.parametrize("way", [["eetq"], "of tomorrow"])
def test_other_ways_to_quantise_are_left_to_transformers(way: Any) -> None:
    check_own_means({"quantization_config": {"quant_method": way}}, "mine")


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_of_torch_may_be_named(copy: Path, attention: str) -> None:
    change(copy / "config.json", _attn_implementation=attention)
    load_classifier(read_card(str(copy)), device="cpu")


def test_what_a_configuration_says_reaches_no_terminal_past_kwsd(copy: Path) -> None:
    """transformers would log the value of a property that cannot be set, as it is, and all of the configuration."""
    change(copy / "config.json", inputs_to_logits_ratio="\x1b]0;mine\x07")
    logged = StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger("transformers").addHandler(handler)
    try:
        with pytest.raises(ModelError, match="cannot load mine"):
            load_classifier(read_card(str(copy)), device="cpu")
    finally:
        logging.getLogger("transformers").removeHandler(handler)
    assert logged.getvalue() == ""


def test_what_only_an_analysis_wants_is_neither_kept_nor_warned_of(copy: Path) -> None:
    """transformers warns, past kwsd's log, where attention is to be told of and torch's own way does not tell it."""
    from transformers.utils.logging import warning_once

    change(copy / "config.json", output_attentions=True, output_hidden_states=True)
    logged = StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger("transformers").addHandler(handler)
    warning_once.cache_clear()  # an earlier test may have been warned
    try:
        classifier: Any = load_classifier(read_card(str(copy)), device="cpu")
    finally:
        logging.getLogger("transformers").removeHandler(handler)
    assert logged.getvalue() == ""
    found = classifier._model(**classifier._extractor(np.zeros((1, 16_000), np.float32)))
    assert (found.attentions, found.hidden_states) == (None, None)


def test_code_in_a_model_is_never_run(copy: Path) -> None:
    (copy / "mine.py").write_text("raise SystemExit('code of the model was run')")
    change(
        copy / "config.json",
        model_type="mine",
        auto_map={"AutoConfig": "mine.Config", "AutoModelForAudioClassification": "mine.Model"},
    )
    with pytest.raises(ModelError, match=r"mine needs its own code, which kwsd never runs; use another model"):
        read_card(str(copy))


@pytest.mark.parametrize("file", ["preprocessor_config.json", "config.json", "processor_config.json"])
@pytest.mark.parametrize("named", ["AutoModelForCausalLM", "AutoFeatureExtractor", "pipeline", ["AutoModel"]])
def test_only_a_feature_extractor_is_loaded_as_one(copy: Path, file: str, named: Any) -> None:
    """transformers loads a class of any kind, and some ask whether to run the code that auto_map names."""
    if file == "processor_config.json":
        (copy / file).write_text(json.dumps({"audio_processor": {"feature_extractor_type": named}}))
    else:
        change(copy / file, feature_extractor_type=named)
    with pytest.raises(ModelError, match=rf"mine: {file} names a class that kwsd does not load \(feature_extr"):
        read_card(str(copy))
    with pytest.raises(ModelError, match="names a class that kwsd does not load"):
        longest_of(copy, json.loads((copy / "config.json").read_text()), "mine")


def test_nobody_is_asked_whether_to_run_an_encoders_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from kwsd.networks.backbone import BackboneConfig, BackboneForAudioClassification

    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("transformers asked"))
    inner = {"model_type": "align_text_model", "auto_map": {"AutoModel": "someone/model--mine.Model"}}
    with pytest.raises(ValueError, match="references custom code"):  # of which `loading` says that kwsd never runs it
        BackboneForAudioClassification(BackboneConfig(backbone=inner))


@pytest.mark.parametrize("kind", ["mamba", "rwkv", "timm_wrapper", "vision-text-dual-encoder", "clap"])
def test_only_an_encoder_of_sounds_is_made(kind: str) -> None:
    """Others would fetch or compile code, or ask whether to run that of a part."""
    from kwsd.networks.backbone import BackboneConfig, BackboneForAudioClassification

    inner: dict[str, Any] = {"model_type": kind, "hidden_size": 16}
    if kind == "vision-text-dual-encoder":
        inner |= {"vision_config": {"model_type": "clip"}, "text_config": {"model_type": "bert"}}
    with pytest.raises(ValueError, match=r"its encoder is (not for sounds|made of other models) \(model_type: "):
        BackboneForAudioClassification(BackboneConfig(backbone=inner))


@pytest.mark.parametrize("shard", ["one.bin", "inner/one.bin", "inner/one.safetensors", "../one.safetensors"])
def test_shards_that_are_no_safetensors_of_the_folder_are_not_opened(copy: Path, shard: str) -> None:
    """transformers opens a shard of any other name as a pickle, wherever it lies, and despite use_safetensors."""
    from transformers import AutoModelForAudioClassification

    from kwsd.networks.auto_classifier import whole

    weights = copy / "model.safetensors"
    for place in (copy / Path(shard).name, copy / shard):  # the first is what could be checked instead
        place.parent.mkdir(exist_ok=True)
        shutil.copy(weights, place)
    weights.unlink()
    index = {"metadata": {}, "weight_map": {"classifier.weight": shard}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"index\.json names .*one\.\w+', which is not a \.safetensors file beside it"):
        read_card(str(copy))
    with pytest.raises(ModelError, match=r"which is not a \.safetensors file beside it"):
        whole(AutoModelForAudioClassification, copy, "mine")

"""What a configuration makes of a model, and what it may not make of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from told_scores import Told

from kwsd import fitting
from kwsd.audio.windowing.window import Window
from kwsd.cards.verifier import Verifier
from kwsd.config import Config, load_config
from kwsd.errors import ConfigError
from kwsd.zoo import ModelCard

Configure = Callable[..., Config]
LABELS = ("yes", "no", "_unknown_", "_silence_")


@pytest.fixture
def configure() -> Configure:
    """Makes configurations of overrides by key."""
    return lambda overrides=None: load_config(Path(os.devnull), overrides or {}).config


@pytest.fixture
def card() -> ModelCard:
    return ModelCard("tiny", Path("/none"), LABELS, {"yes": 0.5, "no": 0.7}, "none", 0, {})


def test_without_choice_all_words_fire_at_the_models_thresholds(configure: Configure, card: ModelCard) -> None:
    assert fitting.thresholds(configure(), card) == {"yes": 0.5, "no": 0.7}


def test_the_smoothing_is_the_models_unless_another_is_asked_for(configure: Configure, card: ModelCard) -> None:
    own = replace(card, smoothing=4)
    assert fitting.trigger_settings(configure(), own).smoothing == 4
    assert fitting.trigger_settings(configure({"trigger.smoothing": 1}), own).smoothing == 1


def test_how_late_a_word_may_fire_is_the_models_to_say(configure: Configure, card: ModelCard) -> None:
    assert fitting.trigger_settings(configure(), card).latest_ms is None
    assert fitting.trigger_settings(configure(), replace(card, latest_ms=450)).latest_ms == 450


@pytest.mark.parametrize(("wanted", "lowered_by"), [(True, 3.0), (False, 0.0)])
def test_a_second_chance_is_the_models_unless_it_is_not_wanted(
    wanted: bool, lowered_by: float, configure: Configure, card: ModelCard
) -> None:
    config = configure({"trigger.second_chance": wanted})
    assert fitting.trigger_settings(configure(), card).second_chance == 0
    assert fitting.trigger_settings(config, replace(card, second_chance=3.0)).second_chance == lowered_by


def test_what_a_substitution_costs_is_the_models_to_say(configure: Configure, card: ModelCard) -> None:
    assert fitting.trigger_settings(configure(), card).substitution == 1
    assert fitting.trigger_settings(configure(), replace(card, substitution=0.1)).substitution == 0.1


def test_how_it_listens_is_of_the_configuration_and_the_model(configure: Configure, card: ModelCard) -> None:
    config = configure({"model.hop_ms": 100, "gate.enabled": False, "gate.onset_ms": 50, "gate.coarse_ms": 200})
    hearing = replace(card, verifier=Verifier("larger", 0.3, 0.6, {}, window=32_000), spoken=8_000)
    found = fitting.spotting_settings(config, hearing)
    assert (found.hop, found.coarse, found.window, found.about) == (1600, 3200, 32_000, 8_000)
    assert (found.gated, found.gate.onset_ms, found.gate.aggressiveness) == (False, 50, 2)
    assert found.trigger == fitting.trigger_settings(config, hearing)


def test_the_gate_is_in_use_where_it_is_enabled(configure: Configure, card: ModelCard) -> None:
    classifier = Told(np.zeros((1, len(LABELS)), np.float32), LABELS)
    silence = [Window("desk", 1600 * number, np.zeros(16_000, np.int16), hop=1600) for number in (1, 2, 3)]
    with_gate, without = (
        fitting.spotting_settings(configure({"gate.enabled": enabled}), card) for enabled in (True, False)
    )
    spotter = without.spotter(classifier)
    for number, settings, gated in ((0, without, 0), (1, with_gate, 1), (2, with_gate, 2)):
        settings.retune(spotter)
        spotter.feed([silence[number]])
        assert spotter.gated == gated


def test_a_words_own_threshold_goes_before_the_one_for_all(configure: Configure, card: ModelCard) -> None:
    config = configure({"trigger.threshold": 0.8, "trigger.thresholds": {"no": 0.9}})
    assert fitting.thresholds(config, card) == {"yes": 0.8, "no": 0.9}


def test_a_verifier_brings_its_own_thresholds_and_can_be_left_out(
    configure: Configure, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    verified = replace(card, verifier=Verifier("larger", 0.3, 0.6, {"yes": 0.95}))
    both = fitting.fitted(configure(), verified)
    assert fitting.thresholds(configure(), both) == {"yes": 0.95, "no": 0.7}
    for overrides in ({"model.verify": False}, {"model.window_s": 1.5}):  # it hears no other window than its own
        alone = fitting.fitted(configure(overrides), verified)
        assert alone.verifier is None
        assert fitting.thresholds(configure(), alone) == {"yes": 0.5, "no": 0.7}
    (said,) = caplog.messages
    assert said.startswith("model.window_s (--window) is 1.5 s, ")
    assert said.endswith(
        "was trained on windows of 1 s and may hear no word in others; its verifier larger is not used"
    )
    caplog.clear()
    fitting.fitted(configure({"model.window_s": 0.5}), card)
    assert "model.window_s (--window) is 0.5 s" in caplog.text
    assert "verifier" not in caplog.text


def test_only_chosen_words_fire(configure: Configure, card: ModelCard) -> None:
    assert fitting.thresholds(configure({"trigger.words": "no"}), card) == {"no": 0.7}


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        ({"trigger.words": "yse"}, ["--words", "'yse'", "did you mean 'yes'"]),
        ({"trigger.thresholds": {"maybe": 0.5}}, ["trigger.thresholds", "'maybe'", "it knows yes, no"]),
        ({"hooks.words": {"stop": "true"}}, ["--hook", "'stop'", "it knows yes, no"]),
        ({"hooks.words": {"_silence_": "true"}}, ["'_silence_'"]),
    ],
)
def test_words_that_the_model_does_not_know_are_refused(
    configure: Configure, card: ModelCard, overrides: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        fitting.check_words(configure(overrides), card)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("label", "overrides"),
    [
        ("Child speech, kid speaking", {"trigger.words": "Child speech, kid speaking"}),
        ("a=b", {"hooks.words": {"a": "true"}}),
    ],
)
def test_a_label_that_no_flag_can_name_is_for_the_file(
    configure: Configure, card: ModelCard, label: str, overrides: dict[str, Any]
) -> None:
    odd = replace(card, labels=(label, "no"), thresholds={label: 0.5, "no": 0.5})
    with pytest.raises(ConfigError, match=f"'{label}' can be named only in the configuration file"):
        fitting.check_words(configure(overrides), odd)
    fitting.check_words(configure({"trigger.words": [label]}), odd)


def test_a_model_of_which_nothing_can_fire_is_refused(configure: Configure, card: ModelCard) -> None:
    mute = replace(card, labels=("silence", "_unknown_"), thresholds={})
    with pytest.raises(ConfigError, match=r"no label that can fire, only silence, _unknown_; use another model"):
        fitting.check_words(configure(), mute)
    with pytest.raises(ConfigError, match=r"name a sound in model\.labels \(--labels\)"):
        fitting.check_words(configure(), replace(mute, kind="zero-shot"))


def test_a_hook_that_can_never_run_is_warned_of(
    configure: Configure, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    fitting.check_words(configure({"trigger.words": "yes", "hooks.words": {"no": "true", "*": "true"}}), card)
    assert caplog.text.count("never runs") == 1


@pytest.mark.parametrize(("smoothing", "hop_ms", "warned"), [(2, 490, False), (2, 500, True), (50, 50, True)])
def test_windows_in_which_no_word_can_be_are_warned_of(
    configure: Configure, card: ModelCard, caplog: pytest.LogCaptureFixture, smoothing: int, hop_ms: int, warned: bool
) -> None:
    fitting.fitted(configure({"trigger.smoothing": smoothing, "model.hop_ms": hop_ms}), card)
    assert ("misses most words" in caplog.text) is warned


@pytest.mark.parametrize(
    ("coarse_ms", "window_s", "samples"), [(0, 1, 0), (500, 1, 8000), (600, 1, 8000), (250, 0.4, 3200)]
)
def test_no_word_is_lost_between_the_windows_of_a_coarse_grid(
    configure: Configure, card: ModelCard, coarse_ms: int, window_s: float, samples: int
) -> None:
    config = configure({"gate.coarse_ms": coarse_ms, "model.window_s": window_s})
    assert fitting.spotting_settings(config, fitting.fitted(config, card)).coarse == samples


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"model.window_s": 2.0}, "takes at most 1.5 s"),
        ({"model.window_s": 0.5, "model.hop_ms": 600}, r"model\.hop_ms \(--hop\) is 600 ms, .* set it to 500 or less"),
        ({"model.labels": "a dog, a cat"}, "its own labels"),
    ],
)
def test_what_a_model_cannot_hear_is_refused(
    configure: Configure, card: ModelCard, overrides: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        fitting.fitted(configure(overrides), replace(card, longest=24_000))


def test_a_zero_shot_model_is_given_its_labels(configure: Configure, card: ModelCard) -> None:
    clap = replace(card, kind="zero-shot", labels=(), thresholds={})
    found = fitting.fitted(configure({"model.labels": "a dog barking, silence"}), clap)
    assert found.labels == ("a dog barking", "silence")
    assert found.words == ("a dog barking",)
    assert fitting.thresholds(configure(), found) == {"a dog barking": 0.95}
    for few in ({}, {"model.labels": "a dog barking"}):
        with pytest.raises(ConfigError, match="two or more"):
            fitting.fitted(configure(few), clap)
    with pytest.raises(
        ConfigError, match=r"model\.labels \(--labels\): label 1 is '\*', which stands for any word in \[hooks\]"
    ):
        fitting.fitted(configure({"model.labels": "a dog barking, *"}), clap)


def test_many_words_are_not_all_listed(configure: Configure, card: ModelCard) -> None:
    many = replace(card, labels=tuple(f"sound {number}" for number in range(527)))
    with pytest.raises(ConfigError, match="and 487 more"):
        fitting.check_words(configure({"trigger.words": "xyz"}), many)

"""What the configuration becomes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.source import Block
from kwsd.config import Config
from kwsd.daemon import build
from kwsd.errors import ConfigError
from kwsd.events import Detection, Envelope
from kwsd.networks.cascade import Verifier
from kwsd.zoo import ModelCard

Configure = Callable[..., Config]
YES = Detection("desk", "yes", 1.0, 0.5, 0, 8_000, 16_000, "tiny")


class FakeStream:
    """A source that is only named."""

    name, live = "desk", False

    def blocks(self) -> Iterator[Block]:
        return iter(())

    def close(self) -> None:
        pass


@pytest.fixture
def card(zoo: Any) -> ModelCard:
    found: ModelCard = zoo.read_card("tiny")
    return found


def test_without_choice_all_words_fire_at_the_models_thresholds(configure: Configure, card: ModelCard) -> None:
    assert build.thresholds(configure(), card) == {"yes": 0.5, "no": 0.7}


def test_the_smoothing_is_the_models_unless_another_is_asked_for(configure: Configure, card: ModelCard) -> None:
    own = replace(card, smoothing=4)
    assert build.trigger_settings(configure(), own).smoothing == 4
    assert build.trigger_settings(configure({"trigger.smoothing": 1}), own).smoothing == 1


def test_what_a_substitution_costs_is_the_models_to_say(configure: Configure, card: ModelCard) -> None:
    assert build.trigger_settings(configure(), card).substitution == 1
    assert build.trigger_settings(configure(), replace(card, substitution=0.1)).substitution == 0.1


def test_a_words_own_threshold_goes_before_the_one_for_all(configure: Configure, card: ModelCard) -> None:
    config = configure({"trigger.threshold": 0.8, "trigger.thresholds": {"no": 0.9}})
    assert build.thresholds(config, card) == {"yes": 0.8, "no": 0.9}


def test_a_verifier_brings_its_own_thresholds_and_can_be_left_out(
    configure: Configure, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    verified = replace(card, verifier=Verifier("larger", 0.3, 0.6, {"yes": 0.95}))
    both = build.fitted(configure(), verified)
    assert build.thresholds(configure(), both) == {"yes": 0.95, "no": 0.7}
    for overrides in ({"model.verify": False}, {"model.window_s": 1.5}):  # it hears no other window than its own
        alone = build.fitted(configure(overrides), verified)
        assert alone.verifier is None
        assert build.thresholds(configure(), alone) == {"yes": 0.5, "no": 0.7}
    (said,) = caplog.messages
    assert said.startswith("--window 1.5: ")
    assert said.endswith("learnt words in windows of 1 s and may hear none in others, and larger is not asked")
    caplog.clear()
    build.fitted(configure({"model.window_s": 0.5}), card)
    assert "--window 0.5" in caplog.text
    assert "asked" not in caplog.text


def test_only_chosen_words_fire(configure: Configure, card: ModelCard) -> None:
    assert build.thresholds(configure({"trigger.words": "no"}), card) == {"no": 0.7}


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
        build.check_words(configure(overrides), card)
    for part in parts:
        assert part in str(caught.value)


def test_a_hook_that_can_never_run_is_warned_of(
    configure: Configure, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    build.check_words(configure({"trigger.words": "yes", "hooks.words": {"no": "true", "*": "true"}}), card)
    assert caplog.text.count("never runs") == 1


def test_a_key_of_metrics_that_has_no_say_is_warned_of(configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
    config = configure({"metrics.public": True, "metrics.token_file": "/no/such/token"})
    assert build.open_metrics(config, lambda: "", failed=lambda _: None) is None
    assert "metrics.public says nothing without metrics.listen" in caplog.text
    assert "metrics.token_file says nothing" in caplog.text


def test_text_on_a_terminal_and_json_in_a_pipe(configure: Configure) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, start in ((Terminal(), "    0.00 s"), (io.StringIO(), "{")):
        config = configure({"output.format": "auto", "hooks.words": {"yes": [["a", "b"], {"shell": "c | d"}]}})
        sink = build.open_stdout(config, stream, live=False, closed=lambda: None)
        assert sink
        sink.send(Envelope.seal(YES, 1))
        sink.close(0)
        assert stream.getvalue().startswith(start)
        assert stream.getvalue().endswith("→ a b; c | d\n") == (start != "{")


def test_a_process_without_standard_output_has_no_sink_for_it(configure: Configure) -> None:
    assert build.open_stdout(configure(), None, live=True, closed=lambda: None) is None


@pytest.mark.parametrize(
    ("overrides", "live", "served"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"socket.enabled": False}, True, False),
        ({"socket.enabled": True}, False, True),
    ],
)
def test_a_microphone_has_a_socket_and_a_file_only_if_asked(
    configure: Configure, tmp_path: Path, overrides: dict[str, Any], live: bool, served: bool
) -> None:
    sink = build.open_socket(configure(overrides), live=live, failed=lambda _: None)
    assert (sink is not None) == served
    if sink:
        assert sink.path == tmp_path / "run" / "kwsd" / "events.sock"
        sink.close(0)


def test_a_socket_where_the_user_wants_it(configure: Configure, tmp_path: Path) -> None:
    config = configure({"socket.path": str(tmp_path / "own" / "socket")})
    sink = build.open_socket(config, live=False, failed=lambda _: None)
    assert sink
    assert sink.path.is_socket()
    sink.close(0)


def test_hooks_get_the_configured_limits(configure: Configure) -> None:
    assert build.open_hooks(configure(), publish=lambda _: None, failed=lambda _: None) is None
    with pytest.raises(ConfigError, match="no-such-program"):
        build.open_hooks(
            configure({"hooks.words": {"yes": "no-such-program"}}), publish=lambda _: None, failed=lambda _: None
        )


def test_hooks_are_passed_what_the_configuration_names(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "x")
    monkeypatch.delenv("MISSING", raising=False)
    named = {"hooks.words": {"yes": "true"}, "hooks.environment": ["MQTT_PASSWORD", "MISSING"]}
    (hook,) = build.bound(configure(named))["yes"]
    assert hook.passed == ("MQTT_PASSWORD", "MISSING")
    assert "MISSING is not set" in caplog.text
    assert "MQTT" not in caplog.text
    with pytest.raises(ConfigError, match="NOTIFY_SOCKET is between systemd and kwsd"):
        build.bound(configure({"hooks.environment": ["NOTIFY_SOCKET"]}))


def test_the_window_is_the_models_or_the_configurations(configure: Configure, card: ModelCard) -> None:
    assert build.fitted(configure(), card).window == 16_000
    assert build.fitted(configure({"model.window_s": 2.5}), card).window == 40_000
    long = build.fitted(configure({"model.window_s": 30}), card)
    rings = build.make_rings(configure(), [FakeStream()], long.window)
    assert rings["desk"].capacity == 2 * 480_000


@pytest.mark.parametrize(("smoothing", "hop_ms", "warned"), [(2, 490, False), (2, 500, True), (50, 50, True)])
def test_windows_in_which_no_word_can_be_are_warned_of(
    configure: Configure, card: ModelCard, caplog: pytest.LogCaptureFixture, smoothing: int, hop_ms: int, warned: bool
) -> None:
    build.fitted(configure({"trigger.smoothing": smoothing, "model.hop_ms": hop_ms}), card)
    assert ("most will not be heard" in caplog.text) is warned


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"model.window_s": 2.0}, "hears 1.5 s at once"),
        ({"model.window_s": 0.5, "model.hop_ms": 600}, "--hop 600"),
        ({"model.labels": "a dog, a cat"}, "labels of its own"),
    ],
)
def test_what_a_model_cannot_hear_is_refused(
    configure: Configure, card: ModelCard, overrides: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        build.fitted(configure(overrides), replace(card, longest=24_000))


def test_a_zero_shot_model_is_given_its_labels(configure: Configure, card: ModelCard) -> None:
    clap = replace(card, kind="zero-shot", labels=(), thresholds={})
    found = build.fitted(configure({"model.labels": "a dog barking, silence"}), clap)
    assert found.labels == ("a dog barking", "silence")
    assert found.words == ("a dog barking",)
    assert build.thresholds(configure(), found) == {"a dog barking": 0.95}
    for few in ({}, {"model.labels": "a dog barking"}):
        with pytest.raises(ConfigError, match="two or more"):
            build.fitted(configure(few), clap)


def test_many_words_are_not_all_listed(configure: Configure, card: ModelCard) -> None:
    many = replace(card, labels=tuple(f"sound {number}" for number in range(527)))
    with pytest.raises(ConfigError, match="and 487 more"):
        build.check_words(configure({"trigger.words": "xyz"}), many)


def test_detections_are_kept_only_where_it_is_asked_for(configure: Configure, tmp_path: Path) -> None:
    assert build.open_keeper(configure(), {}, failed=lambda _: None) is None
    keeper = build.open_keeper(configure({"keep.folder": str(tmp_path / "kept")}), {}, failed=lambda _: None)
    assert keeper
    keeper.close(60)
    assert (tmp_path / "kept").is_dir()

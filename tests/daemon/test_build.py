"""What the configuration becomes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kwsd import fitting
from kwsd.audio.source import Block
from kwsd.config import Config
from kwsd.daemon import build
from kwsd.envelope import Envelope
from kwsd.errors import ConfigError
from kwsd.events import Detection
from kwsd.zoo import ModelCard

Configure = Callable[..., Config]
YES = Detection("desk", "yes", 1.0, 0.5, 0, 8_000, 16_000, "tiny")


class FakeStream:
    """A source that is only named."""

    def __init__(self) -> None:
        self.name, self.live = "desk", False

    def blocks(self) -> Iterator[Block]:
        return iter(())

    def close(self) -> None:
        pass


@pytest.fixture
def card(zoo: Any) -> ModelCard:
    found: ModelCard = zoo.read_card("tiny")
    return found


def test_a_key_of_metrics_that_has_no_say_is_warned_of(configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
    config = configure({"metrics.public": True, "metrics.token_file": "/no/such/token"})
    assert build.open_metrics(config, lambda: "", failed=lambda _: None) is None
    assert "metrics.public has no effect without metrics.listen" in caplog.text
    assert "metrics.token_file has no effect" in caplog.text


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


def test_a_socket_that_systemd_hands_over_in_vain_is_told(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in (("LISTEN_PID", str(os.getpid())), ("LISTEN_FDS", "1")):
        monkeypatch.setenv(name, value)
    config = configure({"socket.enabled": False})
    assert build.open_socket(config, live=True, failed=lambda _: None) is None
    assert "its subscribers get no events" in caplog.text


def test_hooks_are_opened_where_there_are_some(configure: Configure) -> None:
    assert build.open_hooks(configure(), publish=lambda _: None, failed=lambda _: None) is None
    with pytest.raises(ConfigError, match="no-such-program"):
        build.open_hooks(
            configure({"hooks.words": {"yes": "no-such-program"}}), publish=lambda _: None, failed=lambda _: None
        )


def test_hooks_get_the_configured_limits(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(build, "HookSink", lambda hooks, **limits: given.append({"hooks": hooks, **limits}))
    limits = {"hooks.max_running": 1, "hooks.queue": 2, "hooks.timeout_s": 3.0}
    config = configure({"hooks.words": {"yes": "true"}, **limits})
    build.open_hooks(config, publish=lambda _: None, failed=lambda _: None)
    (sink,) = given
    assert (sink["limit"], sink["queue"], sink["hooks"]["yes"][0].timeout_s) == (1, 2, 3.0)


def test_hooks_are_passed_what_the_configuration_names(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "x")
    monkeypatch.delenv("MISSING", raising=False)
    named = {"hooks.words": {"yes": "true"}, "hooks.environment": ["MQTT_PASSWORD", "MISSING"]}
    (hook,) = build.hooks_by_word(configure(named))["yes"]
    assert hook.passed == ("MQTT_PASSWORD", "MISSING")
    assert "MISSING is not set" in caplog.text
    assert "MQTT" not in caplog.text
    with pytest.raises(ConfigError, match="NOTIFY_SOCKET is how systemd talks to kwsd, and not for hooks"):
        build.hooks_by_word(configure({"hooks.environment": ["NOTIFY_SOCKET"]}))
    monkeypatch.setattr("kwsd.config.places.fits_locale", str.isascii)  # in a locale of such letters alone
    with pytest.raises(ConfigError, match="this locale cannot encode 'NAME_π'; set LC_ALL"):
        build.hooks_by_word(configure({"hooks.environment": ["NAME_π"]}))


def test_the_window_is_the_models_or_the_configurations(configure: Configure, card: ModelCard) -> None:
    assert fitting.fitted(configure(), card).window == 16_000
    assert fitting.fitted(configure({"model.window_s": 2.5}), card).window == 40_000
    long = fitting.fitted(configure({"model.window_s": 30}), card)
    rings = build.make_rings(configure, [FakeStream()], long.window)
    assert rings["desk"].capacity == 2 * 480_000


def test_a_ring_holds_what_is_kept_of_a_batch_and_no_more_of_a_microphone(configure: Configure, tmp_path: Path) -> None:
    recording, microphone = FakeStream(), FakeStream()
    microphone.name, microphone.live = "microphone", True
    config = configure({"keep.folder": str(tmp_path), "model.hop_ms": 100})
    rings = build.make_rings(lambda: config, [recording, microphone], 32_000)
    kept = 64_000 + build.kept_before(config)
    assert rings["desk"].capacity == kept + 160 * config.model.hop > 160_000
    assert rings["microphone"].capacity == 160_000  # buffer_s: what waits is no later than that


def test_detections_are_kept_only_where_it_is_asked_for(configure: Configure, tmp_path: Path) -> None:
    assert build.open_keeper(configure(), {}, failed=lambda _: None) is None
    keeper = build.open_keeper(configure({"keep.folder": str(tmp_path / "kept")}), {}, failed=lambda _: None)
    assert keeper
    keeper.close(60)
    assert (tmp_path / "kept").is_dir()


def test_a_recording_waits_for_what_is_kept_and_holds_what_came_before_it(configure: Configure, tmp_path: Path) -> None:
    config = configure({"keep.folder": str(tmp_path / "kept"), "keep.preroll_s": 2})
    assert build.kept_before(config) == 48_000  # and the word's own second
    assert build.kept_before(configure()) == 0
    for live in (True, False):
        keeper = build.open_keeper(config, {}, live=live, failed=lambda _: None)
        assert keeper
        assert keeper._wait is not live
        keeper.close(60)

"""What of a new configuration is taken over, and how."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.audio.windowing.window import Window
from kwsd.config import Config
from kwsd.daemon import build, reloading
from kwsd.daemon.notify import Notifier
from kwsd.daemon.reloading import Reloader, settled, taken_over
from kwsd.daemon.sink_set import SinkSet
from kwsd.daemon.status_line import StatusLine
from kwsd.daemon.tunable_spotter import TunableSpotter
from kwsd.errors import ConfigError
from kwsd.events import SpeechStarted

Configure = Callable[..., Config]


def test_thresholds_words_hooks_and_the_gate_change_and_the_rest_stays(
    configure: Configure, zoo: Any, caplog: pytest.LogCaptureFixture
) -> None:
    new = configure({
        "audio.device": "usb", "model.hop_ms": 70, "socket.path": "/run/s", "output.format": "text",
        "gate.enabled": True, "trigger.words": "yes", "trigger.thresholds": {"yes": 0.9},
        "hooks.words": {"yes": "true"}, "output.events": "all", "output.log_level": "debug",
    })  # fmt: skip
    old = configure()
    chosen = settled(old, new, zoo.read_card("tiny"))
    assert (chosen.audio, chosen.model, chosen.socket) == (old.audio, old.model, old.socket)
    assert (chosen.gate, chosen.trigger, chosen.hooks) == (new.gate, new.trigger, new.hooks)
    assert (chosen.output.format, chosen.output.events, chosen.output.log_level) == ("json", "all", "debug")
    told = "\n".join(record.getMessage() for record in caplog.records)
    for key in ("audio.device", "model.hop_ms", "socket.path", "output.format"):
        assert f"a change of {key} needs a restart" in told
    assert "gate" not in told


def test_words_that_the_model_does_not_know_are_refused(configure: Configure, zoo: Any) -> None:
    with pytest.raises(ConfigError, match="does not know 'maybe'"):
        settled(configure(), configure({"trigger.words": "maybe"}), zoo.read_card("tiny"))


def test_what_the_system_has_against_it_ends_no_daemon(
    configure: Configure, zoo: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def read() -> Config:
        raise PermissionError(13, "Permission denied", "/etc/kwsd")

    old, card = configure(), zoo.read_card("tiny")
    assert taken_over(read, old, card, TunableSpotter(old), SinkSet(live=True, failed=_raise)) is old
    assert "is refused, the old one stays: [Errno 13] Permission denied: '/etc/kwsd'" in caplog.text


def reloaded(config: Config, zoo: Any, read: Callable[[], Config]) -> Config:
    """The configuration after one reload by the thread's own body, when every thread that this started has ended."""
    notifier, spotter = Notifier({}), TunableSpotter(config)
    sinks, status = SinkSet(live=True, failed=_raise), StatusLine(notifier)
    reloader = Reloader(config, read, spotter=spotter, sinks=sinks, notifier=notifier, status=status)
    reloader.ask()
    reloader.stop()
    before = set(threading.enumerate())
    reloader.run(zoo.read_card("tiny"))
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return reloader.config


def test_a_reload_that_hangs_is_told_and_goes_on_when_its_file_can_be_read(
    configure: Configure, zoo: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = threading.Event()
    new = configure({"trigger.words": "yes"})

    def read() -> Config:
        assert told.wait(PATIENCE_S)
        return new

    def tell(record: logging.LogRecord) -> bool:
        if "hangs" in record.getMessage():
            told.set()
        return True

    monkeypatch.setattr(reloading, "HANGS_S", 0.001)
    monkeypatch.setattr(reloading.log, "filters", [tell])
    assert reloaded(configure(), zoo, read).trigger.words == ("yes",)
    assert "reading the new configuration hangs" in caplog.text


def test_a_reload_that_takes_no_time_is_not_said_to_hang(
    configure: Configure, zoo: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reloaded(configure(), zoo, configure)
    assert "hangs" not in caplog.text


def _raise(error: BaseException) -> None:
    raise error


def scraped(path: Path, token: str) -> bytes:
    """What the metrics answer to who bears this token."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        client.sendall(f"GET /metrics HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        with client.makefile("rb") as answer:
            return answer.readline().split()[1]


def test_a_token_that_was_changed_is_asked_for_and_one_that_is_none_is_refused(
    configure: Configure, zoo: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, place, old, new = tmp_path / "token", tmp_path / "metrics", "0123456789abcdef", "fedcba9876543210"
    file.touch(0o600)
    file.write_text(old)
    config, card = configure({"metrics.listen": str(place), "metrics.token_file": str(file)}), zoo.read_card("tiny")
    sinks = SinkSet(live=True, failed=_raise)
    sinks.metrics = build.open_metrics(config, str, failed=_raise)
    assert sinks.metrics
    try:
        file.write_text(new)
        assert (scraped(place, old), scraped(place, new)) == (b"200", b"401")
        assert taken_over(lambda: config, config, card, TunableSpotter(config), sinks) == config
        assert (scraped(place, old), scraped(place, new)) == (b"401", b"200")
        file.write_text("")
        assert taken_over(lambda: config, config, card, TunableSpotter(config), sinks) is config
        assert "is refused, the old one stays: metrics.token_file" in caplog.text
        assert scraped(place, new) == b"200"
    finally:
        sinks.metrics.close()


def test_a_gate_whose_library_is_missing_is_refused(
    configure: Configure, zoo: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who was told to go on with --no-gate has the file yet that switches it on."""
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    old, new, card = configure({"gate.enabled": False}), configure({"gate.enabled": True}), zoo.read_card("tiny")
    spotter, sinks = TunableSpotter(old), SinkSet(live=True, failed=_raise)
    assert taken_over(lambda: new, old, card, spotter, sinks) is old
    assert "is refused, the old one stays: no voice activity detector" in caplog.text
    spotter.load(card, zoo.load_classifier(card, device="cpu"))
    loud = Window("desk", 1600, np.full(16_000, 9000, np.int16), hop=1600)
    assert not [event for event in spotter.feed([loud]) if isinstance(event, SpeechStarted)]


def test_outputs_hooks_limits_and_the_log_are_told_of_what_is_new(configure: Configure, zoo: Any) -> None:
    old = configure()
    new = configure({
        "output.events": "all", "output.log_level": "debug", "hooks.words": {"yes": "true"},
        "hooks.max_running": 1, "hooks.queue": 3,
    })  # fmt: skip
    told: list[tuple[Any, ...]] = []
    hooks: Any = SimpleNamespace(bind=lambda bound, **limits: told.append(("hooks", list(bound), limits)))
    stdout: Any = SimpleNamespace(adopt=lambda *settings: told.append(("stdout", *settings)))
    outlets = SinkSet(live=True, failed=_raise)
    outlets.hooks, outlets.stdout = hooks, stdout
    assert taken_over(lambda: new, old, zoo.read_card("tiny"), TunableSpotter(old), outlets).hooks == new.hooks
    assert told == [("hooks", ["yes"], {"limit": 1, "queue": 3}), ("stdout", "all", {"yes": "true"})]
    assert logging.getLogger("kwsd").level == logging.DEBUG


def test_a_mean_over_too_many_windows_is_warned_of(
    configure: Configure, zoo: Any, caplog: pytest.LogCaptureFixture
) -> None:
    card = zoo.read_card("tiny")
    assert settled(configure(), configure({"trigger.smoothing": 2}), card).trigger.smoothing == 2
    assert not caplog.messages
    assert settled(configure(), configure({"trigger.smoothing": 20}), card).trigger.smoothing == 20
    assert "averaging over 20 windows (--smoothing), 50 ms apart (--hop)" in caplog.text

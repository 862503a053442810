"""What signals do to a daemon that runs: it stops, waits no longer, or reads its configuration again."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.audio.source import Block
from kwsd.config import Config
from kwsd.daemon.supervisor import run
from kwsd.errors import ConfigError

Configure = Callable[..., Config]
MakeSource = Callable[..., Any]
MakeOutput = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("nothing_left_behind")


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are given ten minutes: who comes to an end sooner did so because it was told to."""
    monkeypatch.setattr("kwsd.daemon.supervisor.JOIN_S", 600.0)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_stops_a_microphone(
    configure: Configure, source: MakeSource, zoo: Any, number: signal.Signals, status: int, output: MakeOutput
) -> None:
    out = output(detection=[partial(send, number)])
    config = configure({"output.events": "all", "socket.enabled": False})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out) == status
    assert out.events()[-1]["type"] == "stopped"
    assert out.events()[-1]["reason"] == number.name


@pytest.mark.usefixtures("patient")
def test_a_signal_ends_the_listening_with_the_batch_at_hand(
    configure: Configure, source: MakeSource, make_zoo: Callable[..., Any], zoo: Any, output: MakeOutput
) -> None:
    recording, batches = source(60), []

    class Slow(type(zoo.load_classifier(None, device="cpu"))):  # type: ignore[misc]  # a fake of the conftest
        def score(self, windows: Any) -> Any:
            if not batches:
                send(signal.SIGTERM)
            batches.append(len(windows))
            recording._closed.wait(PATIENCE_S)
            return super().score(windows)

    assert run(configure(), recording, zoo=make_zoo(Slow), stdout=output()) == 0
    assert len(batches) == 1


def test_a_signal_does_not_wait_for_a_hanging_hook(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    monkeypatch.setattr("kwsd.daemon.sink_set.HOOKS_S", 0.1)
    monkeypatch.setattr("kwsd.sinks.running.GRACE_S", PATIENCE_S)  # a busy machine is slow in ending it
    monkeypatch.setattr("kwsd.sinks.hooks.LAST_S", PATIENCE_S)
    out = output(detection=[partial(send, signal.SIGTERM)])
    config = configure({"output.events": "all", "hooks.words": {"yes": "sleep 1000"}, "hooks.timeout_s": 1000})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out) == 0
    assert out.types()[-2:] == ["hook_finished", "stopped"]
    assert out.events()[-2]["exit_status"] in (143, None)  # None: it had not been started yet


@pytest.mark.usefixtures("patient")
def test_a_signal_ends_the_wait_for_hooks_at_the_end_of_a_file(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    monkeypatch.setattr("kwsd.daemon.sink_set.HOOKS_S", 0.1)
    out = output()
    line = f"kill -TERM {os.getpid()}; sleep 1000"
    config = configure({"output.events": "all", "hooks.words": {"yes": {"shell": line}}, "hooks.timeout_s": 1000})
    assert run(config, source(1, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert out.events()[-1]["reason"] == "SIGTERM"
    assert not any(event.get("timed_out") for event in out.events())


def test_sighup_reads_the_configuration_again_and_refuses_a_wrong_one(
    configure: Configure,
    source: MakeSource,
    zoo: Any,
    output: MakeOutput,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = {"output.events": "all", "socket.enabled": False}
    read: list[Callable[[], Config]] = [
        lambda: configure({**said, "trigger.words": "maybe"}),
        lambda: configure({**said, "hooks.words": {"yes": "no-such-program"}}),
        lambda: configure({**said, "trigger.threshold": 0.25, "hooks.words": {"yes": ["touch", f"{tmp_path}/ran"]}}),
    ]
    done: list[Config] = []

    def reload() -> Config:
        done.append(read[len(done)]())
        return done[-1]

    hear = source(1, 0.5, 1, live=True)

    class Endless:
        """The same second and a half again and again, as fast as the daemon takes it."""

        name, live = "desk", True

        def blocks(self) -> Iterator[Any]:
            while not hear._closed.is_set():
                for block in hear._blocks:
                    yield Block(block)
                    hear._closed.wait(0.001)

        def close(self) -> None:
            hear.close()

    asked: list[int] = []

    def ask() -> None:
        """Not while one is still to be obeyed, of which the kernel would make one signal."""
        if len(asked) == len(done) < len(read):
            asked.append(len(done))
            send(signal.SIGHUP)

    stop = partial(send, signal.SIGTERM)
    out = output(detection=repeat(ask), hook_finished=[stop])  # a second SIGTERM would end the tests
    assert run(configure(said), Endless(), zoo=zoo, stdout=out, reload=reload) == 0
    assert (tmp_path / "ran").exists()
    assert len(done) == len(read)
    thresholds = [event["threshold"] for event in out.events() if event["type"] == "detection"]
    assert thresholds[0] == 0.5
    assert thresholds[-1] == 0.25
    refused = [record.getMessage() for record in caplog.records if "is refused" in record.getMessage()]
    assert len(refused) == 2
    assert "'maybe'" in refused[0]
    assert "no-such-program" in refused[1]


def test_a_signal_ends_a_daemon_whose_reload_hangs(
    configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.daemon.supervisor.JOIN_S", PATIENCE_S)
    monkeypatch.setattr("kwsd.daemon.supervisor.RELOAD_S", 0.01)
    over, before = threading.Event(), {*threading.enumerate()}
    hung: list[bool] = []

    def reload() -> Config:
        send(signal.SIGTERM)
        hung.append(over.wait(PATIENCE_S))
        raise ConfigError("the mount is back")

    out = output(detection=[partial(send, signal.SIGHUP)])
    assert run(configure(), source(1, 0.5, 1, live=True), zoo=zoo, stdout=out, reload=reload) == 0
    assert hung == []
    over.set()
    for thread in {*threading.enumerate()} - before:  # others may have left a network's threads, which end with it
        thread.join(PATIENCE_S)


@pytest.mark.usefixtures("patient")
def test_a_signal_ends_the_wait_for_a_reader_at_the_end_of_a_file(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.daemon.sink_set.STDOUT_S", 0.01)
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"\n" * 4096)
    os.set_blocking(writing, True)
    hook = {"shell": f"kill -TERM {os.getpid()}"}
    with os.fdopen(writing, "w", encoding="utf-8") as full:
        assert run(configure({"hooks.words": {"yes": hook}}), source(1, 0.5, 1), zoo=zoo, stdout=full) == 0
        os.close(reading)


@pytest.mark.usefixtures("patient")
def test_a_signal_ends_a_recording_that_waits_for_room(
    configure: Configure, source: MakeSource, make_zoo: Callable[..., Any], zoo: Any, output: MakeOutput
) -> None:
    """The ring is full as the model is loaded: its writer waits for a reader that does not come any more."""

    def load() -> Any:
        send(signal.SIGTERM)
        return zoo.load_classifier(None, device="cpu")

    config = configure({"audio.buffer_s": 2.0})
    assert run(config, source(60), zoo=make_zoo(load), stdout=output()) == 0


def test_a_terminal_that_hangs_up_is_no_reload(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    answers = iter([True])
    monkeypatch.setattr("kwsd.daemon.signals.has_terminal", lambda: next(answers, False))
    out = output(detection=[partial(send, signal.SIGHUP)])
    read: list[Config] = []
    status = run(configure(), source(1, 0.5, 1, live=True), zoo=zoo, stdout=out, reload=read.pop)
    assert status == 129

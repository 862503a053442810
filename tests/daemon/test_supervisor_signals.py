"""What signals do to a daemon that runs: it stops, waits no longer, or reads its configuration again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.source import Block
from kwsd.config import Config
from kwsd.daemon.supervisor import run

Configure = Callable[..., Config]
MakeSource = Callable[..., Any]
MakeOutput = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("nothing_left_behind")


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_stops_a_microphone(
    configure: Configure, source: MakeSource, zoo: Any, number: signal.Signals, status: int, output: MakeOutput
) -> None:
    out = output(detection=[partial(send, number)])
    config = configure({"output.events": "all", "socket.enabled": False})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out) == status
    assert out.events()[-1]["type"] == "stopped"
    assert out.events()[-1]["reason"] == number.name


def test_a_signal_does_not_wait_for_a_hanging_hook(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    monkeypatch.setattr("kwsd.daemon.supervisor.HOOKS_S", 0.1)
    out = output(detection=[partial(send, signal.SIGTERM)])
    config = configure({"output.events": "all", "hooks.words": {"yes": "sleep 1000"}, "hooks.timeout_s": 1000})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out) == 0
    assert out.types()[-2:] == ["hook_finished", "stopped"]
    assert out.events()[-2]["exit_status"] in (143, None)  # None: it had not been started yet


def test_a_signal_ends_the_wait_for_hooks_at_the_end_of_a_file(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    monkeypatch.setattr("kwsd.daemon.supervisor.HOOKS_S", 0.1)
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

    again, stop = partial(send, signal.SIGHUP), partial(send, signal.SIGTERM)
    out = output(detection=[again] * len(read), hook_finished=[stop])  # a second SIGTERM would end the tests
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

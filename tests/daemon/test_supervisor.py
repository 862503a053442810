"""A whole life of the daemon, with a fake source and a fake classifier, in this process: who hears of it."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.audio.source import SearchFailed
from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.config import Config
from kwsd.daemon.supervisor import run

Configure = Callable[..., Config]
MakeSource = Callable[..., Any]
MakeOutput = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("nothing_left_behind")


def test_a_file_is_heard_to_its_end(configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput) -> None:
    out = output()
    assert run(configure({"output.events": "all"}), source(1, 0.5, 2, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert out.types() == ["ready", "detection", "detection", "stopped"]
    assert [event["sequence"] for event in out.events()] == [1, 2, 3, 4]
    ready, first, second, stopped = out.events()
    assert (ready["stream"], ready["model"], ready["device"]) == ("desk", "tiny", "cpu")
    assert (first["word"], first["threshold"], first["model"]) == ("yes", 0.5, "tiny")
    assert 1.0 < first["at_s"] < 1.7
    assert 3.5 < second["at_s"] < 4.2
    assert (stopped["at_s"], stopped["reason"]) == (5.0, "end of input")


def test_only_detections_unless_all_is_asked_for(
    configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput
) -> None:
    out = output()
    assert run(configure(), source(1, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert out.types() == ["detection"]


def test_a_word_that_ends_with_the_file_is_heard(
    configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput
) -> None:
    out = output()
    assert run(configure(), source(1, 0.3), zoo=zoo, stdout=out) == 0
    assert out.types() == ["detection"]


@pytest.mark.parametrize(("gated", "seconds"), [(False, (1, 0.04)), (True, (1, 0.6, 0.51))])
def test_nothing_happens_after_the_end_of_a_file(
    configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput, gated: bool, seconds: tuple[float, ...]
) -> None:
    config = configure({"gate.enabled": gated, "gate.aggressiveness": 0, "output.events": "all"})
    out = output()
    assert run(config, source(*seconds), zoo=zoo, stdout=out) == 0
    *_, last, stopped = out.events()
    assert last["type"] == ("speech_ended" if gated else "detection")
    assert last["at_s"] == stopped["at_s"] == round(sum(seconds), 4)
    assert last.get("end_s", 0) <= last["at_s"]


@pytest.mark.parametrize("gated", [True, False])
def test_a_daemon_sleeps_while_its_gate_is_shut_and_else_wakes_where_a_window_is_scored(
    configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput, gated: bool
) -> None:
    class Watched(WakeSchedule):
        def wake_at(self, span: int | None) -> None:
            seen.append(span)
            super().wake_at(span)

    seen: list[int | None] = []
    out, schedule = output(), Watched(800)
    config = configure({"gate.enabled": gated, "gate.aggressiveness": 0, "trigger.threshold": 0.9})
    assert run(config, source(2, 0.6, 3), zoo=zoo, stdout=out, schedule=schedule) == 0
    assert out.types() == ["detection"]
    assert seen[-1] == (None if gated else 4000)
    assert schedule.span == (4800 if gated else 4000)


def test_an_empty_pipe_is_no_error(configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput) -> None:
    out = output()
    assert run(configure({"output.events": "all"}), source(), zoo=zoo, stdout=out) == 0
    assert out.types() == ["stopped"]


def test_the_end_of_a_file_waits_for_its_hooks(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, output: MakeOutput
) -> None:
    out = output()
    config = configure({"output.events": "all", "hooks.words": {"yes": {"shell": f"sleep 0.3; echo >{tmp_path}/done"}}})
    assert run(config, source(1, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert (tmp_path / "done").exists()
    assert out.types() == ["ready", "detection", "hook_finished", "stopped"]


def test_subscribers_hear_what_standard_output_hears(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, output: MakeOutput
) -> None:
    received: queue.SimpleQueue[list[dict[str, Any]]] = queue.SimpleQueue()
    path = tmp_path / "run" / "kwsd" / "events.sock"

    def subscribe() -> None:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE_S)
        client.connect(str(path))

        def read() -> None:
            with client, client.makefile() as lines:
                received.put([json.loads(line) for line in lines])

        threading.Thread(target=read).start()

    stop = partial(os.kill, os.getpid(), signal.SIGTERM)
    out = output(ready=[subscribe], detection=[stop])  # when it is ready, the socket is there
    config = configure({"output.events": "all"})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out) == 0
    events = received.get(timeout=PATIENCE_S)
    assert events[-2]["type"] == "detection"
    assert events[-1]["type"] == "stopped"
    assert events == out.events()[-len(events) :]  # whether "ready" was among them is a matter of luck
    assert not path.exists()


def test_not_ready_before_the_first_audio(
    configure: Configure, source: MakeSource, make_zoo: Callable[..., Any], zoo: Any, output: MakeOutput
) -> None:
    def load() -> Any:
        threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGTERM]).start()  # long after the windows would have come
        return zoo.load_classifier(None, device="cpu")

    out = output()
    mute = source(live=True)
    assert run(configure({"output.events": "all"}), mute, zoo=make_zoo(load), stdout=out) == 0
    assert out.types() == ["stopped"]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket at which the daemon thinks that systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield manager


def test_systemd_hears_of_it_all(
    configure: Configure,
    source: MakeSource,
    zoo: Any,
    systemd: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    output: MakeOutput,
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000000")
    run(configure(), source(1), zoo=zoo, stdout=output())
    systemd.setblocking(False)
    heard = [systemd.recv(4096).decode() for _ in range(4)]
    with pytest.raises(BlockingIOError):
        systemd.recv(1)
    assert heard[0] == "STATUS=loading hubert-commands"
    assert heard[1] == "READY=1\nSTATUS=tiny on cpu listens to desk; words heard: 0"
    assert heard[2] == "WATCHDOG=1"
    assert heard[3].startswith("STOPPING=1")


def test_systemd_knows_that_it_ends_while_its_last_hooks_run(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, systemd: socket.socket, output: MakeOutput
) -> None:
    """No watchdog ends them."""
    os.mkfifo(tmp_path / "over")
    over = os.open(tmp_path / "over", os.O_RDWR)  # writing to it does not wait for the hook

    def let_go() -> None:
        while not systemd.recv(4096).startswith(b"STOPPING=1"):
            pass
        os.write(over, b"now\n")

    waiting = threading.Thread(target=let_go)
    waiting.start()
    hook = {"shell": f"read line <{tmp_path}/over"}
    out = output()
    run(configure({"output.events": "all", "hooks.words": {"yes": hook}}), source(1, 0.5, 1), zoo=zoo, stdout=out)
    waiting.join(PATIENCE_S)
    os.close(over)
    assert [event["exit_status"] for event in out.events() if event["type"] == "hook_finished"] == [0]


def test_the_metrics_are_served_for_as_long_as_it_listens(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, output: MakeOutput
) -> None:
    place, pages = tmp_path / "metrics.sock", list[str]()

    def scrape() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(place))
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            with client.makefile() as answer:
                pages.append(answer.read())

    out = output(detection=[scrape])
    assert run(configure({"metrics.listen": str(place)}), source(1, 0.5, 1), zoo=zoo, stdout=out) == 0
    (page,) = pages
    assert 'kwsd_detections_total{word="no"} 0\n' in page  # every word that may fire
    assert not place.exists()


class Lost:
    """A microphone that is looked for once, in vain."""

    name, live = "desk", True

    def blocks(self) -> Iterator[SearchFailed]:
        yield SearchFailed()

    def close(self) -> None:
        """Nothing to close."""


def test_a_search_in_vain_is_told_as_a_batch_of_windows_is(
    configure: Configure, zoo: Any, output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No batch comes meanwhile; but the watchdog is to be fed, the terminal may go, and somebody may be waited for."""
    told: list[str] = []
    for what in ("Watchdog.search_failed", "Terminal.look", "SinkSet.catch_up"):
        monkeypatch.setattr(f"kwsd.daemon.supervisor.{what}", lambda _, what=what: told.append(what))
    assert run(configure(), Lost(), zoo=zoo, stdout=output()) == 0  # type: ignore[arg-type]  # a source without audio
    at_the_end = ["SinkSet.catch_up"]
    assert told == ["Watchdog.search_failed", "Terminal.look", "SinkSet.catch_up", *at_the_end]

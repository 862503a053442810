"""A whole life of the daemon, with a fake source and a fake classifier, in this process."""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.source import Block
from kwsd.config import Config
from kwsd.daemon.supervisor import run
from kwsd.errors import ConfigError, DeviceError, ModelError

PATIENCE_S = 60.0

Configure = Callable[..., Config]
MakeSource = Callable[..., Any]


@pytest.fixture(autouse=True)
def nothing_left_behind(children: Callable[[], set[int]]) -> Iterator[None]:
    """Neither threads nor handlers nor children survive any of these lives; the virtual microphone's server may."""
    before = children()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("kwsd-")] == []
    assert children() <= before


class Output(io.StringIO):
    """Standard output whose reader can wait for a type of event, and act on it."""

    def __init__(self, on: str = "", act: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._on, self._act = on, act

    def write(self, text: str) -> int:
        count = super().write(text)
        if self._on and f'"type": "{self._on}"' in text:
            self._on = ""
            self._act()
        return count

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_a_file_is_heard_to_its_end(configure: Configure, source: MakeSource, zoo: Any) -> None:
    out = Output()
    assert run(configure({"output.events": "all"}), source(1, 0.5, 2, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert out.types() == ["ready", "detection", "detection", "stopped"]
    assert [event["sequence"] for event in out.events()] == [1, 2, 3, 4]
    ready, first, second, stopped = out.events()
    assert (ready["stream"], ready["model"], ready["device"]) == ("desk", "tiny", "cpu")
    assert (first["word"], first["threshold"], first["model"]) == ("yes", 0.5, "tiny")
    assert 1.0 < first["at_s"] < 1.7
    assert 3.5 < second["at_s"] < 4.2
    assert (stopped["at_s"], stopped["reason"]) == (5.0, "end of input")


def test_only_detections_unless_all_is_asked_for(configure: Configure, source: MakeSource, zoo: Any) -> None:
    out = Output()
    assert run(configure(), source(1, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert out.types() == ["detection"]


def test_a_word_that_ends_with_the_file_is_heard(configure: Configure, source: MakeSource, zoo: Any) -> None:
    out = Output()
    assert run(configure(), source(1, 0.3), zoo=zoo, stdout=out) == 0
    assert out.types() == ["detection"]


def test_an_empty_pipe_is_no_error(configure: Configure, source: MakeSource, zoo: Any) -> None:
    out = Output()
    assert run(configure({"output.events": "all"}), source(), zoo=zoo, stdout=out) == 0
    assert out.types() == ["stopped"]


def test_the_end_of_a_file_waits_for_its_hooks(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path
) -> None:
    out = Output()
    config = configure({"output.events": "all", "hooks.words": {"yes": {"shell": f"sleep 0.3; echo >{tmp_path}/done"}}})
    assert run(config, source(1, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert (tmp_path / "done").exists()
    assert out.types() == ["ready", "detection", "hook_finished", "stopped"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_stops_a_microphone(
    configure: Configure, source: MakeSource, zoo: Any, number: signal.Signals, status: int
) -> None:
    out = Output("detection", lambda: send(number))
    config = configure({"output.events": "all", "socket.enabled": False})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out) == status
    assert out.events()[-1]["type"] == "stopped"
    assert out.events()[-1]["reason"] == number.name


def test_a_signal_does_not_wait_for_a_hanging_hook(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.daemon.supervisor.HOOKS_S", 0.1)
    out = Output("detection", lambda: send(signal.SIGTERM))
    config = configure({"output.events": "all", "hooks.words": {"yes": "sleep 1000"}, "hooks.timeout_s": 1000})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out) == 0
    assert out.types()[-2:] == ["hook_finished", "stopped"]
    assert out.events()[-2]["exit_status"] in (143, None)  # None: it had not been started yet


def test_a_signal_ends_the_wait_for_hooks_at_the_end_of_a_file(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.daemon.supervisor.HOOKS_S", 0.1)
    out = Output()
    line = f"kill -TERM {os.getpid()}; sleep 1000"
    config = configure({"output.events": "all", "hooks.words": {"yes": {"shell": line}}, "hooks.timeout_s": 1000})
    assert run(config, source(1, 0.5, 1), zoo=zoo, stdout=out) == 0
    assert out.events()[-1]["reason"] == "SIGTERM"
    assert not any(event.get("timed_out") for event in out.events())
    assert tmp_path.exists()


def test_subscribers_hear_what_standard_output_hears(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path
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

    out = Output("ready", subscribe)  # by then the socket is there
    detected = Output("detection", lambda: send(signal.SIGTERM))
    out_and_stop = _Both(out, detected)
    config = configure({"output.events": "all"})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=out_and_stop) == 0
    events = received.get(timeout=PATIENCE_S)
    assert events[-2]["type"] == "detection"
    assert events[-1]["type"] == "stopped"
    assert events == out.events()[-len(events) :]  # whether "ready" was among them is a matter of luck
    assert not path.exists()


class _Both(io.StringIO):
    """Standard output to two readers."""

    def __init__(self, *outputs: Output) -> None:
        super().__init__()
        self._outputs = outputs

    def write(self, text: str) -> int:
        return max(output.write(text) for output in self._outputs)


def test_a_second_daemon_is_refused_and_does_no_harm(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path
) -> None:
    path = tmp_path / "run" / "kwsd" / "events.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(DeviceError, match="another kwsd"):
            run(configure(), source(1, live=True), zoo=zoo, stdout=Output())
    assert path.exists()


def test_a_source_that_fails_ends_the_daemon_after_what_it_gave_was_heard(
    configure: Configure, source: MakeSource, zoo: Any
) -> None:
    out = Output()
    broken = source(1, 0.5, 1, error=DeviceError("the microphone is gone"))
    with pytest.raises(DeviceError, match="the microphone is gone"):
        run(configure({"output.events": "all"}), broken, zoo=zoo, stdout=out)
    assert out.types() == ["ready", "detection", "stopped"]
    assert out.events()[-1]["reason"] == "the microphone is gone"


def test_a_model_that_cannot_be_loaded_ends_the_daemon(
    configure: Configure, source: MakeSource, make_zoo: Callable[..., Any]
) -> None:
    def load() -> Any:
        raise ModelError("truncated")

    with pytest.raises(ModelError, match="truncated"):
        run(configure(), source(1, live=True), zoo=make_zoo(load), stdout=Output())


def test_a_classifier_that_breaks_ends_the_daemon(
    configure: Configure, source: MakeSource, zoo: Any, make_zoo: Callable[..., Any]
) -> None:
    class Broken(type(zoo.load_classifier(None, device="cpu"))):  # type: ignore[misc]  # a fake of the conftest
        def score(self, windows: Any) -> Any:
            raise RuntimeError(f"no score for {len(windows) > 0}")

    with pytest.raises(RuntimeError, match="no score"):
        run(configure(), source(1, live=True), zoo=make_zoo(Broken), stdout=Output())


def test_a_failing_socket_thread_ends_the_daemon(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("kwsd.sinks.socket.SocketSink._accept", fail)
    with pytest.raises(OSError, match="Too many open files"):
        run(configure(), source(1, live=True), zoo=zoo, stdout=Output())


def test_mistakes_in_the_configuration_show_before_any_audio_is_opened(configure: Configure, zoo: Any) -> None:
    class Untouchable:
        name, live = "desk", True

        def blocks(self) -> Any:
            raise AssertionError("opened")

        def close(self) -> None:
            """Nothing to close."""

    for overrides in ({"hooks.words": {"yes": "no-such-program"}}, {"trigger.words": "maybe"}):
        with pytest.raises(ConfigError):
            run(configure(overrides), Untouchable(), zoo=zoo, stdout=Output())


class ClosedOutput(io.StringIO):
    """Standard output whose reader has left."""

    def write(self, _: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_file_ends_when_nobody_reads(configure: Configure, source: MakeSource, zoo: Any) -> None:
    endless = source(*([1, 0.5] * 20), live=False)
    assert run(configure({"hooks.words": {"yes": "true"}}), endless, zoo=zoo, stdout=ClosedOutput()) == 0


def test_a_microphone_ends_when_nobody_reads_and_there_is_no_other_output(
    configure: Configure, source: MakeSource, zoo: Any
) -> None:
    config = configure({"socket.enabled": False})
    assert run(config, source(1, 0.5, 1, live=True), zoo=zoo, stdout=ClosedOutput()) == 0


def test_a_microphone_goes_on_for_its_hooks_when_nobody_reads(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path
) -> None:
    line = f"echo x >>{tmp_path}/ran; test $(wc -l <{tmp_path}/ran) -lt 2 || kill -TERM {os.getpid()}"
    config = configure({"socket.enabled": False, "hooks.words": {"yes": {"shell": line}}, "hooks.max_running": 1})
    assert run(config, source(1, 0.5, 2, 0.5, 1, live=True), zoo=zoo, stdout=ClosedOutput()) == 0
    assert (tmp_path / "ran").read_text() == "x\nx\n"


def test_systemd_hears_of_it_all(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000000")
        run(configure(), source(1), zoo=zoo, stdout=Output())
        heard = [manager.recv(4096).decode() for _ in range(4)]
        with pytest.raises(BlockingIOError):
            manager.recv(1)
    assert heard[0] == "STATUS=loading hubert-commands"
    assert heard[1] == "READY=1\nSTATUS=tiny on cpu listens to desk; words heard: 0"
    assert heard[2] == "WATCHDOG=1"
    assert heard[3].startswith("STOPPING=1")


def test_not_ready_before_the_first_audio(
    configure: Configure, source: MakeSource, make_zoo: Callable[..., Any], zoo: Any
) -> None:
    def load() -> Any:
        threading.Timer(0.2, send, [signal.SIGTERM]).start()  # long after the windows would have come
        return zoo.load_classifier(None, device="cpu")

    out = Output()
    mute = source(live=True)
    assert run(configure({"output.events": "all"}), mute, zoo=make_zoo(load), stdout=out) == 0
    assert out.types() == ["stopped"]


def test_sighup_reads_the_configuration_again_and_refuses_a_wrong_one(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
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

    steps = iter([signal.SIGHUP] * len(read))
    ends = iter([signal.SIGTERM])  # a second one, for a second hook, would end the tests
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

    class Listening(Output):
        def write(self, text: str) -> int:
            if '"type": "detection"' in text:
                number = next(steps, None)
                if number is not None:
                    send(number)
            elif '"type": "hook_finished"' in text:
                for number in ends:
                    send(number)
            return super().write(text)

    out = Listening()
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

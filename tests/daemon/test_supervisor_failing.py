"""What ends a daemon that is not asked to end: a part that fails, a mistake at the start, nobody who reads."""

from __future__ import annotations

import io
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.config import Config
from kwsd.daemon.supervisor import run
from kwsd.errors import ConfigError, DeviceError, ModelError

Configure = Callable[..., Config]
MakeSource = Callable[..., Any]
MakeOutput = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("nothing_left_behind")


def test_a_source_that_fails_ends_the_daemon_after_what_it_gave_was_heard(
    configure: Configure, source: MakeSource, zoo: Any, output: MakeOutput
) -> None:
    out = output()
    broken = source(1, 0.5, 1, error=DeviceError("the microphone is gone"))
    with pytest.raises(DeviceError, match="the microphone is gone"):
        run(configure({"output.events": "all"}), broken, zoo=zoo, stdout=out)
    assert out.types() == ["ready", "detection", "stopped"]
    assert out.events()[-1]["reason"] == "the microphone is gone"


def test_a_model_that_cannot_be_loaded_ends_the_daemon(
    configure: Configure, source: MakeSource, make_zoo: Callable[..., Any], output: MakeOutput
) -> None:
    def load() -> Any:
        raise ModelError("truncated")

    with pytest.raises(ModelError, match="truncated"):
        run(configure(), source(1, live=True), zoo=make_zoo(load), stdout=output())


def test_a_classifier_that_breaks_ends_the_daemon(
    configure: Configure, source: MakeSource, zoo: Any, make_zoo: Callable[..., Any], output: MakeOutput
) -> None:
    class Broken(type(zoo.load_classifier(None, device="cpu"))):  # type: ignore[misc]  # a fake of the conftest
        def score(self, windows: Any) -> Any:
            raise RuntimeError(f"no score for {len(windows) > 0}")

    with pytest.raises(RuntimeError, match="no score"):
        run(configure(), source(1, live=True), zoo=make_zoo(Broken), stdout=output())


def test_a_thread_that_cannot_start_leaves_no_other_behind(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    """Nobody tells the worker that it is over but the one who did not get as far as to start all."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "kwsd-capture":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr("threading.Thread.start", refuse)
    monkeypatch.setattr("kwsd.daemon.supervisor.JOIN_S", PATIENCE_S)
    out = output()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        run(configure({"output.events": "all"}), source(1, live=True), zoo=zoo, stdout=out)
    assert out.events()[-1]["reason"] == "can't start new thread"


def test_a_failing_socket_thread_ends_the_daemon(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    def fail(_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("kwsd.sinks.socket.SocketSink._take_in", fail)
    with pytest.raises(OSError, match="Too many open files"):
        run(configure(), source(1, live=True), zoo=zoo, stdout=output())


def test_a_second_daemon_is_refused_and_does_no_harm(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path, output: MakeOutput
) -> None:
    path = tmp_path / "run" / "kwsd" / "events.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(DeviceError, match="another kwsd"):
            run(configure(), source(1, live=True), zoo=zoo, stdout=output())
    assert path.exists()


def test_mistakes_in_the_configuration_show_before_any_audio_is_opened(
    configure: Configure, zoo: Any, output: MakeOutput
) -> None:
    class Untouchable:
        name, live = "desk", True

        def blocks(self) -> Any:
            raise AssertionError("opened")

        def close(self) -> None:
            """Nothing to close."""

    for overrides in ({"hooks.words": {"yes": "no-such-program"}}, {"trigger.words": "maybe"}):
        with pytest.raises(ConfigError):
            run(configure(overrides), Untouchable(), zoo=zoo, stdout=output())


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


def test_a_microphone_goes_on_for_what_is_kept_when_nobody_reads(
    configure: Configure, source: MakeSource, zoo: Any, tmp_path: Path
) -> None:
    config = configure({"socket.enabled": False, "keep.folder": str(tmp_path / "kept")})
    over = threading.Event()

    def stop() -> None:
        while len(list(tmp_path.glob("kept/*.wav"))) < 2 and not over.wait(0.01):
            pass
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=stop)
    ending.start()
    try:
        assert run(config, source(1, 0.5, 2, 0.5, 1, live=True), zoo=zoo, stdout=ClosedOutput()) == 0
        assert len(list(tmp_path.glob("kept/*.wav"))) == 2
    finally:
        over.set()
        ending.join()


def test_a_mistake_leaves_no_source_open(configure: Configure, source: MakeSource, zoo: Any) -> None:
    microphone = source(1, live=True)
    with pytest.raises(ConfigError):
        run(configure({"trigger.words": "maybe"}), microphone, zoo=zoo, stdout=io.StringIO())
    assert microphone._closed.is_set()


def test_a_failing_reload_ends_the_daemon(
    configure: Configure, source: MakeSource, zoo: Any, monkeypatch: pytest.MonkeyPatch, output: MakeOutput
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr("kwsd.daemon.supervisor.Reloader.run", fail)
    with pytest.raises(ValueError, match="a fault"):
        run(configure(), source(1, live=True), zoo=zoo, stdout=output(), reload=configure)

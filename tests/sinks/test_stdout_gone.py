"""Standard output that nobody reads any more, or that takes nothing."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys

import pytest
from patience import PATIENCE_S
from small_pipe import Pipe
from sockets import reset_by_peer
from subscribing import sealed

from kwsd.errors import DeviceError
from kwsd.sinks.stdout import StdoutSink


def test_a_reader_that_left_is_told_once_and_quietly(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    told: list[str] = []
    sink = StdoutSink(pipe.stream, closed=lambda: told.append("closed"))
    pipe.close_reader()
    sink.send(sealed(1))
    sink.send(sealed(2))
    sink.catch_up()
    sink.close(0)
    assert told == ["closed"]
    assert caplog.text.count("standard output is closed") == 1
    pipe.stream.close()  # as the interpreter does at its exit: raises nothing


def test_a_reader_that_left_is_noticed_without_another_event(pipe: Pipe) -> None:
    told: list[str] = []
    sink = StdoutSink(pipe.stream, wait=False, closed=lambda: told.append("closed"))
    sink.send(sealed())
    sink.catch_up()
    assert told == []
    pipe.close_reader()
    sink.catch_up()  # after a batch in which nothing was heard
    assert told == ["closed"]
    sink.close(0)


def test_a_stream_closed_on_this_side_counts_as_gone() -> None:
    told: list[str] = []
    stream = io.StringIO()
    sink = StdoutSink(stream, closed=lambda: told.append("closed"))
    stream.close()
    sink.send(sealed())
    sink.close(0)
    assert told == ["closed"]


def test_a_reader_that_resets_its_connection_counts_as_gone() -> None:
    told: list[str] = []
    with os.fdopen(reset_by_peer(), "w", encoding="utf-8") as stream:
        sink = StdoutSink(stream, closed=lambda: told.append("closed"))
        sink.send(sealed())
        sink.send(sealed())
        sink.close(0)
    assert told == ["closed"]


@pytest.mark.parametrize("behind", [False, True])
def test_a_terminal_whose_window_was_closed_counts_as_gone(behind: bool) -> None:
    master, slave = os.openpty()
    told: list[str] = []
    with os.fdopen(slave, "w") as terminal:
        sink = StdoutSink(terminal, closed=lambda: told.append("closed"))
        while behind and not sink._pending:
            sink.send(sealed())
        os.close(master)
        sink.send(sealed())
        sink.send(sealed())
        sink.close(0)
    assert told == ["closed"]


def test_a_full_disk_is_an_error_and_no_traceback_at_exit() -> None:
    program = """
import sys
from kwsd.errors import DeviceError
from kwsd.envelope import Envelope
from kwsd.events import Detection
from kwsd.sinks.stdout import StdoutSink
sink = StdoutSink(sys.stdout)
try:
    sink.send(Envelope.seal(Detection("desk", "stop", 1.0, 0.9, 0, 0, 0, "tiny"), 1))
except DeviceError as error:
    print(error, file=sys.stderr)
sink.close(0)
"""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a path to be joined
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S
        )
    assert done.stderr == "standard output cannot be written: No space left on device; write elsewhere\n"
    assert done.returncode == 0


def test_a_write_error_is_raised() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - as above
        sink = StdoutSink(full)
        with pytest.raises(DeviceError, match="No space left"):
            sink.send(sealed())
        sink.close(0)

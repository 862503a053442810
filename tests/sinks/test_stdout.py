"""Standard output: what is printed, and what happens when nobody reads it."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import TextIO

import pytest
from patience import PATIENCE_S
from sockets import reset_by_peer

from kwsd.errors import DeviceError
from kwsd.events import Detection, Envelope, SpeechStarted
from kwsd.sinks import stdout
from kwsd.sinks.stdout import StdoutSink


def sealed(sequence: int = 1) -> Envelope:
    return Envelope.seal(Detection("desk", "stop", 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny"), sequence)


class Pipe:
    """A pipe as small as the kernel makes it, its writing end as a text stream."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        self.stream: TextIO = os.fdopen(writing, "w", encoding="utf-8")

    def read(self) -> bytes:
        return os.read(self.reading, 65_536)

    def close_reader(self) -> None:
        if self.reading >= 0:
            os.close(self.reading)
            self.reading = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    with ExitStack() as stack:
        stack.callback(pipe.close_reader)
        stack.enter_context(suppress(OSError))
        stack.callback(pipe.stream.close)
        yield pipe


def fill(sink: StdoutSink) -> int:
    """Send until the pipe is full; how many events that took."""
    for sequence in range(1, 1000):
        sink.send(sealed(sequence))
        if sink._pending:
            return sequence
    raise AssertionError("the pipe never filled")


def test_a_line_is_out_when_send_returns(pipe: Pipe) -> None:
    sink = StdoutSink(pipe.stream)
    sink.send(sealed(5))
    assert json.loads(pipe.read())["sequence"] == 5
    sink.close(0)


def test_only_detections_unless_all_is_asked_for() -> None:
    few, many = io.StringIO(), io.StringIO()
    for stream, sink in ((few, StdoutSink(few)), (many, StdoutSink(many, events="all"))):
        sink.send(Envelope.seal(SpeechStarted("desk", 0), 1))
        sink.send(sealed())
        sink.close(0)
        assert '"detection"' in stream.getvalue()
    assert "speech_started" not in few.getvalue()
    assert "speech_started" in many.getvalue()


def test_text_names_the_command() -> None:
    stream = io.StringIO()
    sink = StdoutSink(stream, format="text", commands={"stop": "playerctl pause"})
    sink.send(sealed())
    sink.close(0)
    assert stream.getvalue() == "    3.42 s  stop     0.9975  → playerctl pause\n"


def test_a_full_pipe_delays_no_sender_and_loses_nothing_for_a_file(pipe: Pipe) -> None:
    sink = StdoutSink(pipe.stream, wait=True)
    count = fill(sink) + 2000
    for sequence in range(count - 2000 + 1, count + 1):
        sink.send(sealed(sequence))
    worker = threading.Thread(target=sink.catch_up)
    worker.start()
    received = b""
    while received.count(b"\n") < count:
        received += pipe.read()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()
    assert [json.loads(line)["sequence"] for line in received.splitlines()] == list(range(1, count + 1))
    sink.close(0)


def test_somebody_who_wants_to_stop_ends_the_waiting(pipe: Pipe) -> None:
    sink = StdoutSink(pipe.stream, wait=True)
    fill(sink)
    worker = threading.Thread(target=sink.catch_up)
    worker.start()
    sink.hurry()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()
    sink.close(0)


def test_a_microphone_never_waits_for_the_reader(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stdout, "PENDING", 3)
    sink = StdoutSink(pipe.stream, wait=False)
    first = fill(sink)  # one line is pending now
    for sequence in range(first + 1, first + 6):
        sink.send(sealed(sequence))
    sink.catch_up()  # returns at once
    assert caplog.text.count("does not keep up") == 1
    received = pipe.read()
    sink.send(sealed(first + 6))  # the reader is back
    closing = threading.Thread(target=sink.close, args=(PATIENCE_S,))
    closing.start()
    while received.count(b"\n") < first + 3:
        received += pipe.read()
    closing.join(PATIENCE_S)
    numbers = [json.loads(line)["sequence"] for line in received.splitlines()]
    assert numbers == [*range(1, first + 3), first + 6]
    assert "3 lines dropped" in caplog.text


def test_a_microphone_s_lines_come_without_another_event_once_the_reader_is_back(pipe: Pipe) -> None:
    sink = StdoutSink(pipe.stream, wait=False)
    count = fill(sink)
    received = pipe.read()
    os.set_blocking(pipe.reading, False)
    sink.catch_up()  # after a batch in which nothing was heard
    received += pipe.read()
    assert [json.loads(line)["sequence"] for line in received.splitlines()] == list(range(1, count + 1))
    sink.close(0)


def test_closing_gives_a_slow_reader_its_time(pipe: Pipe) -> None:
    sink = StdoutSink(pipe.stream, wait=True)
    count = fill(sink)
    closing = threading.Thread(target=sink.close, args=(PATIENCE_S,))
    closing.start()
    received = b""
    while received.count(b"\n") < count:
        received += pipe.read()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()


def test_closing_gives_up_at_the_deadline(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    sink = StdoutSink(pipe.stream, wait=True)
    fill(sink)
    sink.close(0.01)
    assert "1 lines dropped" in caplog.text
    sink.close(0.01)  # a second call does nothing


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


def test_a_terminal_whose_window_was_closed_counts_as_gone() -> None:
    master, slave = os.openpty()
    told: list[str] = []
    with os.fdopen(slave, "w") as terminal:
        sink = StdoutSink(terminal, closed=lambda: told.append("closed"))
        os.close(master)
        sink.send(sealed())
        sink.send(sealed())
        sink.close(0)
    assert told == ["closed"]


def test_a_full_disk_is_an_error_and_no_traceback_at_exit() -> None:
    program = """
import sys
from kwsd.errors import DeviceError
from kwsd.events import Detection, Envelope
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


def test_other_events_and_commands_from_now_on() -> None:
    stream = io.StringIO()
    sink = StdoutSink(stream, format="text", events="detections", commands={"stop": "old"})
    detection = Envelope.seal(Detection("desk", "stop", 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny"), 1)
    speech = Envelope.seal(SpeechStarted("desk", 0), 2)
    sink.send(speech)
    sink.send(detection)
    sink.adopt("all", {"stop": "new"})
    sink.send(speech)
    sink.send(detection)
    sink.close(0)
    first, second, third = stream.getvalue().splitlines()
    assert first.endswith("old")
    assert "speech begins" in second
    assert third.endswith("new")


def test_what_comes_after_the_end_is_not_written() -> None:
    stream = io.StringIO()
    sink = StdoutSink(stream)
    sink.close(0)
    sink.send(sealed())
    assert stream.getvalue() == ""

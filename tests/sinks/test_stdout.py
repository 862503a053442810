"""Standard output: what is printed, and what happens when nobody reads it."""

from __future__ import annotations

import io
import json
import os
import threading

import pytest
from patience import PATIENCE_S
from small_pipe import Pipe
from subscribing import sealed

from kwsd.envelope import Envelope
from kwsd.events import Detection, SpeechStarted
from kwsd.sinks import stdout
from kwsd.sinks.stdout import StdoutSink


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


def test_two_threads_do_not_write_a_line_twice() -> None:
    class Meanwhile(io.StringIO):
        def write(self, text: str) -> int:
            if threading.current_thread() is not other:
                other.start()
                other.join(0.1)  # it has to wait for this one
            return super().write(text)

    stream = Meanwhile()
    sink = StdoutSink(stream)
    other = threading.Thread(target=sink.catch_up)
    sink.send(sealed(5))
    other.join(PATIENCE_S)
    sink.close(0)
    assert [json.loads(line)["sequence"] for line in stream.getvalue().splitlines()] == [5]


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


def test_somebody_who_wants_to_stop_ends_the_waiting(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    sink, waits = StdoutSink(pipe.stream, wait=True), threading.Event()
    fill(sink)
    wait = sink._writer.wait
    monkeypatch.setattr(sink._writer, "wait", lambda *limits: (waits.set(), wait(*limits)))
    worker = threading.Thread(target=sink.catch_up, daemon=True)
    worker.start()
    assert waits.wait(PATIENCE_S)
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


def test_each_time_that_lines_are_dropped_is_told_once_the_reader_is_back(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stdout, "PENDING", 1)
    sink = StdoutSink(pipe.stream, wait=False)
    told = []
    for more in (2, 3):
        last = fill(sink)  # one line is pending now
        for sequence in range(more):
            sink.send(sealed(last + sequence))
        pipe.read()
        caplog.clear()
        sink.catch_up()  # after a batch in which nothing was heard
        told += [record.getMessage() for record in caplog.records]
    assert told == [f"standard output: {more} lines dropped, its reader did not keep up" for more in (2, 3)]
    caplog.clear()
    sink.close(PATIENCE_S)
    assert caplog.text == ""


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

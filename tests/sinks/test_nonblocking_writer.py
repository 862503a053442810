"""A reader on the other end that is slow, or a terminal, which promises room for no more than a byte."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import TextIO

import pytest
from patience import PATIENCE_S

from kwsd.envelope import Envelope
from kwsd.events import Detection
from kwsd.sinks import nonblocking_writer
from kwsd.sinks.nonblocking_writer import NonBlockingWriter, write_within
from kwsd.sinks.stdout import StdoutSink


def sealed(sequence: int) -> Envelope:
    return Envelope.seal(Detection("desk", "stop", 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny"), sequence)


def test_a_terminal_that_nobody_reads_delays_no_sender_and_cuts_no_line() -> None:
    reading, writing = pty.openpty()
    tty.setraw(writing)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        sink = StdoutSink(stream, wait=False)
        sender = threading.Thread(target=lambda: [sink.send(sealed(sequence)) for sequence in range(1, 2001)])
        sender.start()
        sender.join(PATIENCE_S)
        assert not sender.is_alive()
        kept = 2000 - sink._dropped
        assert kept < 2000
        ending = threading.Thread(target=sink.close, args=(PATIENCE_S,))
        ending.start()
        received = b""
        while received.count(b"\n") < kept:
            received += os.read(reading, 65_536)
        ending.join(PATIENCE_S)
    os.close(reading)
    assert [json.loads(line)["sequence"] for line in received.splitlines()] == list(range(1, kept + 1))


@pytest.fixture
def stingy(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TextIO, list[bytes]]]:
    """A terminal that takes four bytes and none in turn, and what it has taken."""
    reading, writing = pty.openpty()
    taken: list[bytes] = []

    def write(_: int, data: bytes) -> int:
        taken.append(b"" if len(taken) % 2 else data[:4])
        if not taken[-1]:
            raise BlockingIOError
        return len(taken[-1])

    monkeypatch.setattr(nonblocking_writer, "os", SimpleNamespace(**{**vars(os), "write": write}))
    with os.fdopen(writing, "w") as stream:
        yield stream, taken
    os.close(reading)


def test_a_terminal_that_takes_a_few_bytes_at_a_time_gets_each_line_whole(stingy: tuple[TextIO, list[bytes]]) -> None:
    stream, taken = stingy
    writer = NonBlockingWriter(stream)
    for line in ("first\n", "second\n"):
        while not writer.offer(line):
            pass
    while not writer.catch_up():
        pass
    writer.close()
    assert b"".join(taken) == b"first\nsecond\n"


def test_at_the_end_a_terminal_gets_the_rest_of_the_last_line(stingy: tuple[TextIO, list[bytes]]) -> None:
    stream, taken = stingy
    sink = StdoutSink(stream, format="text")
    sink.send(sealed(1))
    sink.close(PATIENCE_S)
    assert b"stop" in b"".join(taken)
    assert taken[-1].endswith(b"\n")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_long_text_waits_for_its_reader_as_long_as_it_may(terminal: bool) -> None:
    text = "".join(f"{number} \N{MICROPHONE}\n" for number in range(20_000))
    if terminal:
        reading, writing = pty.openpty()
        tty.setraw(writing)
    else:
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(writing, "w", encoding="ascii", errors="backslashreplace") as stream:
        write_within(stream, text, 0.05)  # gives up, to the dismay of nobody
        os.set_blocking(reading, False)
        with suppress(BlockingIOError):
            while os.read(reading, 65_536):
                pass
        os.set_blocking(reading, True)
        sender = threading.Thread(target=write_within, args=(stream, text, PATIENCE_S))
        sender.start()
        wanted, received = text.encode("ascii", "backslashreplace"), b""
        while len(received) < len(wanted):
            received += os.read(reading, 65_536)
        sender.join(PATIENCE_S)
    os.close(reading)
    assert received == wanted


AS_AFTER_SU = """
import fcntl, os, pty, termios
from kwsd.sinks.nonblocking_writer import NonBlockingWriter
os.ttyname = lambda _: "/nowhere"  # which cannot be opened, like another user's terminal
(reading, writing), (_, other) = pty.openpty(), pty.openpty()
fcntl.ioctl(writing, termios.TIOCSCTTY, 0)
with os.fdopen(writing, "w") as stream, os.fdopen(other, "w") as elsewhere:
    assert NonBlockingWriter(elsewhere)._terminal is None
    writer = NonBlockingWriter(stream)
    assert writer._terminal is not None
    while writer.offer("told\\n"):
        pass
    assert os.read(reading, 6) == b"told\\r\\n"
"""


def test_a_controlling_terminal_that_belongs_to_another_user_delays_no_sender() -> None:
    command = [sys.executable, "-c", AS_AFTER_SU]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, start_new_session=True)
    assert (done.returncode, done.stderr) == (0, "")


class Meanwhile(io.TextIOWrapper):
    """A stream in whose `write` another thread has time to write, too."""

    def __init__(self, descriptor: int, other: threading.Thread) -> None:
        super().__init__(io.FileIO(descriptor, "w"))
        self._other = other

    def write(self, text: str) -> int:
        self._other.start()
        self._other.join(0.2)  # it has to wait for this one
        return super().write(text)


def test_two_writers_to_one_pipe_do_not_fill_the_same_room() -> None:
    """As standard output and the log do in `kwsd listen 2>&1 | less`."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)  # so that a write without room fails instead of waiting
    line, taken = 3000 * "x" + "\n", []
    with os.fdopen(os.dup(writing), "w") as log:
        other = threading.Thread(target=lambda: taken.append(NonBlockingWriter(log).offer(line)))
        with Meanwhile(writing, other) as stdout:
            assert NonBlockingWriter(stdout).offer(line)
            other.join(PATIENCE_S)
            assert taken == [False]
            assert os.read(reading, 65_536) == line.encode()
    os.close(reading)

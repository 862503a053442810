from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from patience import PATIENCE_S

from kwsd.audio.chatter import chatter_to_log

log = logging.getLogger("tests.chatter")


def test_alsa_goes_to_the_log_and_all_else_to_standard_error(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), chatter_to_log(log):
        os.write(2, b"ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM\n")
        os.write(2, b"a worker's own words\n")
    assert [record.getMessage() for record in caplog.records] == [
        "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM"
    ]
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "a worker's own words\nlater\n"


def test_standard_error_is_put_back_after_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(KeyError), chatter_to_log(log):
        raise KeyError
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_it_takes_no_room_on_a_disk(capfd: pytest.CaptureFixture[str]) -> None:
    """A microphone has to be found again while the disk is full."""
    with chatter_to_log(log):
        held = str(Path("/proc/self/fd/2").readlink())
        os.write(2, b"said\n")
    assert held.startswith("/memfd:")
    assert capfd.readouterr().err == "said\n"


@pytest.fixture
def standard_error() -> Iterator[Callable[[int], None]]:
    """Puts another descriptor in the place of standard error, until the test is over."""
    before = os.dup(2)
    yield lambda descriptor: os.dup2(descriptor, 2) and None
    os.dup2(before, 2)
    os.close(before)


def test_a_full_disk_or_a_reader_that_is_gone_ends_nothing(standard_error: Callable[[int], None]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("wb") as full:
        for descriptor in (full.fileno(), writer):
            standard_error(descriptor)
            with chatter_to_log(log):
                os.write(2, b"a worker's own words\n")
    os.close(writer)


def test_a_reader_that_has_stopped_is_not_waited_for(standard_error: Callable[[int], None]) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    standard_error(writer)
    with chatter_to_log(log):
        os.write(2, b"a worker's own words\n")
    os.close(writer)
    os.close(reader)


def test_without_descriptors_the_libraries_are_let_talk(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    before = set(Path("/proc/self/fd").iterdir())
    for name in ("memfd_create", "dup"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, exhausted)
            with chatter_to_log(log):
                os.write(2, b"ALSA lib pcm.c\n")
    assert capfd.readouterr().err == 2 * "ALSA lib pcm.c\n"
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_threads_take_turns(capfd: pytest.CaptureFixture[str]) -> None:
    """Who comes while the other is inside finds the other's file; to put that back later loses standard error."""
    inside, go_on, entered, over = (threading.Event() for _ in range(4))

    def first() -> None:
        with chatter_to_log(log):
            inside.set()
            assert go_on.wait(PATIENCE_S)

    def second() -> None:
        with chatter_to_log(log):
            entered.set()
            assert over.wait(PATIENCE_S)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(PATIENCE_S)
    threads[1].start()
    assert not entered.wait(0.1)
    go_on.set()
    threads[0].join(PATIENCE_S)
    over.set()
    threads[1].join(PATIENCE_S)
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"

from __future__ import annotations

import logging
import os
import threading
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

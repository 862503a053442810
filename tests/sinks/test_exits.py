"""How the end of a hook is noticed, on kernels with and without pidfd."""

from __future__ import annotations

import errno
import os
import select
import subprocess
import threading
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.envelope import Envelope
from kwsd.sinks.exits import exit_descriptor


def refuse(number: int) -> Any:
    def pidfd_open(_: int) -> int:
        raise OSError(number, os.strerror(number))

    return pidfd_open


@pytest.fixture(params=["pidfd", "ENOSYS", "EPERM", "missing"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with pidfd, one older than Linux 5.3, a filter of system calls, and a Python built on an old one."""
    if request.param == "missing":
        monkeypatch.delattr(os, "pidfd_open")
    elif request.param != "pidfd":
        monkeypatch.setattr(os, "pidfd_open", refuse(getattr(errno, request.param)))


@pytest.mark.usefixtures("kernel")
def test_the_descriptor_is_readable_once_the_process_has_ended_and_not_before() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "read line; exit 3"], stdin=subprocess.PIPE) as process:
        descriptor = exit_descriptor(process.pid)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        try:
            assert poll.poll(0) == []
            process.communicate(b"end\n")
            assert [ready for ready, _ in poll.poll(1000 * PATIENCE_S)] == [descriptor]
        finally:
            os.close(descriptor)
    assert process.returncode == 3


@pytest.mark.usefixtures("kernel")
def test_a_hook_runs_and_ends_as_ever(bench: Any, stop: Envelope) -> None:
    bench.sink("exit 3").send(stop)
    report = bench.report()
    assert (report.exit_status, report.timed_out) == (3, False)


@pytest.mark.usefixtures("kernel")
def test_a_hook_that_hangs_has_its_time_out(bench: Any, stop: Envelope) -> None:
    sink = bench.sink("exec sleep 1000", timeout_s=1000.0)
    sink.send(stop)
    bench.wait_for(lambda: bool(sink._running))
    bench.later(1000.0)
    assert bench.report().timed_out


@pytest.mark.parametrize("name", ["kwsd-hook-start", "kwsd-hook-exit"])
def test_where_no_thread_can_be_started_that_hook_fails_and_no_other(
    bench: Any, stop: Envelope, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    start = threading.Thread.start

    def full(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        start(thread)

    sink = bench.sink("true")
    monkeypatch.setattr(os, "pidfd_open", refuse(errno.ENOSYS))
    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", full)
        sink.send(stop)
        assert bench.report().exit_status is None
    assert "thread" in caplog.text
    sink.send(stop)
    assert bench.report().exit_status == 0


def test_what_is_no_fault_of_the_kernels_age_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pidfd_open", refuse(errno.EMFILE))
    with pytest.raises(OSError, match="Too many open files"):
        exit_descriptor(os.getpid())

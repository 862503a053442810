"""One hook's process, whoever watches over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from kwsd.envelope import Envelope
from kwsd.sinks import running
from kwsd.sinks.order import Hook, Order
from kwsd.sinks.running import RunningHook

Begin = Callable[[str], RunningHook]


@pytest.fixture
def begin(stop: Envelope) -> Iterator[Begin]:
    """Starts a hook for "stop" of a shell's line."""
    begun: list[RunningHook] = []

    def start(line: str) -> RunningHook:
        begun.append(RunningHook(Order(Hook(("/bin/sh", "-c", line)), stop, stop.event)))  # type: ignore[arg-type]
        return begun[-1]

    yield start
    for hook in begun:
        hook.close_output()


def test_what_it_writes_last_is_read_at_its_end(begin: Begin, caplog: pytest.LogCaptureFixture) -> None:
    assert begin("echo boo; exit 1").finish().exit_status == 1
    assert "wrote: 'boo'" in caplog.text


def test_one_that_has_ended_is_not_killed(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be somebody else's by now."""
    hook = begin("true")
    hook.finish()
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(running.os, "killpg", lambda *group: killed.append(group))
    hook.kill()
    assert killed == []

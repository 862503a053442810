"""What feeds the watchdog, and what does not."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kwsd.audio.capture.timeouts import CaptureTimeouts
from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.notify import Notifier
from kwsd.daemon.watchdog import Watchdog
from kwsd.envelope import Envelope
from kwsd.events import DeviceLost, DeviceRestored, Event

Fed = Callable[[], bool]


@pytest.fixture
def rings() -> dict[str, Ring]:
    return {"desk": Ring(32_000), "hall": Ring(32_000)}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        yield manager


@pytest.fixture
def watchdog(rings: dict[str, Ring], tmp_path: Path, manager: socket.socket) -> Iterator[Watchdog]:
    assert manager
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1", "WATCHDOG_PID": str(os.getpid())}
    with closing(Notifier(told)) as notifier:
        yield Watchdog(notifier, rings)


@pytest.fixture
def fed(manager: socket.socket) -> Fed:
    """Whether systemd has heard of it since it was last asked."""

    def ask() -> bool:
        try:
            return manager.recv(100) == b"WATCHDOG=1"
        except BlockingIOError:
            return False

    return ask


def tell(watchdog: Watchdog, *events: Event) -> None:
    for event in events:
        watchdog.send(Envelope.seal(event, 1))


def test_audio_and_a_worker_that_gets_through_it(watchdog: Watchdog, rings: dict[str, Ring], fed: Fed) -> None:
    rings["desk"].write(np.zeros(1600, np.int16), wait=False)
    assert not fed()
    watchdog.working()
    assert not fed()
    watchdog.worked()
    assert fed()
    watchdog.working()
    watchdog.worked()  # without more audio
    assert not fed()


def test_the_search_for_all_that_is_lost(watchdog: Watchdog, rings: dict[str, Ring], fed: Fed) -> None:
    watchdog.search_failed()
    assert not fed()
    tell(watchdog, DeviceLost("desk", 5, "gone"))
    watchdog.search_failed()  # the hall is to be heard: that is what counts
    assert not fed()
    tell(watchdog, DeviceLost("hall", 5, "gone"))
    assert fed()
    for _ in range(3):
        watchdog.search_failed()
        assert fed()
    tell(watchdog, DeviceRestored("hall", 6, 1))
    watchdog.search_failed()
    assert not fed()
    rings["hall"].close()
    watchdog.search_failed()
    assert fed()


def test_no_search_covers_for_a_worker_that_is_stuck(watchdog: Watchdog, fed: Fed) -> None:
    watchdog.working()
    tell(watchdog, DeviceLost("desk", 5, "gone"), DeviceLost("hall", 5, "gone"))
    watchdog.search_failed()
    assert not fed()


def test_a_search_counts_again_once_the_worker_has_got_through_its_batch(watchdog: Watchdog, fed: Fed) -> None:
    watchdog.working()
    tell(watchdog, DeviceLost("desk", 5, "gone"), DeviceLost("hall", 5, "gone"))
    watchdog.worked()
    assert fed()  # by the batch
    watchdog.search_failed()
    assert fed()


def test_the_slowest_search_that_is_answered_is_in_time_for_the_watchdog(
    rings: dict[str, Ring], manager: socket.socket, fed: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, interval_s, times = [1000.0], 30.0, CaptureTimeouts()
    monkeypatch.setattr("kwsd.daemon.notify.time.monotonic", lambda: now[0])
    told = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": f"{interval_s * 1e6:.0f}"}
    del rings["hall"]
    fed_at = []
    with closing(Notifier(told)) as notifier:
        watchdog = Watchdog(notifier, rings)
        steps: list[tuple[float, Callable[[], None]]] = [
            (0.0, watchdog.worked),
            (interval_s / 4 - 0.1, watchdog.worked),
            (times.stall_s, lambda: tell(watchdog, DeviceLost("desk", 5, "gone"))),
            (times.first_pause_s + times.start_s + times.open_s, watchdog.search_failed),
            (times.last_pause_s + 0.4, watchdog.search_failed),
            (times.last_pause_s + times.start_s + times.open_s, watchdog.search_failed),
        ]
        for passed_s, step in steps:
            now[0] += passed_s
            rings["desk"].write(np.zeros(1600, np.int16), wait=False)
            step()
            fed_at += [now[0]] if fed() else []
    assert max(later - sooner for sooner, later in pairwise([*fed_at, now[0]])) < interval_s

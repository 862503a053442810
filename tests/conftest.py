"""What holds for every test, and who was born meanwhile. Fixtures for more than one package lie in `fixtures`."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("patience", "microphone", "processes", "tiny_models", "users")  # imported ones first

# A machine that is busy with other things makes and tries examples slowly, which is no fault of theirs.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """Back to what it was: a configuration that is read again sets it for the process."""
    logger = logging.getLogger("kwsd")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.fixture
def children() -> Callable[[], set[int]]:
    """The processes that this one has started and not waited for yet, the virtual microphone's server among them."""

    def find() -> set[int]:
        found = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
                if parent == os.getpid():
                    found.add(int(stat.parent.name))
        return found

    return find


def pytest_configure() -> None:
    """Hear signals as a terminal's program does: a script in the background, or under nohup, makes us ignore some.

    Ignored ones stay ignored in kwsd and in the processes that tests start, and those would then wait for ever.

    Torch's threads, here and there, sleep while they wait for each other: those that spin take the cores from the ones
    that they wait for, where something else runs, too, and a tiny network then learns five times slower.

    Servers on loopback are asked themselves, whatever proxy there is for others.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # before anybody opens a session
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)

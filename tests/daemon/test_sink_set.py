"""What the sinks are told together: to catch up, to come to their end, to hurry."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from kwsd.daemon.sink_set import HOOKS_S, SinkSet


def _raise(error: BaseException) -> None:
    raise error


@pytest.fixture
def told() -> list[tuple[Any, ...]]:
    """What sinks were told: whom, what, and with which arguments."""
    return []


@pytest.fixture
def sinks(told: list[tuple[Any, ...]]) -> SinkSet:
    """Those of a recording, none of which does anything."""

    def sink(name: str, *methods: str) -> Any:
        def method(what: str) -> Any:
            return lambda *arguments: told.append((name, what, *arguments))

        return SimpleNamespace(**{what: method(what) for what in methods})

    made = SinkSet(live=False, failed=_raise)
    made.hooks = sink("hooks", "close", "hurry")
    made.stdout = sink("stdout", "catch_up", "hurry")
    made._keeper = sink("keeper", "catch_up", "hurry")
    return made


def test_a_recording_waits_for_whoever_reads_and_for_the_disk(sinks: SinkSet, told: list[tuple[Any, ...]]) -> None:
    sinks.catch_up()
    assert told == [("stdout", "catch_up"), ("keeper", "catch_up")]


def test_at_the_end_hooks_have_their_own_time_and_all_is_kept(sinks: SinkSet, told: list[tuple[Any, ...]]) -> None:
    sinks.drain()
    assert told == [("hooks", "close", math.inf), ("keeper", "catch_up", 1)]


def test_hooks_hear_of_an_event_first(sinks: SinkSet) -> None:
    """The user waits for them."""
    assert list(sinks) == [sinks.hooks, sinks.stdout, sinks._keeper]


def test_somebody_who_wants_to_stop_hurries_them_all(sinks: SinkSet, told: list[tuple[Any, ...]]) -> None:
    sinks.hurry()
    assert told == [("hooks", "hurry", HOOKS_S), ("keeper", "hurry"), ("stdout", "hurry")]


def test_before_they_are_open_there_is_nobody_to_tell() -> None:
    closed = SinkSet(live=False, failed=_raise)
    for tell in (closed.catch_up, closed.drain, closed.hurry, closed.kill_hooks):
        tell()
    assert list(closed) == []

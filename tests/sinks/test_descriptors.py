"""Who gets how many descriptors, with the usual limit and with lower ones."""

from __future__ import annotations

import resource

import pytest

from kwsd.sinks.descriptors import room, spare


@pytest.mark.parametrize(
    ("allowed", "served", "left"),
    [
        (1024, 64, 32),
        (resource.RLIM_INFINITY, 64, 32),
        (156, 64, 32),
        (155, 64, 31),
        (124, 64, 1),
        (123, 63, 1),
        (68, 8, 1),
        (32, 1, 1),
    ],
)
def test_the_daemon_keeps_some_descriptors_for_itself(
    monkeypatch: pytest.MonkeyPatch, allowed: int, served: int, left: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (allowed, resource.RLIM_INFINITY))
    assert (room(64), spare(32)) == (served, left)

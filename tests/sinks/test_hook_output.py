"""How much of what hooks left running is read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kwsd.sinks import hook_output
from kwsd.sinks.hook_output import FLOOD_BYTES, REST_S, HookOutputReader


def test_what_is_written_after_a_rest_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would have to rest again after its first byte."""
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(hook_output, "time", clock)
    poll: Any = SimpleNamespace(modify=lambda *_: None)
    hook: Any = SimpleNamespace(output_descriptor=3, rests_until=0.0, written=FLOOD_BYTES + 1)
    outputs = HookOutputReader(poll)
    outputs.orphans.append(hook)
    outputs.slow_floods()
    assert hook.rests_until == REST_S
    clock.now = REST_S
    outputs.slow_floods()
    assert (hook.rests_until, hook.written) == (0.0, 0)

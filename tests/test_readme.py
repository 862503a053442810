"""What the README lists is what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from kwsd import errors, events
from kwsd.daemon.counters import Counters
from kwsd.daemon.exposition import exposition
from kwsd.envelope import Envelope

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def classes(module: ModuleType, kind: type) -> list[type]:
    return [found for found in vars(module).values() if isinstance(found, type) and issubclass(found, kind)]


def test_every_event_is_named() -> None:
    (table,) = re.findall(r"^\| event \|.*?\n\n", README, re.DOTALL | re.MULTILINE)
    told = [name for row in table.split("\n| ")[1:] for name in re.findall(r"`(\w+)`", row.split("|")[0])]
    bases = (events.Event, events.TimedEvent)
    known = {found.type for found in classes(events, events.Event) if found not in bases}
    assert {*told, events.Detection.type} == known


def test_the_detection_that_is_shown_has_the_keys_of_one() -> None:
    (shown,) = (json.loads(line) for line in README.splitlines() if line.startswith('{"schema"'))
    sealed = Envelope.seal(events.Detection("desk", "stop", 0.99, 0.9, 54_720, 62_400, 64_000, "tiny"), 1)
    assert list(shown) == list(sealed.to_dict())


@pytest.mark.parametrize("verified", [True, False])
def test_every_metric_is_named(verified: bool) -> None:
    counters = Counters({}, 800)
    if verified:
        counters.set_verified(0)
    served = set(re.findall(r"^# TYPE (\w+)", exposition(counters.snapshot()), re.MULTILINE))
    told = {
        name for row in README.splitlines() if row.startswith("| `kwsd_") for name in re.findall(r"`(kwsd_\w+)`", row)
    }
    assert told - served == (set() if verified else {"kwsd_windows_verified_total"})
    assert served <= told


def test_every_exit_status_of_an_error_is_named() -> None:
    (table,) = re.findall(r"\| status \| meaning \|\n(.*?)\n\n", README, re.DOTALL)
    told = {int(status) for row in table.splitlines() for status in re.findall(r"\d+", row.split("|")[1])}
    assert {found.exit_status for found in classes(errors, errors.KwsdError)} < told

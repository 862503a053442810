"""The worker's loop: windows in, events out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from kwsd.audio.windows import Window
from kwsd.events import Event


class Listener(Protocol):
    """What turns windows into events: the spotter."""

    def feed(self, windows: Sequence[Window]) -> list[Event]:
        """The events of these windows, in order."""


def work(
    batches: Iterable[list[Window]],
    spotter: Listener,
    publish: Callable[[Event], None],
    progressed: Callable[[], None],
) -> None:
    """Spot words until the windows end; `progressed` is told after each batch. Raises what any of them raises."""
    for batch in batches:
        for event in spotter.feed(batch):
            publish(event)
        progressed()

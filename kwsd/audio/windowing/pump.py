"""The body of a capture thread, which copies the blocks of a source into a ring."""

from __future__ import annotations

from collections.abc import Callable

from kwsd.audio.source import SearchFailed, Source
from kwsd.audio.windowing.ring import Ring
from kwsd.events import Event


def pump(
    source: Source,
    ring: Ring,
    publish: Callable[[Event], None] = lambda _: None,
    search_failed: Callable[[], None] = lambda: None,
) -> None:
    """Copy `source` into `ring` until the source ends or fails, or either is closed; then close both.

    The source's events go to `publish`; `search_failed` is called for each `SearchFailed`. Raises nothing: an error is
    handed to the ring, whose reader raises it after the last sample.
    """
    try:
        for block in source.blocks():
            if isinstance(block, Event):
                publish(block)
                continue
            if isinstance(block, SearchFailed):
                search_failed()
                continue
            if block.lost:
                ring.skip(block.lost, overflow=block.overflow)
            if not ring.write(block.samples, wait=not source.live):
                break
    except BaseException as error:  # a capture thread that dies silently leaves a deaf daemon
        ring.close(error)
    finally:
        ring.close()
        source.close()

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.audio.source import Block, SearchFailed
from kwsd.audio.windowing.gaps import Gap
from kwsd.audio.windowing.pump import pump
from kwsd.audio.windowing.ring import Ring
from kwsd.events import DeviceLost, Event


class FakeSource:
    """Gives the blocks it was made of, then its error, if any."""

    name = "fake"

    def __init__(
        self, *blocks: Block | Event | SearchFailed, live: bool = False, error: BaseException | None = None
    ) -> None:
        self.live = live
        self.closed = False
        self._blocks = blocks
        self._error = error

    def blocks(self) -> Iterator[Block | Event | SearchFailed]:
        yield from self._blocks
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed = True


def ones(samples: int) -> Block:
    return Block(np.ones(samples, np.int16))


def test_what_a_source_says_of_itself_is_published() -> None:
    said: list[Event] = []
    lost = DeviceLost("fake", 5, "gone")
    ring = Ring(100)
    searches: list[int] = []
    source = FakeSource(ones(5), lost, SearchFailed(), SearchFailed(), ones(3), live=True)
    pump(source, ring, said.append, lambda: searches.append(ring.written))
    assert said == [lost]
    assert searches == [5, 5]
    assert ring.written == 8


def test_blocks_and_gaps_are_numbered_and_the_ring_closed_at_the_end() -> None:
    dropped = Block(np.ones(3, np.int16), lost=4, overflow=True)
    restored = Block(np.ones(3, np.int16), lost=2)
    source, ring = FakeSource(ones(5), dropped, restored, live=True), Ring(100)
    pump(source, ring)
    extent = ring.state()
    assert (extent.written, extent.gaps, extent.closed) == (17, (Gap(5, 9), Gap(12, 14)), True)
    assert ring.overflows == 1
    assert ring.error is None
    assert source.closed


@pytest.mark.parametrize("error", [OSError("gone"), KeyboardInterrupt()])
def test_an_error_is_handed_to_the_reader_after_the_audio(error: BaseException) -> None:
    source, ring = FakeSource(ones(5), error=error), Ring(100)
    pump(source, ring)
    assert ring.error is error
    assert ring.written == 5
    assert source.closed


def test_a_live_source_overwrites_and_any_other_waits() -> None:
    ring = Ring(10)
    pump(FakeSource(ones(25), live=True), ring)
    assert ring.state().first == 15
    ring = Ring(10)
    full = threading.Event()
    ring.attach(full.set)
    source = FakeSource(ones(25))
    thread = threading.Thread(target=pump, args=(source, ring))
    thread.start()
    assert full.wait(PATIENCE_S)
    assert ring.state().first == 0
    ring.close()  # as the supervisor does to stop it
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert source.closed
    assert ring.written == 10


def test_nothing_more_is_taken_of_a_source_whose_ring_is_closed() -> None:
    taken: list[int] = []

    class Endless(FakeSource):
        def blocks(self) -> Iterator[Block]:
            for number in range(1000):
                taken.append(number)
                yield ones(1)

    ring, source = Ring(8), Endless()
    ring.close()
    pump(source, ring)
    assert taken == [0]
    assert source.closed

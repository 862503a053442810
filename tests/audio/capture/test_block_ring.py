from __future__ import annotations

import struct
import threading

import pytest
from patience import PATIENCE_S

from kwsd.audio.capture.block_ring import BlockRing


def block(number: int) -> bytes:
    """Four frames of two samples, each of which is the number."""
    return struct.pack("<h", number % 30_000) * 8


def number_in(data: bytes) -> int:
    return int(struct.unpack_from("<h", data)[0])


def test_blocks_come_out_in_order_with_what_was_dropped_before_them() -> None:
    ring = BlockRing(8, 4, 4)
    assert ring.take() is None
    ring.put(block(1))
    ring.put(block(2), 6)
    ring.put(block(3))
    taken = [ring.take() for _ in range(4)]
    assert [(number_in(got[0]), got[1]) for got in taken if got] == [(1, 0), (2, 6), (3, 0)]
    assert taken[3] is None


def test_a_lapped_reader_counts_every_frame_that_it_missed() -> None:
    ring = BlockRing(8, 4, 4)
    for number in range(100):
        ring.put(block(number), 3 if number == 50 else 0)
    first = ring.take()
    assert first is not None
    number, missing = number_in(first[0]), first[1]
    assert missing == 4 * number + 3
    rest = []
    while (got := ring.take()) is not None:
        rest.append(number_in(got[0]))
        assert got[1] == 0
    assert rest == list(range(number + 1, 100))


def test_under_a_fast_writer_blocks_are_whole_and_nothing_is_unaccounted_for() -> None:
    ring = BlockRing(8, 4, 4)
    total = 20_000

    def write() -> None:
        for number in range(total):
            ring.put(block(number))

    thread = threading.Thread(target=write)
    thread.start()
    frames = 0
    while frames < 4 * total:
        ring.changed.clear()
        while (got := ring.take()) is not None:
            frames += got[1]
            assert got[0] == block(frames // 4)
            frames += 4
        if frames < 4 * total:
            assert ring.changed.wait(PATIENCE_S)
    thread.join(PATIENCE_S)
    assert frames == 4 * total


def test_a_block_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="structures"):
        BlockRing(8, 4, 4).put(bytes(15))


def test_a_full_ring_is_not_read_where_the_writer_goes_on() -> None:
    slots = BlockRing(8, 4, 4)
    for number in range(8):
        slots.put(block(number))
    assert slots.take() == (block(4), 4 * 4)  # half of it is left out


def test_the_end_wakes_the_reader() -> None:
    slots = BlockRing(8, 4, 4)
    assert not slots.changed.is_set()
    slots.end()
    assert slots.changed.is_set()
    assert slots.ended


class Overtaking:
    """A ring's blocks; while they are read, the writer laps the reader, some times in a row."""

    def __init__(self, ring: BlockRing, times: int) -> None:
        self._ring, self._blocks, self._times = ring, ring._blocks, times

    def __setitem__(self, place: slice, data: bytes) -> None:
        self._blocks[place] = data

    def __getitem__(self, place: slice) -> bytes:
        if self._times:
            self._times -= 1
            for _ in range(10):
                self._ring.put(block(self._ring._put))
        return bytes(self._blocks[place])


@pytest.mark.parametrize("times", [1, 3])
def test_a_reader_that_is_lapped_while_it_copies_still_counts_every_frame(times: int) -> None:
    ring = BlockRing(8, 4, 4)
    ring.put(block(0))
    ring._blocks = Overtaking(ring, times)  # type: ignore[assignment]
    taken = ring.take()
    assert taken is not None
    assert taken[0] == block(taken[1] // 4)

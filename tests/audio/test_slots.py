from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.slots import Slots


def block(number: int) -> NDArray[np.int16]:
    return np.full((4, 2), number % 30_000, np.int16)


def test_blocks_come_out_in_order_with_what_was_dropped_before_them() -> None:
    slots = Slots(8, 4, 2)
    assert slots.take() is None
    slots.put(block(1))
    slots.put(block(2), 6)
    slots.put(block(3))
    taken = [slots.take() for _ in range(4)]
    assert [(int(got[0][0, 0]), got[1]) for got in taken if got] == [(1, 0), (2, 6), (3, 0)]
    assert taken[3] is None


def test_a_lapped_reader_counts_every_frame_that_it_missed() -> None:
    slots = Slots(8, 4, 2)
    for number in range(100):
        slots.put(block(number), 3 if number == 50 else 0)
    first = slots.take()
    assert first is not None
    number, missing = int(first[0][0, 0]), first[1]
    assert missing == 4 * number + 3
    rest = []
    while (got := slots.take()) is not None:
        rest.append(int(got[0][0, 0]))
        assert got[1] == 0
    assert rest == list(range(number + 1, 100))


def test_under_a_fast_writer_blocks_are_whole_and_nothing_is_unaccounted_for() -> None:
    slots = Slots(8, 4, 2)
    total = 20_000

    def write() -> None:
        for number in range(total):
            slots.put(block(number))

    thread = threading.Thread(target=write)
    thread.start()
    frames = 0
    while frames < 4 * total:
        slots.changed.clear()
        while (got := slots.take()) is not None:
            frames += got[1]
            assert (got[0] == frames // 4 % 30_000).all()
            frames += 4
        if frames < 4 * total:
            assert slots.changed.wait(10)
    thread.join(10)
    assert frames == 4 * total

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.windowing.gaps import Gap
from kwsd.audio.windowing.ring import Ring


def counting(start: int, stop: int) -> NDArray[np.int16]:
    return (np.arange(start, stop) % 30_000).astype(np.int16)


def test_samples_are_numbered_and_read_back_across_the_seam() -> None:
    ring = Ring(10)
    for at in range(0, 25, 5):
        assert ring.write(counting(at, at + 5), wait=False)
    assert ring.written == 25
    extent = ring.state()
    assert (extent.first, extent.written, extent.closed) == (15, 25, False)
    assert ring.read(15, 25).tolist() == list(range(15, 25))  # type: ignore[union-attr]
    assert ring.read(18, 23).tolist() == list(range(18, 23))  # type: ignore[union-attr]


def test_outside_of_the_stream_there_are_zeros() -> None:
    ring = Ring(10)
    ring.write(counting(1, 4), wait=False)
    assert ring.read(-2, 6).tolist() == [0, 0, 1, 2, 3, 0, 0, 0]  # type: ignore[union-attr]


def test_what_was_overwritten_cannot_be_read() -> None:
    ring = Ring(10)
    ring.write(counting(0, 11), wait=False)
    assert ring.read(0, 5) is None
    assert ring.read(1, 5) is not None


def test_a_write_longer_than_the_ring_keeps_the_newest() -> None:
    ring = Ring(10)
    ring.write(counting(0, 37), wait=False)
    assert ring.read(27, 37).tolist() == list(range(27, 37))  # type: ignore[union-attr]


def test_a_copy_is_read_not_the_buffer() -> None:
    ring = Ring(4)
    ring.write(counting(1, 5), wait=False)
    before = ring.read(0, 4)
    ring.write(counting(5, 9), wait=False)
    assert before is not None
    assert before.tolist() == [1, 2, 3, 4]


def test_a_gap_is_numbered_reads_as_zeros_and_is_forgotten_once_released() -> None:
    ring = Ring(10)
    ring.write(counting(1, 4), wait=False)
    ring.skip(4)
    ring.write(counting(8, 10), wait=False)
    assert ring.read(0, 9).tolist() == [1, 2, 3, 0, 0, 0, 0, 8, 9]  # type: ignore[union-attr]
    assert ring.state().gaps == (Gap(3, 7),)
    ring.release(7)
    assert ring.state().gaps == ()


def test_a_gap_longer_than_the_ring_leaves_only_zeros() -> None:
    ring = Ring(10)
    ring.write(counting(1, 9), wait=False)
    ring.skip(1000)
    assert ring.written == 1008
    assert ring.state().gaps == (Gap(8, 1008),)
    assert ring.read(998, 1008).tolist() == [0] * 10  # type: ignore[union-attr]


def test_a_gap_takes_no_memory_however_long_the_microphone_was_gone() -> None:
    ring = Ring(10)
    ring.skip(1 << 50)
    assert ring.written == 1 << 50
    assert ring.read(ring.written - 10, ring.written).tolist() == [0] * 10  # type: ignore[union-attr]


def test_gaps_that_were_overwritten_are_forgotten_without_a_reader() -> None:
    ring = Ring(10)
    for _ in range(1000):
        ring.skip(2)
        ring.write(counting(0, 3), wait=False)
    assert len(ring.state().gaps) <= 3


def test_a_waiting_writer_loses_nothing_under_a_slow_reader() -> None:
    ring = Ring(64)
    changed = threading.Event()
    ring.attach(changed.set)
    total = 20_000

    def write() -> None:
        random = np.random.default_rng(3)
        at = 0
        while at < total:
            stop = min(total, at + int(random.integers(1, 150)))
            ring.write(counting(at, stop), wait=True)
            at = stop
        ring.close()

    thread = threading.Thread(target=write)
    thread.start()
    read = 0
    while True:
        changed.clear()
        extent = ring.state()
        if extent.written == read:
            if extent.closed:
                break
            assert changed.wait(PATIENCE_S)
            continue
        part = ring.read(read, extent.written)
        assert part is not None
        np.testing.assert_array_equal(part, counting(read, extent.written))
        read = extent.written
        ring.release(read)
    thread.join(PATIENCE_S)
    assert read == total


def test_closing_wakes_a_waiting_writer() -> None:
    ring = Ring(8)
    answers: list[bool] = []
    first = threading.Event()
    ring.attach(first.set)
    thread = threading.Thread(target=lambda: answers.append(ring.write(counting(0, 20), wait=True)))
    thread.start()
    assert first.wait(PATIENCE_S)  # eight samples are in, the writer waits or will
    ring.close()
    thread.join(PATIENCE_S)
    assert answers == [False]
    assert ring.written == 8
    assert not ring.write(counting(0, 1), wait=False)
    ring.skip(5)
    assert ring.written == 8


def test_the_first_close_counts() -> None:
    ring, other = Ring(8), Ring(8)
    error = OSError("gone")
    ring.close(error)
    ring.close()
    assert ring.error is error
    other.close()
    other.close(error)
    assert other.error is None


def test_room_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 samples"):
        Ring(0)


def test_a_reader_is_woken_when_what_it_expects_is_there_and_at_the_end() -> None:
    ring, woken = Ring(100), []
    ring.attach(lambda: woken.append(ring.written))
    ring.expect(30)
    for _ in range(5):
        ring.write(np.zeros(10, np.int16), wait=False)
    assert woken == [30, 40, 50]  # once it is late, every time
    ring.expect(80)
    ring.skip(10)
    ring.close()
    assert woken == [30, 40, 50, 60, 60]


def full() -> Ring:
    ring = Ring(8)
    ring.write(counting(0, 8), wait=False)
    return ring


class Waits(threading.Condition):
    """Tells that somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait(timeout)


def written_by_a_waiting_writer(ring: Ring) -> tuple[int, int]:
    """How far a writer of 20 more samples comes before it waits, and how often it has woken its reader by then."""
    wakings: list[int] = []
    ring.attach(lambda: wakings.append(ring.written))
    waits = ring._changed = Waits()
    writer = threading.Thread(target=lambda: ring.write(counting(8, 28), wait=True))
    writer.start()
    assert waits.begun.wait(PATIENCE_S)
    found = ring.written, len(wakings)
    ring.close()
    writer.join()
    return found


@pytest.mark.parametrize(("releases", "written"), [((), 8), ((100,), 16), ((7, 3), 15)])
def test_room_is_what_was_released_and_no_more(releases: tuple[int, ...], written: int) -> None:
    ring = full()
    for position in releases:
        ring.release(position)
    assert written_by_a_waiting_writer(ring)[0] == written


def test_a_writer_that_waits_wakes_its_reader_once() -> None:
    assert written_by_a_waiting_writer(Ring(8)) == (8, 1)


def test_to_skip_nothing_is_nothing() -> None:
    ring = Ring(8)
    ring.skip(0, overflow=True)
    assert (ring.state().gaps, ring.overflows) == ((), 0)

"""How streams are cut into windows: the same whatever comes when, in turn, and when the reader is woken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import room_for, windows

Noise = Callable[[int], NDArray[np.int16]]
LENGTH, HOP = 100, 10


def fill(ring: Ring, samples: NDArray[np.int16], block: int) -> None:
    for at in range(0, len(samples), block):
        ring.write(samples[at : at + block], wait=True)
    ring.close()


def cut(ring: Ring, **options: int) -> list[Window]:
    return [window for batch in windows({"a": ring}, hop=HOP, length=LENGTH, **options) for window in batch]


def cut_while_filling(samples: NDArray[np.int16], block: int, batch: int = 16) -> list[Window]:
    ring = Ring(2 * LENGTH)
    thread = threading.Thread(target=fill, args=(ring, samples, block))
    thread.start()
    cuts = cut(ring, batch=batch, tail=30)
    thread.join(PATIENCE_S)
    return cuts


def expected(samples: NDArray[np.int16], end: int) -> NDArray[np.int16]:
    padded = np.concatenate([np.zeros(LENGTH, np.int16), samples, np.zeros(LENGTH, np.int16)])
    return padded[end : end + LENGTH]


def test_windows_hold_what_was_written_from_before_the_start_to_after_the_end(noise: Noise) -> None:
    samples = noise(1234)
    cuts = cut_while_filling(samples, 33)
    assert [window.end for window in cuts] == list(range(HOP, 1280, HOP))  # 1234 + 30, up to a whole hop
    for window in cuts:
        np.testing.assert_array_equal(window.samples, expected(samples, window.end))
        assert (window.stream, window.lost, window.hop, window.start) == ("a", 0, HOP, window.end - LENGTH)


@pytest.mark.parametrize("batch", [1, 3, 16])
@pytest.mark.parametrize("block", [1, 7, 10, 64, 199, 1000, 5000])
def test_the_same_audio_gives_the_same_windows_whatever_the_blocks(block: int, batch: int, noise: Noise) -> None:
    samples = noise(2005)
    whole = cut_while_filling(samples, 2005)
    cuts = cut_while_filling(samples, block, batch)
    assert [(window.end, window.lost) for window in cuts] == [(window.end, window.lost) for window in whole]
    assert all((a.samples == b.samples).all() for a, b in zip(cuts, whole, strict=True))


@pytest.mark.parametrize("batch", [1, 8])
def test_what_was_before_a_batch_stays_for_who_keeps_it(batch: int, noise: Noise) -> None:
    """The writer of a recording is always waiting for room, and takes it at once."""
    samples, keep = noise(3000), 70
    ring = Ring(room_for(LENGTH, HOP, keep, batch))
    thread = threading.Thread(target=fill, args=(ring, samples, 50))
    thread.start()
    for due in windows({"a": ring}, hop=HOP, length=LENGTH, batch=batch, keep=keep, tail=30):
        thread.join(0.001)  # it may write
        before = max(0, due[0].start - keep)
        kept = ring.read(before, due[-1].end)
        assert kept is not None
        np.testing.assert_array_equal(kept, np.pad(samples, (0, 40))[before : due[-1].end])
    thread.join(PATIENCE_S)
    with pytest.raises(ValueError, match=r"for windows of [0-9]+ it takes [0-9]+"):
        next(windows({"a": Ring(2 * LENGTH)}, hop=HOP, length=LENGTH, keep=keep))


def test_a_stream_shorter_than_a_hop_still_has_its_windows() -> None:
    ring = Ring(2 * LENGTH)
    ring.write(np.full(3, 9, np.int16), wait=True)
    ring.close()
    cuts = cut(ring, tail=20)
    assert [window.end for window in cuts] == [10, 20, 30]
    assert cuts[0].samples[-HOP:].tolist() == [9, 9, 9, 0, 0, 0, 0, 0, 0, 0]


def test_an_empty_stream_has_none() -> None:
    ring = Ring(2 * LENGTH)
    ring.close()
    assert cut(ring) == []
    assert list(windows({}, hop=HOP)) == []


def test_windows_share_memory_and_are_read_only(noise: Noise) -> None:
    ring = Ring(2 * LENGTH)
    fill(ring, noise(150), 150)
    first = next(windows({"a": ring}, hop=HOP, length=LENGTH))
    with pytest.raises(ValueError, match="read-only"):
        first[0].samples[0] = 1


def test_a_batch_serves_all_streams_in_turn_and_starts_with_another_each_time(noise: Noise) -> None:
    rings = {name: Ring(4 * LENGTH) for name in "abc"}
    for ring in rings.values():
        ring.write(noise(60), wait=True)
    rings["b"].close()
    stream = windows(rings, hop=HOP, length=LENGTH, batch=4, tail=0)
    first = next(stream)
    assert [(window.stream, window.end) for window in first] == [("a", 10), ("b", 10), ("c", 10), ("a", 20)]
    second = next(stream)
    assert [(window.stream, window.end) for window in second] == [("b", 20), ("c", 20), ("a", 30), ("b", 30)]
    rest = [(window.stream, window.end) for batch in take(stream, 3) for window in batch]
    assert sorted(rest) == [("a", 40), ("a", 50), ("a", 60), ("b", 40), ("b", 50), ("b", 60)] + [
        ("c", end) for end in (30, 40, 50, 60)
    ]


def take(stream: Iterator[list[Window]], count: int) -> list[list[Window]]:
    return [next(stream) for _ in range(count)]


def test_one_stream_ends_while_another_goes_on(noise: Noise) -> None:
    rings = {"a": Ring(2 * LENGTH), "b": Ring(2 * LENGTH)}
    stream = windows(rings, hop=HOP, length=LENGTH, tail=0)
    fill(rings["a"], noise(10), 10)
    assert [window.stream for window in next(stream)] == ["a"]
    thread = threading.Thread(target=fill, args=(rings["b"], noise(30), 7))
    thread.start()
    assert {window.stream for batch in stream for window in batch} == {"b"}
    thread.join(PATIENCE_S)


def test_the_error_comes_after_the_last_window(noise: Noise) -> None:
    ring = Ring(2 * LENGTH)
    ring.write(noise(15), wait=True)
    ring.close(OSError("unplugged"))
    stream = windows({"a": ring}, hop=HOP, length=LENGTH, tail=10)
    assert [window.end for window in next(stream)] == [10, 20, 30]
    with pytest.raises(OSError, match="unplugged"):
        next(stream)


def test_a_waiting_reader_is_woken_by_audio_and_by_closing(noise: Noise) -> None:
    ring = Ring(2 * LENGTH)
    seen: list[int] = []
    first = threading.Event()

    def read() -> None:
        for batch in windows({"a": ring}, hop=HOP, length=LENGTH, tail=0):
            seen.extend(window.end for window in batch)
            first.set()

    thread = threading.Thread(target=read)
    thread.start()
    ring.write(noise(10), wait=False)
    assert first.wait(PATIENCE_S)
    ring.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert seen == [10]


def test_the_reader_sleeps_until_a_window_is_due(noise: Noise) -> None:
    ring, wakes = Ring(2 * LENGTH), []
    cuts = windows({"a": ring}, hop=HOP, length=LENGTH, tail=0)
    ring.write(noise(HOP), wait=False)
    assert [window.end for window in next(cuts)] == [HOP]
    ring.attach(lambda: wakes.append(ring.written))
    for _ in range(12):
        ring.write(noise(1), wait=False)
    assert wakes == [20, 21, 22]


def test_an_idle_reader_sleeps_until_six_windows_are_due(noise: Noise) -> None:
    ring, schedule, wakes = Ring(2 * LENGTH), WakeSchedule(HOP, longest=6 * HOP), []
    cuts = windows({"a": ring}, hop=HOP, length=LENGTH, tail=0, schedule=schedule)
    ring.write(noise(HOP), wait=False)
    assert [window.end for window in next(cuts)] == [HOP]
    schedule.wake_at(None)
    ring.write(noise(5 * HOP), wait=False)
    assert [window.end for window in next(cuts)] == [20, 30, 40, 50, 60]
    ring.attach(lambda: wakes.append(ring.written))
    for _ in range(62):
        ring.write(noise(1), wait=False)
    assert wakes == [120, 121, 122]
    assert [(window.end, window.hop) for window in next(cuts)] == [(end, HOP) for end in range(70, 121, HOP)]


def test_a_reader_that_is_idle_no_longer_is_woken_for_the_next_window(noise: Noise) -> None:
    ring, schedule = Ring(2 * LENGTH), WakeSchedule(HOP, longest=6 * HOP)
    seen: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    schedule.wake_at(None)

    def read() -> None:
        for batch in windows({"a": ring}, hop=HOP, length=LENGTH, tail=0, schedule=schedule):
            schedule.wake_at(1)
            seen.put([window.end for window in batch])

    ring.write(noise(2 * HOP), wait=False)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert seen.get(timeout=PATIENCE_S) == [10, 20]
        ring.write(noise(HOP), wait=False)
        assert seen.get(timeout=PATIENCE_S) == [30]
    finally:
        ring.close()
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("spans", [[None], [None, 1, 1], [1, None, None, None], [3 * HOP, 1, 4 * HOP, None]])
def test_an_idle_reader_sees_the_same_windows(spans: list[int | None], noise: Noise) -> None:
    samples, ring, schedule, cuts = noise(2005), Ring(2 * LENGTH), WakeSchedule(HOP, longest=6 * HOP), []
    thread = threading.Thread(target=fill, args=(ring, samples, 7))
    thread.start()
    for number, batch in enumerate(windows({"a": ring}, hop=HOP, length=LENGTH, tail=30, schedule=schedule)):
        cuts += batch
        schedule.wake_at(spans[number % len(spans)])
    thread.join(PATIENCE_S)
    whole = cut_while_filling(samples, 2005)
    assert [(window.end, window.lost, window.hop) for window in cuts] == [(w.end, w.lost, w.hop) for w in whole]
    assert all((a.samples == b.samples).all() for a, b in zip(cuts, whole, strict=True))


def test_a_ring_that_is_full_wakes_a_reader_that_would_sleep_for_longer(noise: Noise) -> None:
    """A recording's writer waits for room, which only the reader gives."""
    samples, ring, schedule, cuts = noise(2005), Ring(2 * LENGTH), WakeSchedule(HOP, longest=30 * HOP), []
    schedule.wake_at(None)

    def read() -> None:
        for batch in windows({"a": ring}, hop=HOP, length=LENGTH, tail=0, schedule=schedule):
            cuts.extend(window.end for window in batch)

    threads = [threading.Thread(target=read), threading.Thread(target=fill, args=(ring, samples, 50))]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert cuts == list(range(HOP, 2020, HOP))

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.pace import Pace
from kwsd.audio.ring import Ring
from kwsd.audio.windows import Window, windows

LENGTH, HOP = 100, 10


def noise(samples: int, seed: int = 4) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-32768, 32767, samples).astype(np.int16)


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
    thread.join(10)
    return cuts


def expected(samples: NDArray[np.int16], end: int) -> NDArray[np.int16]:
    padded = np.concatenate([np.zeros(LENGTH, np.int16), samples, np.zeros(LENGTH, np.int16)])
    return padded[end : end + LENGTH]


def test_windows_hold_what_was_written_from_before_the_start_to_after_the_end() -> None:
    samples = noise(1234)
    cuts = cut_while_filling(samples, 33)
    assert [window.end for window in cuts] == list(range(HOP, 1280, HOP))  # 1234 + 30, up to a whole hop
    for window in cuts:
        np.testing.assert_array_equal(window.samples, expected(samples, window.end))
        assert (window.stream, window.lost, window.hop, window.start) == ("a", 0, HOP, window.end - LENGTH)


@pytest.mark.parametrize("batch", [1, 3, 16])
@pytest.mark.parametrize("block", [1, 7, 10, 64, 199, 1000, 5000])
def test_the_same_audio_gives_the_same_windows_whatever_the_blocks(block: int, batch: int) -> None:
    samples = noise(2005)
    whole = cut_while_filling(samples, 2005)
    cuts = cut_while_filling(samples, block, batch)
    assert [(window.end, window.lost) for window in cuts] == [(window.end, window.lost) for window in whole]
    assert all((a.samples == b.samples).all() for a, b in zip(cuts, whole, strict=True))


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


def test_windows_share_memory_and_are_read_only() -> None:
    ring = Ring(2 * LENGTH)
    fill(ring, noise(150), 150)
    first = next(windows({"a": ring}, hop=HOP, length=LENGTH))
    with pytest.raises(ValueError, match="read-only"):
        first[0].samples[0] = 1


def test_a_lapped_reader_jumps_to_the_newest_window_and_says_what_no_window_held() -> None:
    ring = Ring(3 * LENGTH)
    stream = windows({"a": ring}, hop=HOP, length=LENGTH)
    samples = noise(2000)
    ring.write(samples[:25], wait=False)
    assert [window.end for window in next(stream)] == [10, 20]
    ring.write(samples[25:1007], wait=False)
    (window,) = next(stream)
    assert (window.end, window.start) == (1000, 900)
    assert window.lost == 900 - 20
    np.testing.assert_array_equal(window.samples, samples[900:1000])
    ring.write(samples[1007:1010], wait=False)
    (window,) = next(stream)
    assert (window.end, window.lost) == (1010, 0)


def test_a_reader_that_is_late_but_not_lapped_loses_nothing() -> None:
    ring = Ring(3 * LENGTH)
    stream = windows({"a": ring}, hop=HOP, length=LENGTH, batch=100)
    samples = noise(300)
    ring.write(samples, wait=False)
    batch = next(stream)
    assert [window.end for window in batch] == list(range(10, 310, 10))
    assert not any(window.lost for window in batch)


def test_the_end_of_a_stream_does_not_lose_a_lapped_reader() -> None:
    ring = Ring(2 * LENGTH)
    ring.write(noise(1005), wait=False)
    ring.close()
    cuts = cut(ring, tail=20)
    assert [window.end for window in cuts] == [1000, 1010, 1020, 1030]
    assert [window.lost for window in cuts] == [900, 0, 0, 0]


@pytest.mark.parametrize(
    ("before", "gap", "ends_after", "lost_at"),
    [
        (25, 3, [30, 40], 30),  # inside one hop
        (25, 10, [30, 40], 40),  # over the end of a window
        (20, 10, [40], 40),  # exactly one hop, which is left out
        (25, 40, [30, 70], 70),  # over several hops: those that are wholly missing are left out
        (25, 150, [30, 180], 180),  # longer than a window
    ],
)
def test_a_gap_is_reported_whole_by_the_first_window_that_ends_after_it(
    before: int, gap: int, ends_after: list[int], lost_at: int
) -> None:
    ring = Ring(4 * LENGTH)
    ring.write(noise(before), wait=False)
    ring.skip(gap)
    ring.write(noise(100), wait=False)
    ring.close()
    cuts = cut(ring, tail=0)
    later = [window.end for window in cuts if window.end > 20]
    assert later[: len(ends_after)] == ends_after
    assert {window.end: window.lost for window in cuts if window.lost} == {lost_at: gap}
    for window in cuts:
        missing = range(max(window.start, before), min(window.end, before + gap))
        assert not window.samples[[number - window.start for number in missing]].any()


def test_a_gap_among_lapped_samples_is_counted_once() -> None:
    ring = Ring(2 * LENGTH)
    ring.write(noise(300), wait=False)
    ring.skip(100)
    ring.write(noise(145), wait=False)  # samples 345 to 545 are left, 300 to 400 are missing
    (window,) = cut(ring_closed(ring), tail=0)[:1]
    assert window.end == 540
    assert window.lost == 440  # all before its start, with the gap among it
    ring = Ring(2 * LENGTH)
    ring.write(noise(380), wait=False)
    ring.skip(100)
    ring.write(noise(65), wait=False)  # 380 to 480 are missing: half before the window's start, half in it
    (window,) = cut(ring_closed(ring), tail=0)[:1]
    assert (window.end, window.lost) == (540, 440 + 40)


def ring_closed(ring: Ring) -> Ring:
    ring.close()
    return ring


def test_a_batch_serves_all_streams_in_turn_and_starts_with_another_each_time() -> None:
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


def test_one_stream_ends_while_another_goes_on() -> None:
    rings = {"a": Ring(2 * LENGTH), "b": Ring(2 * LENGTH)}
    stream = windows(rings, hop=HOP, length=LENGTH, tail=0)
    fill(rings["a"], noise(10), 10)
    assert [window.stream for window in next(stream)] == ["a"]
    thread = threading.Thread(target=fill, args=(rings["b"], noise(30), 7))
    thread.start()
    assert {window.stream for batch in stream for window in batch} == {"b"}
    thread.join(10)


def test_the_error_comes_after_the_last_window() -> None:
    ring = Ring(2 * LENGTH)
    ring.write(noise(15), wait=True)
    ring.close(OSError("unplugged"))
    stream = windows({"a": ring}, hop=HOP, length=LENGTH, tail=10)
    assert [window.end for window in next(stream)] == [10, 20, 30]
    with pytest.raises(OSError, match="unplugged"):
        next(stream)


def test_a_waiting_reader_is_woken_by_audio_and_by_closing() -> None:
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
    assert first.wait(10)
    ring.close()
    thread.join(10)
    assert not thread.is_alive()
    assert seen == [10]


def test_a_live_writer_that_laps_the_reader_never_gives_it_torn_audio() -> None:
    """Each sample tells its number; the reader checks all of them while the writer runs as fast as it can."""
    ring = Ring(2 * LENGTH)
    total = 200_000

    def write() -> None:
        for at in range(0, total, 50):
            ring.write((np.arange(at, at + 50) % 32_000 + 1).astype(np.int16), wait=False)
        ring.close()

    thread = threading.Thread(target=write)
    thread.start()
    counted = 0
    heard = 0
    for batch in windows({"a": ring}, hop=HOP, length=LENGTH, tail=0):
        for window in batch:
            numbers = np.arange(window.start, window.end)
            right = np.where(numbers < 0, 0, numbers % 32_000 + 1)
            np.testing.assert_array_equal(window.samples, right)
            counted += window.lost + window.end - max(heard, window.start, 0)
            heard = window.end
    thread.join(10)
    assert counted == total  # each sample was in a window or counted as lost


@pytest.mark.parametrize(
    ("hop", "capacity", "match"), [(0, 999, "hop of 0"), (101, 999, "101"), (10, 199, "two windows")]
)
def test_what_cannot_work_is_refused(hop: int, capacity: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        next(windows({"a": Ring(capacity)}, hop=hop, length=LENGTH))


def test_the_reader_sleeps_until_a_window_is_due() -> None:
    ring, wakes = Ring(2 * LENGTH), []
    cuts = windows({"a": ring}, hop=HOP, length=LENGTH, tail=0)
    ring.write(noise(HOP), wait=False)
    assert [window.end for window in next(cuts)] == [HOP]
    ring.attach(lambda: wakes.append(ring.written))
    for _ in range(12):
        ring.write(noise(1), wait=False)
    assert wakes == [20, 21, 22]


def test_a_pace_widens_the_hop_without_a_gap_and_narrows_it_again() -> None:
    ring = Ring(160_000)
    pace = Pace(1600)
    cut = windows({"a": ring}, hop=1600, paces={"a": pace}, batch=1)
    ends, hops = [0], []

    def take() -> None:
        (window,) = next(cut)
        assert window.lost == 0
        assert window.end == ends[-1] + window.hop  # what the gate hears has neither hole nor overlap
        np.testing.assert_array_equal(window.samples[-window.hop :], np.arange(ends[-1], window.end) % 30_000)
        ends.append(window.end)
        hops.append(window.hop)

    def write(samples: int) -> None:
        at = ring.written
        assert ring.write((np.arange(at, at + samples) % 30_000).astype(np.int16), wait=False)

    write(1600)
    take()
    write(64_000)
    take()
    write(33_600)  # two seconds later it is still more than one behind
    take()
    while ends[-1] + 6400 <= ring.written:
        take()
    assert hops == [1600, 1600, *[3200] * (len(hops) - 2)]
    for _ in range(400):
        write(1600)
        while ends[-1] + pace.hop <= ring.written:
            take()
    assert hops[-1] == 1600

"""What windows tell of audio that is lost: to a reader who is lapped, or in a gap."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.windowing.adaptive_hop import AdaptiveHop
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import windows
from kwsd.samples import RATE

Noise = Callable[[int], NDArray[np.int16]]
LENGTH, HOP = 100, 10


def cut(ring: Ring, tail: int = 0) -> list[Window]:
    """What a reader gets who comes when the stream is over."""
    ring.close()
    return [window for batch in windows({"a": ring}, hop=HOP, length=LENGTH, tail=tail) for window in batch]


def test_a_lapped_reader_jumps_to_the_newest_window_and_says_what_no_window_held(noise: Noise) -> None:
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


def test_a_reader_that_is_late_but_not_lapped_loses_nothing(noise: Noise) -> None:
    ring = Ring(3 * LENGTH)
    stream = windows({"a": ring}, hop=HOP, length=LENGTH, batch=100)
    samples = noise(300)
    ring.write(samples, wait=False)
    batch = next(stream)
    assert [window.end for window in batch] == list(range(10, 310, 10))
    assert not any(window.lost for window in batch)


def test_the_end_of_a_stream_does_not_lose_a_lapped_reader(noise: Noise) -> None:
    ring = Ring(2 * LENGTH)
    ring.write(noise(1005), wait=False)
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
    before: int, gap: int, ends_after: list[int], lost_at: int, noise: Noise
) -> None:
    ring = Ring(4 * LENGTH)
    ring.write(noise(before), wait=False)
    ring.skip(gap)
    ring.write(noise(100), wait=False)
    cuts = cut(ring)
    later = [window.end for window in cuts if window.end > 20]
    assert later[: len(ends_after)] == ends_after
    assert {window.end: window.lost for window in cuts if window.lost} == {lost_at: gap}
    for window in cuts:
        missing = range(max(window.start, before), min(window.end, before + gap))
        assert not window.samples[[number - window.start for number in missing]].any()


def test_a_gap_among_lapped_samples_is_counted_once(noise: Noise) -> None:
    ring = Ring(2 * LENGTH)
    ring.write(noise(300), wait=False)
    ring.skip(100)
    ring.write(noise(145), wait=False)  # samples 345 to 545 are left, 300 to 400 are missing
    (window,) = cut(ring)[:1]
    assert window.end == 540
    assert window.lost == 440  # all before its start, with the gap among it
    ring = Ring(2 * LENGTH)
    ring.write(noise(380), wait=False)
    ring.skip(100)
    ring.write(noise(65), wait=False)  # 380 to 480 are missing: half before the window's start, half in it
    (window,) = cut(ring)[:1]
    assert (window.end, window.lost) == (540, 440 + 40)


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
    thread.join(PATIENCE_S)
    assert counted == total  # each sample was in a window or counted as lost


def test_a_gap_whose_rest_is_lapped_counts_from_its_start(noise: Noise) -> None:
    ring = Ring(2 * LENGTH)
    cutting = windows({"desk": ring}, hop=HOP, length=LENGTH)
    ring.write(noise(LENGTH + HOP // 2), wait=False)
    ring.skip(4 * HOP)
    cuts = next(cutting)  # the last of them ends in the gap
    ring.write(noise(3 * LENGTH), wait=False)
    ring.close()
    cuts += [window for batch in cutting for window in batch]
    missing = range(LENGTH + HOP // 2, LENGTH + HOP // 2 + 4 * HOP)
    heard = {number for window in cuts for number in range(max(0, window.start), window.end)} - {*missing}
    written = range(min(cuts[-1].end, ring.written))
    assert sum(window.lost for window in cuts) == len({*written} - heard)


def test_a_gap_that_ends_where_a_hop_does_is_counted_once(noise: Noise) -> None:
    ring = Ring(40 * HOP)
    ring.write(noise(195), wait=False)
    ring.skip(5)
    ring.write(noise(100), wait=False)
    assert [(window.end, window.lost) for window in cut(ring) if window.lost] == [(200, 5)]


def test_the_hop_changes_where_the_reader_is_not_behind_the_gap_before_it(noise: Noise) -> None:
    told: list[tuple[int, int, int]] = []
    ring = Ring(10 * RATE)
    adaptive = AdaptiveHop(HOP, RATE, lambda *change: told.append(change), lambda: ring.written / RATE)
    stream = windows({"a": ring}, hop=HOP, adaptive={"a": adaptive}, batch=1)
    ring.write(noise(2 * RATE), wait=False)
    assert next(stream)[0].end == HOP
    ring.skip(RATE)
    ring.write(noise(2 * RATE), wait=False)  # two seconds later it is still more than one behind
    (window,) = next(stream)
    assert told == [(HOP, 2 * HOP, 4 * RATE - HOP)]
    assert (window.end, window.hop) == (3 * HOP, 2 * HOP)


def test_a_gap_longer_than_the_ring_is_lost_in_full(noise: Noise) -> None:
    ring = Ring(2 * LENGTH)
    cutting = windows({"a": ring}, hop=HOP, length=LENGTH, tail=0)
    ring.write(noise(LENGTH), wait=False)
    assert [window.end for window in next(cutting)][-1] == LENGTH
    ring.skip(1000)
    ring.write(noise(HOP), wait=False)
    ring.close()
    assert [(window.end, window.lost) for batch in cutting for window in batch] == [(1110, 1000)]


def test_what_was_only_before_what_the_scores_are_about_is_lost_to_a_lapped_reader(noise: Noise) -> None:
    ring = Ring(3 * LENGTH)
    stream = windows({"a": ring}, hop=HOP, length=LENGTH, about=LENGTH // 2)
    ring.write(noise(25), wait=False)
    assert [window.end for window in next(stream)] == [10, 20]
    ring.write(noise(980), wait=False)
    (window,) = next(stream)
    assert (window.end, window.lost) == (1000, 950 - 20)

"""The hop follows the backlog: wider while it lasts, narrower after."""

from __future__ import annotations

import pytest

from kwsd.audio.windowing.adaptive_hop import CALM, CALMEST, AdaptiveHop

RATE = 16_000


class Stream:
    """A stream and a reader of it, a tenth of a second at a time."""

    def __init__(self, hop_ms: int = 100) -> None:
        self.told: list[tuple[int, int]] = []
        self.adaptive = AdaptiveHop(
            hop_ms * 16,
            changed=lambda _at, hop, _behind: self.told.append((self.written, hop // 16)),
            clock=lambda: self.written / RATE - self.held_s,
        )
        self.written = 0
        self.held_s = 0.0

    def run(self, seconds: float, behind_s: float) -> list[int]:
        """The hops, in milliseconds, to which it changed."""
        before = len(self.told)
        for _ in range(round(10 * seconds)):
            self.written += 1600
            self.adaptive.observe(self.written, self.written - round(RATE * behind_s))
        return [hop for _, hop in self.told[before:]]


def test_it_stays_as_long_as_the_reader_keeps_up() -> None:
    assert Stream().run(100, 0.9) == []


def test_a_moment_of_delay_changes_nothing() -> None:
    stream = Stream()
    for _ in range(10):
        assert stream.run(1.9, 5.0) == []
        assert stream.run(2.1, 0.0) == []


def test_a_reader_that_is_lapped_again_and_again_is_behind_although_it_jumps() -> None:
    stream = Stream()
    assert [hop for _ in range(25) for hop in stream.run(0.1, 4.0) + stream.run(1.5, 0.6)] == [200, 400]


def test_audio_that_was_held_back_and_comes_at_once_is_no_overload() -> None:
    stream = Stream()
    stream.run(1, 0.0)
    for behind_s in (1.9, 3.9, 5.9):  # kwsd goes on after a pause: its pipe is emptied, and filled again at once
        stream.written += 2 * RATE
        stream.held_s += 2.0
        assert stream.run(0.1, behind_s) == []
    assert stream.run(1.5, 1.1) == []
    assert stream.run(0.5, 1.1) == [200]  # still behind, two seconds after


def test_sustained_overload_widens_it_step_by_step_and_no_further() -> None:
    stream = Stream()
    assert stream.run(60, 1.1) == [200, 400]
    assert [round(at / RATE, 1) for at, _ in stream.told] == [2.1, 32.1]


def test_a_burst_that_lasts_does_not_make_the_hop_so_wide_that_words_are_missed() -> None:
    stream = Stream(50)
    assert stream.run(25, 4.0) == [100, 200]
    assert stream.run(20, 0.5) == []
    assert stream.run(25, 4.0) == []
    assert stream.run(10, 4.0) == [400]


@pytest.mark.parametrize(("hop_ms", "steps"), [(50, [100, 200, 400]), (200, [400]), (300, []), (1000, [])])
def test_no_hop_is_wider_than_half_a_window(hop_ms: int, steps: list[int]) -> None:
    assert Stream(hop_ms).run(60, 5.0) == steps


def test_it_narrows_again_when_the_reader_has_kept_up_for_a_while() -> None:
    stream = Stream()
    stream.run(35, 3.0)
    calm_s = CALM / RATE
    assert stream.run(calm_s - 1, 0.2) == []
    assert stream.run(2, 0.2) == [200]
    assert stream.run(calm_s - 3, 0.2) == []
    assert stream.run(3, 0.2) == [100]
    assert stream.run(1000, 0.2) == []


def test_it_takes_longer_after_it_has_narrowed_too_early() -> None:
    stream = Stream()
    waits = []
    for _ in range(8):
        assert stream.run(3, 3.0)[:1] == [200]
        began = stream.written
        while stream.run(0.1, 0.0) != [100]:
            pass
        waits.append(round((stream.written - began) / RATE))
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]
    assert waits[-1] == CALMEST / RATE
    stream.run(3600, 0.0)
    stream.run(3, 3.0)
    began = stream.written
    while stream.run(0.1, 0.0) != [100]:
        pass
    assert round((stream.written - began) / RATE) == 30


@pytest.mark.parametrize(("rested_s", "wait_s"), [(45, 60), (75, 30)])
def test_it_has_narrowed_too_early_if_it_widens_within_twice_the_time(rested_s: int, wait_s: int) -> None:
    stream = Stream()
    assert stream.run(3, 3.0) == [200]
    assert stream.run(31, 0.0) == [100]
    assert stream.run(rested_s, 0.0) == []
    assert stream.run(3, 3.0) == [200]
    assert stream.run(wait_s - 3, 0.0) == []
    assert stream.run(3, 0.0) == [100]

"""A capture thread looks away while nothing can be due, and never longer."""

from __future__ import annotations

import pytest

from kwsd.audio.read_delay import EARLY_S, ReadDelay

BLOCK = 320


def wakes(
    hop: int, seconds: float, block: int = BLOCK, speed: float = 1.0, early_s: float = EARLY_S, pause_s: float = 0.0
) -> tuple[int, int, list[float]]:
    """Reads of a stream of `block` samples each, hops, and how long each hop had been there when it was read, in
    seconds. After ten of them it stands still for `pause_s`, which do not count."""
    delay, read, reads, late = ReadDelay(hop, early_s=early_s), 0, 0, []
    now = 0.0
    while now < seconds:
        there = int(now * speed * 16_000) // block * block
        if there == read:  # wait for the next block
            now = (read + block) / speed / 16_000 + 1e-9
            continue
        for end in range(read // hop * hop + hop, there + 1, hop):
            late.append(now - -(-end // block) * block / speed / 16_000)  # from when its last block came
        arrived, read = there - read, there
        reads += 1
        now += delay.milliseconds(now + (pause_s if now > 10 else 0), arrived) / 1000
    return reads, read // hop, late


@pytest.mark.parametrize("hop", [1600, 3200])
def test_a_live_stream_is_looked_at_twice_a_hop_and_no_hop_is_late(hop: int) -> None:
    reads, hops, late = wakes(hop, 20.0)
    assert hops == len(late) == 319_999 // hop
    assert reads <= 2 * hops + 2
    assert max(late) < 1e-6


@pytest.mark.parametrize("speed", [0.9998, 1.0, 1.0002])
@pytest.mark.parametrize(("block", "looks"), [(160, 1.0), (320, 1.0), (640, 1.51), (800, 1.0), (1024, 1.82)])
def test_who_sleeps_until_all_has_come_looks_once_or_twice(block: int, looks: float, speed: float) -> None:
    reads, hops, late = wakes(4800, 300.0, block, speed, early_s=-0.01)
    assert reads <= looks * hops + 3
    assert max(late[1:]) < block / 16_000 + 0.011


@pytest.mark.parametrize(
    ("hop", "block", "speed"),
    [
        (160, 320, 1.0), (1600, 1000, 1.0), (3200, 320, 1.02), (16_000, 320, 0.99),
        (1600, 371, 1.0), (1600, 400, 1.0), (1600, 640, 1.0), (1600, 683, 1.0), (1600, 800, 1.0), (3200, 800, 1.0),
        (1600, 2000, 1.0),
    ],
)  # fmt: skip
def test_whatever_the_hop_and_the_blocks_nothing_is_late(hop: int, block: int, speed: float) -> None:
    _, hops, late = wakes(hop, 20.0, block, speed)
    assert hops > 0
    assert max(late[1:]) < 0.003  # nobody can know how the first blocks lie


@pytest.mark.parametrize(("span", "early_s"), [(1600, 0.015), (3200, 0.015), (3200, -0.01), (4800, -0.01)])
@pytest.mark.parametrize("period", [320, 371, 400, 640, 683, 800])
def test_a_daemon_that_hears_a_capture_that_sleeps_is_not_late(period: int, span: int, early_s: float) -> None:
    capture, daemon = ReadDelay(span, early_s=early_s), ReadDelay(span, early_s=early_s - 0.005)
    sent: list[tuple[float, int]] = []  # when, and how many samples there were then
    now, read = 0.0, 0
    while now < 20.0:
        there = int(now * 16_000) // period * period
        if there == read:
            now = (read + period) / 16_000 + 1e-9
            continue
        arrived, read = there - read, there
        sent.append((now, read))
        now += capture.milliseconds(now, arrived) / 1000
    late, delay, now, read, place = [], 0, 0.0, 0, 0
    while place < len(sent):
        now = max(now, sent[place][0])
        while place < len(sent) and sent[place][0] <= now:
            there, place = sent[place][1], place + 1
        for end in range(read // span * span + span, there + 1, span):
            late.append(now - -(-end // period) * period / 16_000)
        delay_s = 0.0
        for _ in range(read, there, period):  # a message for each block
            delay_s = daemon.milliseconds(now, period) / 1000
        delay, read, now = delay + (delay_s > 0), there, now + delay_s
    assert len(late) > 304_000 // span
    assert delay > 0.8 * len(late)
    assert max(late[2:]) < (0.005 if early_s > 0 else period / 16_000 + 0.02)


def test_a_recording_that_is_piped_through_waits_for_nobody_but_once() -> None:
    _, _, late = wakes(1600, 2.0, BLOCK, 50.0)
    assert sum(lateness > 0.001 for lateness in late) <= 33  # the hops of one delay at that speed
    delay = ReadDelay(1600)
    assert delay.milliseconds(0.0, 32_000) == 0
    assert delay.milliseconds(2.0, 320) > 0  # it was two seconds ahead, and is live after a pause
    assert ReadDelay(0).milliseconds(0.0, 320) == 0


def test_the_span_may_change_at_any_time() -> None:
    delay = ReadDelay(3200)
    assert delay.milliseconds(0.0, 320) == pytest.approx(165)
    delay.span = 1600
    assert delay.milliseconds(0.02, 320) == pytest.approx(45)
    delay.span = 3200
    assert delay.milliseconds(0.04, 320) == pytest.approx(125)


@pytest.mark.parametrize("early_s", [EARLY_S, -0.01])
def test_a_stream_that_stood_still_is_looked_at_as_rarely_as_before(early_s: float) -> None:
    looks = wakes(4800, 25.0, early_s=early_s, pause_s=15.0)[0] - wakes(4800, 10.0, early_s=early_s)[0]
    assert looks < 2.5 * (25.0 - 10.0) / 0.3


def test_lost_samples_count() -> None:
    assert ReadDelay(1600).milliseconds(0.0, 320) == pytest.approx(65)
    assert ReadDelay(1600).milliseconds(0.0, 320, lost=640) == 0.0  # 40 ms are missing: not worth it
    assert ReadDelay(1600).milliseconds(0.0, 320, lost=1600) == pytest.approx(65)


def test_what_is_lost_makes_no_stream_late_and_none_a_recording() -> None:
    delay = ReadDelay(1600)
    assert delay.milliseconds(0.0, 320) == pytest.approx(65)
    assert delay.milliseconds(0.1, 320, lost=1280) == pytest.approx(65)
    assert ReadDelay(1600).milliseconds(0.0, 320, lost=16_000) == pytest.approx(65)


def test_a_clock_that_is_fast_counts_as_live_for_ever() -> None:
    reads, hops, _ = wakes(1600, 120.0, speed=1.02)
    assert reads <= 2 * hops + 2

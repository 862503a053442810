"""How many windows come at once: what two seconds hold, and no more than twice the last."""

from __future__ import annotations

from kwsd.audio.windowing.batch_sizer import ASIDE_S, LIVE_ASIDE_S, BatchSizer


def test_it_grows_to_the_most_where_windows_take_no_time() -> None:
    pace = BatchSizer(16)
    sizes = []
    for _ in range(7):
        sizes.append(pace.most)
        pace.took(pace.most, 0.0)
    assert sizes == [1, 2, 4, 8, 16, 16, 16]


def test_no_batch_takes_longer_than_all_may_wait_once_a_window_has_been_timed() -> None:
    for window_s in (0.01, 0.3, 0.7, 1.9, 2.2, 30.0):
        pace = BatchSizer(16)
        for _ in range(10):
            pace.took(pace.most, pace.most * window_s)
            assert pace.most == 1 or pace.most * window_s <= ASIDE_S


def test_a_live_word_waits_for_few_other_windows() -> None:
    pace = BatchSizer(20, aside_s=LIVE_ASIDE_S)
    for _ in range(10):
        pace.took(pace.most, 0.004 * pace.most)
    assert pace.most == 20
    pace.took(20, 20 * 0.05)
    assert pace.most == 2


def test_it_may_begin_with_more_and_never_with_more_than_the_most() -> None:
    assert BatchSizer(16, 8).most == 8
    assert BatchSizer(16, 64).most == 16


def test_a_batch_that_took_long_is_followed_by_a_small_one() -> None:
    pace = BatchSizer(16)
    for _ in range(4):
        pace.took(pace.most, 0.0)
    pace.took(16, 32.0)
    assert pace.most == 1

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.evaluation.scoring import LATE, SLACK, score_events
from kwsd.evaluation.truth import SpokenWord
from kwsd.events import Detection
from kwsd.samples import RATE


def fired(word: str, at_s: float) -> Detection:
    at = round(at_s * RATE)
    return Detection("s", word=word, score=0.9, threshold=0.5, start=at - 8000, end=at - 1600, at=at, model="m")


def spoken(word: str, start_s: float, end_s: float) -> SpokenWord:
    return SpokenWord(round(start_s * RATE), round(end_s * RATE), word)


YES = spoken("yes", 10.0, 10.4)


def test_the_first_detection_is_a_hit_and_its_latency_counts_from_the_true_end():
    scored = score_events([fired("yes", 10.7)], [YES])
    assert (scored.misses, scored.repeats, scored.alarms) == (0, (), ())
    assert scored.latencies_ms() == pytest.approx([300.0])


def test_a_detection_before_the_end_has_a_negative_latency():
    assert score_events([fired("yes", 10.3)], [YES]).latencies_ms() == pytest.approx([-100.0])


def test_a_burst_is_one_hit_and_repeats_not_alarms():
    burst = [fired("yes", 10.2 + 0.1 * n) for n in range(5)]
    scored = score_events(burst, [YES])
    assert scored.misses == 0
    assert scored.repeats == tuple(burst[1:])
    assert scored.alarms == ()


def test_a_burst_where_nothing_was_said_is_as_many_alarms():
    burst = [fired("yes", 20 + 0.1 * n) for n in range(3)]
    scored = score_events(burst, [YES])
    assert (scored.misses, scored.alarms) == (1, tuple(burst))


@pytest.mark.parametrize(
    ("at", "hit"),
    [(YES.start - 1, False), (YES.start, True), (YES.end + SLACK, True), (YES.end + SLACK + 1, False)],
)
def test_the_edges_belong_to_the_word(at, hit):
    scored = score_events([Detection("s", "yes", 0.9, 0.5, at - 1, at, at, "m")], [YES])
    assert scored.misses == (not hit)
    assert len(scored.alarms) == (not hit)


@pytest.mark.parametrize(
    ("word", "at", "late", "substitutions"),
    [
        ("yes", YES.end + SLACK + 1, 1, 0),
        ("yes", YES.end + LATE, 1, 0),
        ("yes", YES.end + LATE + 1, 0, 0),
        ("no", YES.start, 0, 1),
        ("no", YES.end + SLACK, 0, 1),
        ("no", YES.end + SLACK + 1, 0, 0),
        ("no", YES.start - 1, 0, 0),
    ],
)
def test_an_alarm_may_be_a_late_answer_or_another_word_than_was_said(word, at, late, substitutions):
    scored = score_events([Detection("s", word, 0.9, 0.5, at - 1, at, at, "m")], [YES])
    assert (len(scored.alarms), scored.late, scored.substitutions) == (1, late, substitutions)
    assert scored.answered(scored.alarms[0]) == (YES if late or substitutions else None)


def test_a_word_that_was_heard_is_not_answered_late_as_well():
    scored = score_events([fired("yes", YES.start / RATE + 0.1), fired("yes", (YES.end + SLACK + 1) / RATE)], [YES])
    assert (scored.misses, len(scored.alarms), scored.late) == (0, 1, 0)


def test_a_late_answer_is_none_to_the_next_word() -> None:
    late = fired("yes", 11.2)
    scored = score_events([late], [YES, spoken("no", 11.0, 11.4)])
    assert (scored.late, scored.substitutions, scored.answered(late)) == (1, 0, YES)


def test_an_alarm_long_before_a_missed_word_is_no_late_answer_to_it() -> None:
    scored = score_events([fired("yes", 3.0)], [YES])
    assert (scored.misses, scored.late, scored.answered(scored.alarms[0])) == (1, 0, None)


def test_the_wrong_word_in_the_right_place_is_an_alarm_and_a_miss():
    wrong = fired("no", 10.5)
    scored = score_events([wrong], [YES])
    assert (scored.misses, scored.alarms, scored.repeats) == (1, (wrong,), ())


def test_a_right_word_after_a_wrong_one_is_still_a_hit():
    scored = score_events([fired("no", 10.5), fired("yes", 10.6)], [YES])
    assert (scored.misses, len(scored.alarms)) == (0, 1)


def test_overlapping_places_of_two_words():
    no = spoken("no", 10.6, 11.0)  # begins within the half second that still belongs to "yes"
    scored = score_events([fired("no", 10.8), fired("yes", 10.85)], [YES, no])
    assert (scored.misses, scored.alarms) == (0, ())
    assert [outcome.word.word for outcome in scored.outcomes] == ["yes", "no"]


def test_overlapping_places_of_the_same_word_are_heard_one_by_one():
    again = spoken("yes", 10.6, 11.0)
    scored = score_events([fired("yes", 10.7), fired("yes", 11.2), fired("yes", 11.4)], [YES, again])
    assert [outcome.detection.at for outcome in scored.outcomes] == [round(10.7 * RATE), round(11.2 * RATE)]
    assert len(scored.repeats) == 1
    only = score_events([fired("yes", 10.7)], [YES, again])
    assert [outcome.missed for outcome in only.outcomes] == [False, True]


def test_a_place_inside_another_one():
    long, short = spoken("yes", 0, 10), spoken("yes", 4, 5)
    scored = score_events([fired("yes", 1), fired("yes", 5)], [long, short])
    assert [outcome.detection.at for outcome in scored.outcomes] == [RATE, 5 * RATE]


def test_of_two_places_the_one_that_ends_first_is_heard() -> None:
    long, short = spoken("yes", 0, 2), spoken("yes", 0.1, 1.25)
    scored = score_events([fired("yes", 1.3)], [long, short])
    assert [outcome.missed for outcome in scored.outcomes] == [True, False]


def test_the_order_of_detections_and_words_does_not_matter():
    words = [YES, spoken("no", 3, 3.5)]
    fires = [fired("yes", 10.5), fired("no", 3.2), fired("no", 30)]
    one, other = score_events(fires, words), score_events(fires[::-1], words[::-1])
    assert one.misses == other.misses == 0
    assert one.alarms == other.alarms == (fires[2],)


def test_no_words_no_detections():
    assert score_events([], []).outcomes == ()
    assert score_events([], [YES]).misses == 1


times = st.lists(st.floats(0, 30), max_size=12)


@given(times, times)
def test_every_detection_is_counted_once(starts, fires):
    words = [spoken("yes", start, start + 0.5) for start in starts]
    scored = score_events([fired("yes", at) for at in fires], words)
    hits = len(words) - scored.misses
    assert hits + len(scored.repeats) + len(scored.alarms) == len(fires)
    for outcome in scored.outcomes:
        if outcome.detection:
            assert outcome.word.start <= outcome.detection.at <= outcome.word.end + SLACK
    for alarm in scored.alarms:
        assert not any(word.start <= alarm.at <= word.end + SLACK for word in words)

from __future__ import annotations

import math

import numpy as np
import pytest

from kwsd.evaluation import statistics


def test_confusion_matrix_has_the_truth_in_rows():
    matrix = statistics.confusion_matrix([0, 0, 1, 2], [0, 1, 1, 0], 4)
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_ece_of_a_hand_made_case():
    # Two bins: in (0, 0.5] one of two right at 0.4 on average, in (0.5, 1] two of two right at 0.9.
    bins = statistics.reliability([0.3, 0.5, 0.8, 1.0], [1, 0, 1, 1], bins=2)
    assert bins.counts.tolist() == [2, 2]
    assert bins.confidence.tolist() == pytest.approx([0.4, 0.9])
    assert bins.accuracy.tolist() == [0.5, 1.0]
    assert bins.ece == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)


def test_bins_weigh_in_the_ece_by_what_is_in_them():
    diagram = statistics.reliability([0.9] * 9 + [0.1], [1] * 9 + [1], bins=5)
    assert diagram.ece == pytest.approx(0.9 * 0.1 + 0.1 * 0.9)


def test_a_confidence_above_one_by_a_rounding_error_is_in_the_last_bin():
    counts = statistics.reliability([np.nextafter(np.float32(1), np.float32(2))], [1]).counts
    assert counts.tolist() == [0] * 14 + [1]


def test_empty_bins_are_nan_and_weigh_nothing():
    bins = statistics.reliability([0.0, 1.0], [0, 1], bins=10)
    assert bins.ece == 0.0
    assert np.isnan(bins.accuracy[1:-1]).all()
    assert math.isnan(statistics.reliability([], []).ece)


def test_rates():
    assert statistics.miss_rate(3, 12) == 0.25
    assert statistics.false_alarms_per_hour(2, 7200) == 1.0
    assert math.isnan(statistics.miss_rate(0, 0))
    assert math.isnan(statistics.false_alarms_per_hour(0, 0))


def test_percentiles():
    assert statistics.percentiles(range(101)) == (50.0, 95.0, 99.0)
    assert statistics.percentiles([1, 2], (50,)) == (1.5,)
    assert all(math.isnan(value) for value in statistics.percentiles([]))


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood's intervals as every table of them has it.
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904), (100, 81.3640, 121.6268)],
)
def test_poisson_interval_against_the_tables(count, low, high):
    assert statistics.poisson_interval(count) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("count", [3, 50, 4000])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_poisson_interval_is_that_of_chi_square(count, confidence):
    chi2 = pytest.importorskip("scipy.stats").chi2
    tail = (1 - confidence) / 2
    expected = chi2.ppf(tail, 2 * count) / 2, chi2.ppf(1 - tail, 2 * count + 2) / 2
    assert statistics.poisson_interval(count, confidence) == pytest.approx(expected, rel=1e-6)


def test_no_negative_counts():
    with pytest.raises(ValueError, match="-1"):
        statistics.poisson_interval(-1)


def test_wilson_interval_of_known_cases():
    assert statistics.wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert statistics.wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert statistics.wilson_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert all(math.isnan(edge) for edge in statistics.wilson_interval(0, 0))


def test_bootstrap_of_a_proportion_is_near_the_normal_interval():
    values = np.repeat([0, 1], [800, 200])
    half = 1.96 * math.sqrt(0.2 * 0.8 / 1000)
    assert statistics.bootstrap_interval(values) == pytest.approx((0.2 - half, 0.2 + half), abs=0.005)
    assert statistics.bootstrap_interval(values) == statistics.bootstrap_interval(values)
    assert math.isnan(statistics.bootstrap_interval([])[0])


@pytest.mark.parametrize("trials", [20, 100, 300])
def test_one_miss_says_no_less_than_none(trials):
    ends = [statistics.miss_interval(np.arange(trials) < misses)[1] for misses in range(6)]
    assert ends == sorted(ends)


@pytest.mark.parametrize("trials", [20, 100, 300])
def test_one_hit_says_no_less_than_none(trials):
    starts = [statistics.miss_interval(np.arange(trials) >= hits)[0] for hits in range(6)]
    assert starts == sorted(starts, reverse=True)


def test_a_bootstrap_interval_is_as_wide_as_95_percent_take():
    low, high = statistics.bootstrap_interval(np.repeat([0, 1], [280, 120]))
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.3 * 0.7 / 400), rel=0.1)  # for 90 %, 16 % narrower


def test_in_a_bootstrap_a_group_counts_by_its_size():
    low, high = statistics.bootstrap_interval([1] * 10 + [0] * 9, groups=[0] * 10 + list(range(1, 10)))
    assert low < 10 / 19 < high  # the mean of the groups' means is a tenth


@pytest.mark.parametrize("trials", [9, 26, 30])  # where the bound would exceed one by a rounding error
def test_wilson_interval_stays_within_nought_and_one(trials):
    assert statistics.wilson_interval(trials, trials)[1] == 1.0
    assert statistics.wilson_interval(0, trials)[0] == 0.0


def test_bootstrap_by_group_is_wider_where_groups_agree():
    values = np.repeat(np.tile([0, 1], 10), 20)
    groups = [str(place) for place in np.repeat(np.arange(20), 20)]
    alone, together = statistics.bootstrap_interval(values), statistics.bootstrap_interval(values, groups=groups)
    assert together[1] - together[0] > 3 * (alone[1] - alone[0])


def test_a_miss_rate_of_nought_is_not_certain():
    assert statistics.miss_interval([0] * 20) == statistics.wilson_interval(0, 20)
    assert statistics.miss_interval([1] * 20) == statistics.wilson_interval(20, 20)
    low, high = statistics.miss_interval([0, 1] * 20)
    assert 0 < low < 0.5 < high < 1


def test_a_miss_rate_of_one_clip_or_of_clips_that_agree_is_not_certain():
    assert statistics.miss_interval([0] * 20, groups=["a", "b"] * 10) == statistics.wilson_interval(0, 2)
    assert statistics.miss_interval([0, 1] * 10, groups=["a"] * 20) == statistics.wilson_interval(0.5, 1)
    assert statistics.miss_interval([0, 0, 1, 1] * 5, groups=["a", "b"] * 10) == statistics.wilson_interval(1, 2)
    assert all(math.isnan(edge) for edge in statistics.miss_interval([]))


def test_the_envelope_leaves_out_what_another_point_beats():
    curve = statistics.DetCurve(
        np.array([5.0, 4.0, 3.0, 2.0, 1.0]), np.array([1.0, 0.5, 0.6, 0.4, 0.4]), np.array([0.0, 1.0, 1.0, 2.0, 3.0])
    )
    best = curve.envelope()
    assert best.thresholds.tolist() == [5.0, 4.0, 2.0]
    assert (np.diff(best.miss_rates) < 0).all()
    assert curve.miss_rates[curve.index_at(1.5)] == 0.5


def test_of_points_with_equal_figures_the_highest_threshold_is_taken() -> None:
    curve = statistics.DetCurve(np.array([0.9, 0.8]), np.array([0.5, 0.5]), np.array([1.0, 1.0]))
    assert curve.envelope().thresholds.tolist() == [0.9]


def test_of_points_that_miss_as_much_the_one_with_the_fewest_alarms_is_taken() -> None:
    curve = statistics.DetCurve(np.array([0.9, 0.8, 0.7]), np.array([0.6, 0.5, 0.5]), np.array([0.1, 0.9, 0.7]))
    assert curve.index_at(1.0) == 2


def test_a_point_that_costs_the_whole_budget_is_within_it() -> None:
    curve = statistics.DetCurve(np.array([0.9, 0.8]), np.array([0.5, 0.2]), np.array([0.5, 1.0]))
    assert curve.index_at(1.0) == 1


def test_nothing_within_a_budget_is_deaf():
    curve = statistics.DetCurve(np.array([1.0]), np.array([0.2]), np.array([3.0]))
    assert curve.index_at(1.0) is None

"""Figures of merit and their confidence intervals, as pure functions of numbers.

scipy is not needed: the only quantile without a closed form, Poisson's, is found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_RESAMPLES = 2000
"""Resamples that the bootstrap draws."""


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: int) -> Counts:
    """Counts (classes, classes), rows by true class and columns by predicted class; both are given as indices (n,)."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (np.asarray(truth, np.intp), np.asarray(predicted, np.intp)), 1)
    return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """A reliability diagram: bins of equal width over [0, 1], each array (bins,).

    `confidence` and `accuracy` are the bin's means, NaN where it is empty.
    """

    edges: Floats
    counts: Counts
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """The expected calibration error: |accuracy - confidence|, averaged over the examples (Guo et al., 2017)."""
        total = int(self.counts.sum())
        if not total:
            return math.nan
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float((gaps * self.counts).sum() / total)


def reliability(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Reliability:
    """The reliability diagram of predictions with a `confidence` (n,) that were `correct` (n,) or not.

    Bins are (lower, upper]; the first holds confidence 0, too. By Guo et al., "On calibration of modern neural
    networks", 2017, eq. 3 to 5.
    """
    scores, right = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, scores, side="left") - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins).astype(np.int64)
    filled = np.maximum(counts, 1)

    def means(values: Floats) -> Floats:
        return np.where(counts > 0, np.bincount(places, values, minlength=bins) / filled, math.nan)

    return Reliability(edges, counts, means(scores), means(right))


def miss_rate(misses: int, words: int) -> float:
    """The share of spoken words that were not detected; NaN for no words."""
    return misses / words if words else math.nan


def false_alarms_per_hour(alarms: int, seconds: float) -> float:
    """Alarms an hour of audio; NaN for no audio."""
    return 3600 * alarms / seconds if seconds > 0 else math.nan


def percentiles(values: ArrayLike, which: Sequence[float] = (50, 95, 99)) -> tuple[float, ...]:
    """Percentiles, linear between order statistics (Hyndman and Fan's type 7); NaN for no values."""
    numbers = np.asarray(values, np.float64)
    return tuple(float(p) for p in np.percentile(numbers, which)) if numbers.size else (math.nan,) * len(which)


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval for the mean of a Poisson count (Garwood, 1936), with tails of equal weight.

    It equals the chi-square quantiles chi2(tail, 2 k) / 2 and chi2(1 - tail, 2 k + 2) / 2. For a rate, divide both by
    the hours. Raises ValueError for a negative count.
    """
    if count < 0:
        raise ValueError(f"a count of {count}")
    tail = (1 - confidence) / 2
    most = count + 20 + 12 * math.sqrt(count + 1)
    low = _bisect(lambda mean: 1 - _poisson_cdf(count - 1, mean) < tail, most) if count else 0.0
    return low, _bisect(lambda mean: _poisson_cdf(count, mean) > tail, most)


def _poisson_cdf(count: int, mean: float) -> float:
    """P(X <= count) for a Poisson variable."""
    if mean <= 0:
        return 1.0
    numbers = np.arange(count + 1)
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])[: count + 1]
    return float(np.exp(numbers * math.log(mean) - mean - log_factorials).sum())


def _bisect(below: Callable[[float], bool], high: float) -> float:
    """The point in [0, high] at which `below`, true at 0, turns false."""
    low = 0.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def wilson_interval(successes: float, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval for a proportion (Wilson, 1927); NaN for no trials. `successes` may be fractional."""
    if not trials:
        return math.nan, math.nan
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = successes / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + spread / trials / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(values: ArrayLike, *, groups: Sequence[Hashable] | None = None) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of (n,) values (Efron, 1979); NaN for no values.

    `groups` (n,) are resampled whole, for values of one group (a speaker, a clip heard twice) that are not
    independent. If all values are equal, the interval is a point.
    """
    numbers = np.asarray(values, np.float64)
    if not numbers.size:
        return math.nan, math.nan
    names: dict[Hashable, int] = {}
    place = np.array([names.setdefault(name, len(names)) for name in groups or range(len(numbers))])
    sums, counts = np.bincount(place, numbers), np.bincount(place)
    rng = np.random.default_rng(0)  # so that the same values give the same interval
    means: list[Floats] = []
    for start in range(0, _RESAMPLES, 100):  # a hundred at a time: the draws of many values take much memory
        draws = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), min(100, _RESAMPLES - start))
        means.append((draws @ sums) / (draws @ counts))
    low, high = np.percentile(np.concatenate(means), (2.5, 97.5))
    return float(low), float(high)


def miss_interval(missed: ArrayLike, *, groups: Sequence[Hashable] | None = None) -> tuple[float, float]:
    """The 95 % interval of a miss rate from (n,) outcomes, 1 for missed and 0 for heard.

    It is by bootstrap. Where all groups are missed equally often, the bootstrap would be a point: then it is Wilson's,
    with one trial for each group.
    """
    outcomes = np.asarray(missed, np.float64)
    low, high = bootstrap_interval(outcomes, groups=groups)
    if not outcomes.size:
        return low, high
    trials = len(set(groups)) if groups is not None else outcomes.size
    if low < high:  # some misses must not bound the rate below none, nor some hits above none
        return min(low, wilson_interval(trials, trials)[0]), max(high, wilson_interval(0.0, trials)[1])
    return wilson_interval(trials * float(outcomes.mean()), trials)


@dataclass(frozen=True, slots=True, eq=False)
class DetCurve:
    """A detection error trade-off (Martin et al., 1997, but with alarms by the hour), points by falling threshold.

    All arrays are (points,). In a replay, a lower threshold may miss a word that falls into the refractory time of an
    earlier alarm: `envelope` leaves such points out.
    """

    thresholds: Floats
    miss_rates: Floats
    alarms_per_hour: Floats

    def envelope(self) -> DetCurve:
        """The Pareto-optimal points: alarms strictly rise, misses strictly fall."""
        order = np.lexsort((-self.thresholds, self.miss_rates, self.alarms_per_hour))
        misses = self.miss_rates[order]
        best = np.concatenate([[True], misses[1:] < np.minimum.accumulate(misses)[:-1]])
        kept = order[best[: len(order)]]
        return DetCurve(self.thresholds[kept], self.miss_rates[kept], self.alarms_per_hour[kept])

    def index_at(self, alarms_per_hour: float) -> int | None:
        """The index of the point with the fewest misses within `alarms_per_hour`; None if no point is within it."""
        allowed = np.flatnonzero(self.alarms_per_hour <= alarms_per_hour)
        if not len(allowed):
            return None
        order = np.lexsort((self.alarms_per_hour[allowed], self.miss_rates[allowed]))
        return int(allowed[order[0]])

"""Thresholds as log-odds, also those that are as good as one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kwsd.evaluation.log_odds import from_log_odds, log_odds, shifted


def test_log_odds() -> None:
    assert log_odds(0.5) == 0
    assert log_odds(from_log_odds(9.5)) == pytest.approx(9.5, abs=1e-6)
    assert log_odds(1.0) == 17
    assert log_odds(0.0) == -17
    assert (log_odds(1 - 1e-9), log_odds(1e-9)) == (17, -17)
    assert from_log_odds(17.1) == math.inf
    assert shifted({"a": 0.5, "b": math.inf}, 1.0) == {"a": pytest.approx(0.7311, abs=1e-4), "b": math.inf}


@pytest.mark.parametrize("threshold", [1.0, 1 - 1e-9])
def test_a_threshold_that_only_a_score_of_one_reaches_moves_as_others_do(threshold: float) -> None:
    below_one = float(np.nextafter(np.float32(1), np.float32(0)))
    assert below_one < shifted({"a": threshold}, 0.0)["a"] <= 1
    assert shifted({"a": threshold}, -1.0) == {"a": pytest.approx(1 - 3.06e-7 / math.e, abs=2e-8)}


def test_a_word_that_never_fires_does_not_fire_at_another_shift_either() -> None:
    assert shifted({"yes": 0.5, "no": math.inf}, -40.0) == {"yes": pytest.approx(0, abs=1e-12), "no": math.inf}

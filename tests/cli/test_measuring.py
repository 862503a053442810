"""Flags that several measurements share."""

from __future__ import annotations

import math

import pytest

from kwsd.cli.measuring import check_finite
from kwsd.errors import UsageError


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_wrong_usage(value: float) -> None:
    check_finite(snr=10.0, hours=None)
    with pytest.raises(UsageError, match="--snr"):
        check_finite(snr=value)

from __future__ import annotations

import numpy as np
import pytest

from kwsd.audio.scale import to_float, to_int16


def test_every_int16_survives_the_way_to_float_and_back() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    there = to_float(every)
    assert there.dtype == np.float32
    assert there.min() == -1.0
    assert there.max() < 1.0
    np.testing.assert_array_equal(to_int16(there), every)


@pytest.mark.parametrize(("loud", "clipped"), [(1.0, 32767), (7.5, 32767), (-1.0, -32768), (-3.0, -32768)])
def test_what_is_too_loud_is_clipped_not_wrapped(loud: float, clipped: int) -> None:
    assert to_int16(np.array([loud], np.float32)).tolist() == [clipped]

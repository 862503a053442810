"""Which windows cannot be cut, and the widest that can."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.windows import windows

LENGTH = 100


@pytest.mark.parametrize(("hop", "capacity", "match"), [(0, 999, "hop of 0"), (101, 999, "101"), (10, 199, "it takes")])
def test_what_cannot_work_is_refused(hop: int, capacity: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        next(windows({"a": Ring(capacity)}, hop=hop, length=LENGTH))


def test_a_hop_may_be_as_long_as_a_window() -> None:
    ring = Ring(2 * LENGTH)
    ring.write(np.ones(2 * LENGTH, np.int16), wait=False)
    ring.close()
    cuts = [window for batch in windows({"a": ring}, hop=LENGTH, length=LENGTH, tail=0) for window in batch]
    assert [window.end for window in cuts] == [100, 200]

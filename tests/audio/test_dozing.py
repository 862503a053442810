"""How far apart the looks at the audio lie."""

from __future__ import annotations

import pytest

from kwsd.audio.dozing import Doze


@pytest.mark.parametrize(("hop", "span"), [(160, 320), (1600, 3200), (1760, 1760), (8000, 8000), (0, 0)])
def test_every_second_hop_is_enough_where_that_is_no_longer_than_200_ms(hop: int, span: int) -> None:
    doze = Doze(hop)
    assert doze.span == hop
    doze.doze(True)
    assert doze.span == span
    doze.doze(False)
    assert doze.span == hop


def test_who_brings_the_samples_is_woken_at_its_end_alone() -> None:
    doze, woken = Doze(1600), []
    doze.attach(lambda: woken.append(doze.span))
    for quiet in (False, True, True, False, False, True):
        doze.doze(quiet)
    assert woken == [1600]

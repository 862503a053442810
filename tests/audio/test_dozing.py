"""How far apart the looks at the audio lie."""

from __future__ import annotations

import pytest

from kwsd.audio.dozing import Doze


@pytest.mark.parametrize(("hop", "span"), [(160, 480), (1600, 4800), (1760, 3520), (8000, 8000), (0, 0)])
def test_every_third_hop_is_enough_where_that_is_no_longer_than_300_ms(hop: int, span: int) -> None:
    doze = Doze(hop)
    assert doze.span == hop
    doze.doze(True)
    assert doze.span == span
    doze.doze(False)
    assert doze.span == hop


@pytest.mark.parametrize(
    ("hop", "block_ms"),
    [(160, 20), (320, 20), (800, 50), (1280, 40), (1600, 50), (1920, 40), (1760, 20), (4000, 50), (0, 20)],
)
def test_blocks_are_as_long_as_one_can_be_at_whose_end_each_hop_ends(hop: int, block_ms: int) -> None:
    assert Doze(hop).block_ms == block_ms


def test_who_brings_the_samples_is_woken_at_its_end_alone() -> None:
    doze, woken = Doze(1600), []
    doze.attach(lambda: woken.append(doze.span))
    for quiet in (False, True, True, False, False, True):
        doze.doze(quiet)
    assert woken == [1600]


def test_a_sleeper_wakes_when_all_has_come_and_who_is_awake_before() -> None:
    doze = Doze(1600)
    assert doze.looks.early_s > 0
    doze.doze(True)
    assert doze.looks.early_s < 0
    assert doze.looks.dozing
    doze.doze(False)
    assert doze.looks.early_s > 0
    long = Doze(8000)
    long.doze(True)
    assert not long.looks.dozing  # its span stays its hop

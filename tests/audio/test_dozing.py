"""How far apart the looks at the audio lie."""

from __future__ import annotations

import pytest

from kwsd.audio.adaptive_hop import BEHIND
from kwsd.audio.dozing import Doze


@pytest.mark.parametrize(("hop", "span"), [(160, 4800), (800, 4800), (1600, 4800), (1760, 3520), (8000, 8000), (0, 0)])
def test_in_a_doze_looks_lie_as_many_hops_apart_as_fit_into_300_ms(hop: int, span: int) -> None:
    doze = Doze(hop)
    assert doze.span == hop
    doze.look(None)
    assert doze.span == span
    doze.look(1)
    assert doze.span == hop


@pytest.mark.parametrize(
    ("span", "looks"),
    [(1, 800), (800, 800), (4000, 4000), (4800, 4800), (5600, 800), (8000, 4000), (16_000, 4000), (4500, 800)],
)
def test_looks_fall_on_the_windows_that_matter_and_no_further_apart_than_in_a_doze(span: int, looks: int) -> None:
    doze = Doze(800)
    doze.look(span)
    assert doze.span == looks
    assert not doze.looks.dozing


@pytest.mark.parametrize(
    ("hop", "block_ms"),
    [(160, 20), (320, 20), (800, 50), (1280, 40), (1600, 50), (1920, 40), (1760, 20), (4000, 50), (0, 20)],
)
def test_blocks_are_as_long_as_one_can_be_at_whose_end_each_hop_ends(hop: int, block_ms: int) -> None:
    assert Doze(hop).block_ms == block_ms


def test_who_brings_the_samples_is_woken_at_its_end_alone() -> None:
    doze, woken = Doze(1600), []
    doze.attach(lambda: woken.append(doze.span))
    for span in (1, None, None, 3200, 3200, None, 1, 1, None):
        doze.look(span)
    assert woken == [3200, 1600]


def test_a_sleeper_wakes_when_all_has_come_and_who_is_awake_before() -> None:
    doze = Doze(1600)
    assert doze.looks.early_s > 0
    doze.look(None)
    assert doze.looks.early_s < 0
    assert doze.looks.dozing
    doze.look(1)
    assert doze.looks.early_s > 0
    long = Doze(8000)
    long.look(None)
    assert not long.looks.dozing  # its span stays its hop


@pytest.mark.parametrize(
    ("hop", "spans", "wakes"),
    [
        (800, (None, 4800), 1),  # as far apart, but to be there when it comes
        (480, (None, 3840), 1),  # each 3,840 samples instead of 4,800: 15,360 is one of the former alone
        (800, (1, 4000, 4000, 8000, None), 0),
        (800, (4000, 1), 1),
    ],
)
def test_a_sleeper_is_woken_where_it_would_miss_a_look(hop: int, spans: tuple[int | None, ...], wakes: int) -> None:
    doze, woken = Doze(hop), []
    doze.attach(lambda: woken.append(doze.span))
    for span in spans:
        doze.look(span)
    assert len(woken) == wakes


def test_while_nobody_is_heard_two_looks_of_a_doze_are_left_out() -> None:
    doze = Doze(800)
    assert doze.last_look(0) == doze.next_look(0) == 800
    doze.look(None)
    assert [doze.next_look(heard) for heard in (0, 4799, 4800)] == [4800, 4800, 9600]
    assert [doze.last_look(heard) for heard in (0, 4799, 4800)] == [14_400, 14_400, 19_200]
    assert doze.last_look(0) < BEHIND


def test_the_next_look_lies_at_a_multiple_of_the_span() -> None:
    doze = Doze(800)
    assert [doze.next_look(heard) for heard in (0, 799, 800)] == [800, 800, 1600]
    doze.look(4000)
    assert [doze.next_look(heard) for heard in (0, 3999, 4000)] == [4000, 4000, 8000]

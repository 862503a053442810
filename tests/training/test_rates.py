"""Rates rise, stay and fall as they are documented to, at the first step and the last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kwsd.training.rates import finetuning_rate, front_end_rate, learning_rate
from kwsd.training.recipe import Schedule

SCHEDULE = Schedule(steps=1_000, warmup=100, decay=0.3, peak_rate=1e-3, front_end_steps=600)


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.01), (99, 1), (700, 1), (850, 0.5), (999, 1 / 300), (1_000, 0), (1_001, 0)]
)
def test_a_run_warms_up_from_its_first_step_and_falls_over_its_last_third(step: int, share: float) -> None:
    assert learning_rate(step, SCHEDULE) == pytest.approx(1e-3 * share)


def test_without_warmup_and_decay_the_rate_is_constant() -> None:
    flat = replace(SCHEDULE, warmup=0, decay=0.0)
    assert {learning_rate(step, flat) for step in (0, 500, 999)} == {1e-3}


@pytest.mark.parametrize(("step", "share"), [(-600, 0.02), (-551, 1), (-200, 1), (-100, 0.5), (-1, 3 / 600)])
def test_the_convolutions_rate_rises_within_fifty_steps_and_falls_over_the_last_third(step: int, share: float) -> None:
    assert front_end_rate(step, SCHEDULE) == pytest.approx(1e-3 * share)


@pytest.mark.parametrize(("step", "share"), [(0, 0.1), (9, 1), (10, 1), (55, 0.5), (99, 1 / 90)])
def test_a_fine_tuning_rises_for_a_tenth_of_its_steps_and_falls_from_there(step: int, share: float) -> None:
    assert finetuning_rate(step, 100, 2e-4) == pytest.approx(2e-4 * share)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_even_the_shortest_fine_tuning_learns_in_every_step(steps: int) -> None:
    assert all(0 < finetuning_rate(step, steps, 1.0) <= 1 for step in range(steps))

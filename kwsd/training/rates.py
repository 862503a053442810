"""Learning rates over the steps of a run."""

from __future__ import annotations

from kwsd.training.recipe import Schedule

_WARMUP = 0.1  # the share of a fine-tuning's steps in which the rate rises to its peak


def learning_rate(step: int, schedule: Schedule) -> float:
    """A linear warm-up, a constant rate, then a linear decay to zero (Hu et al. 2024, "MiniCPM": WSD)."""
    left = (schedule.steps - step) / max(1.0, schedule.decay * schedule.steps)
    return schedule.peak_rate * min(1.0, (step + 1) / max(1, schedule.warmup), max(0.0, left))


def front_end_rate(step: int, schedule: Schedule) -> float:
    """The rate of a step below zero: it rises to 1e-3 within fifty steps, and falls to zero over the last third.

    At a high rate from the first step on, every GELU of the third convolution dies.
    """
    age = step + schedule.front_end_steps
    return 1e-3 * min(1.0, (age + 1) / 50, -3 * step / schedule.front_end_steps)


def finetuning_rate(step: int, steps: int, peak: float) -> float:
    """The rate of a step out of `steps`: a linear rise to `peak`, then a linear decay to zero."""
    rise = max(1, round(_WARMUP * steps))
    return peak * ((step + 1) / rise if step < rise else (steps - step) / max(1, steps - rise))

"""Learning rates over the steps of a run."""

from __future__ import annotations

from kwsd.training.recipe import Schedule

_WARMUP = 0.1  # of a fine-tuning's steps, until the rate is at its peak


def learning_rate(step: int, schedule: Schedule) -> float:
    """Warm-up, then level, then a straight line to zero (Hu et al. 2024, "MiniCPM": warm-up, stable, decay)."""
    left = (schedule.steps - step) / max(1.0, schedule.decay * schedule.steps)
    return schedule.peak_rate * min(1.0, (step + 1) / max(1, schedule.warmup), max(0.0, left))


def front_end_rate(step: int, schedule: Schedule) -> float:
    """For the steps below zero: up to 1e-3 within fifty steps, and down to zero over the last third.

    At a higher rate from the first step on, every GELU of the third convolution dies.
    """
    age = step + schedule.front_end_steps
    return 1e-3 * min(1.0, (age + 1) / 50, -3 * step / schedule.front_end_steps)


def finetuning_rate(step: int, steps: int, peak: float) -> float:
    """Of a step of `steps`: up to the peak in a straight line, then down to nothing."""
    rise = max(1, round(_WARMUP * steps))
    return peak * ((step + 1) / rise if step < rise else (steps - step) / max(1, steps - rise))

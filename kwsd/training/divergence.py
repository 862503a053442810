"""Detects that a run has diverged: its loss or gradient is no longer finite."""

from __future__ import annotations

import math

from kwsd.errors import ConfigError


def check_finite(step: int, loss: float, norm: float = 0.0) -> None:
    """Raise ConfigError where the loss of a step, or the norm of its gradient, is not finite.

    Call it before the step is taken, so that the weights, and what is written from them, are still sound.
    """
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise ConfigError(
            f"step {step}: the loss is {loss:g}, its gradient's norm {norm:g}: the training has diverged;",
            "use a lower rate (--learning-rate, in a recipe schedule.peak_rate) and --fresh",
        )

"""A run that has come apart: its numbers are none any longer."""

from __future__ import annotations

import math

from kwsd.errors import ConfigError


def check_finite(step: int, loss: float, norm: float = 0.0) -> None:
    """Raise ConfigError where the loss at a step, or the norm of its gradient, is no number.

    To be called before the step is taken: then what a checkpoint or a model is written from is as it was.
    """
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise ConfigError(
            f"step {step}: the loss is {loss:g}, its gradient's norm {norm:g}: the network has come apart;",
            "take a lower rate (--learning-rate, in a recipe schedule.peak_rate) and --fresh",
        )

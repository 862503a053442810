"""The labels that are no words."""

from __future__ import annotations

UNKNOWN = "_unknown_"
"""Speech that is none of the model's words."""

SILENCE = "_silence_"
"""No speech: silence, noise, music."""

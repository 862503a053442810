"""The labels that are no words."""

from __future__ import annotations

UNKNOWN = "_unknown_"
"""Speech that is none of the model's words."""

SILENCE = "_silence_"
"""No speech: silence, noise, music."""

_QUIET = frozenset({SILENCE, UNKNOWN, "silence", "unknown"})


def can_fire(label: str) -> bool:
    """Whether a label is a word or a sound, not one that stands for "nothing": `_silence_`, `Unknown` and so on."""
    return label.casefold() not in _QUIET

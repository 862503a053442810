"""Labels: those that are no words, and one word in another case."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

UNKNOWN = "_unknown_"
"""Speech that is none of the model's words."""

SILENCE = "_silence_"
"""No speech: silence, noise, music."""

NOISE = "_background_noise_"
"""What Speech Commands calls its folder of noises, minutes long."""

ANY_WORD = "*"
"""The key of hooks that run for whatever word is heard."""

_WRITTEN = {SILENCE: SILENCE, "silence": SILENCE, NOISE: SILENCE, UNKNOWN: UNKNOWN, "unknown": UNKNOWN}


def can_fire(label: str) -> bool:
    """Whether a label is a word or a sound, not one that stands for "nothing": `_silence_`, `Unknown` and so on."""
    return label.casefold() not in _WRITTEN


def plain(label: str) -> str:
    """The label as kwsd writes it: `Silence` and `_background_noise_` are `_silence_`, `unknown` is `_unknown_`, and
    words are themselves, an umlaut being one character: a folder from a Mac has it as two, a keyboard types one."""
    return _WRITTEN.get(label.casefold(), unicodedata.normalize("NFC", label))


def enumerated(labels: Sequence[str], most: int = 40) -> str:
    """Labels as options take them: with commas between, and in double quotes where one holds a comma itself. Of more
    than `most` it is told how many follow."""
    shown = [f'"{label}"' if "," in label else label for label in labels[:most]]
    return ", ".join(shown) + (f" and {len(labels) - most} more" if labels[most:] else "")


def unclear(labels: Sequence[str]) -> str | None:
    """What keeps a configuration from saying which of a model's labels it means: two are alike, or one is blank, or
    stands for any word."""
    places: dict[str, int] = {}
    for index, label in enumerate(labels):
        first = places.setdefault(label, index)
        if first < index:
            return f"labels {first} and {index} are both {label!r:.40}"
        if not label.strip():
            return f"label {index} is blank"
        if label == ANY_WORD:
            return f"label {index} is {ANY_WORD!r}, which stands for any word in [hooks]"
    return None


def misplaced(labels: Sequence[str]) -> str | None:
    """What keeps kwsd's own networks from having these labels, one or more: their last score is that of silence."""
    return None if labels[-1] == SILENCE else f"the last label must be {SILENCE!r}, not {labels[-1]!r:.40}"


def spelt(label: str, words: Collection[str]) -> str:
    """The label as it is spelt among `words`: the one that differs from it in case, or how an umlaut is encoded, alone,
    where there is but one."""
    if label in words:
        return label
    alike = [word for word in words if folded(word) == folded(label)]
    return alike[0] if len(alike) == 1 else label


def folded(label: str) -> str:
    """What two spellings of one label have in common: all but case, and how an umlaut is encoded."""
    return unicodedata.normalize("NFC", label).casefold()

"""Labels: which of them are not words, and how different spellings of one label are matched."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence

UNKNOWN = "_unknown_"
"""Speech that is none of the model's words."""

SILENCE = "_silence_"
"""No speech: silence, noise, music."""

NOISE = "_background_noise_"
"""The folder of Speech Commands with its noise recordings, each minutes long."""

ANY_WORD = "*"
"""The key of hooks that run for whatever word is heard."""

_SPACE, _JOINERS = "\u00a0", "\u200c\u200d"
"""What is not printable to Python, and yet correct spelling: a no-break space, and the marks that join and part letters
in Persian or emoji."""
_SHOWN = {ord(_SPACE): " ", **dict.fromkeys(map(ord, _JOINERS))}

_WRITTEN = {SILENCE: SILENCE, "silence": SILENCE, NOISE: SILENCE, UNKNOWN: UNKNOWN, "unknown": UNKNOWN}


def can_fire(label: str) -> bool:
    """Whether a label is a word or a sound, not one that stands for "nothing": `_silence_`, `Unknown` and so on."""
    return label.casefold() not in _WRITTEN


def plain(label: str) -> str:
    """The label as kwsd writes it.

    `Silence` and `_background_noise_` become `_silence_`, `unknown` becomes `_unknown_`; words are only `composed`.
    """
    return _WRITTEN.get(label.casefold(), composed(label))


def composed(label: str) -> str:
    """The label normalised to NFC: a folder from a Mac has an umlaut as two characters where a keyboard types one."""
    return unicodedata.normalize("NFC", label)


def twice(labels: Iterable[str]) -> str | None:
    """The first label that there is twice, `composed`: encoded in two ways; None where there is none."""
    seen = set[str]()
    for label in map(composed, labels):
        if label in seen:
            return label
        seen.add(label)
    return None


def visible(label: str) -> str:
    """What a terminal shows of a label: no joiners, and a plain space for a no-break space."""
    return label.translate(_SHOWN)


def is_printable(label: str) -> bool:
    """Whether a label may go to terminals and into the environment of hooks: it has no control characters."""
    return visible(label).isprintable()


def enumerated(labels: Sequence[str], most: int = 40) -> str:
    """Labels separated by commas, as options take them; one that contains a comma is in double quotes.

    Beyond `most` labels, only the number of the others is given.
    """
    shown = [f'"{label}"' if "," in label else label for label in labels[:most]]
    return ", ".join(shown) + (f" and {len(labels) - most} more" if labels[most:] else "")


def unclear(labels: Sequence[str]) -> str | None:
    """Why a configuration cannot name each of these labels unambiguously, None where it can.

    Two of them look the same, or one is blank or `*`.
    """
    places: dict[str, int] = {}
    for index, label in enumerate(labels):
        first = places.setdefault(visible(label), index)
        if first < index:
            return f"labels {first} and {index} are both {visible(label)!r:.40}"
        if not visible(label).strip():
            return f"label {index} is blank"
        if label == ANY_WORD:
            return f"label {index} is {ANY_WORD!r}, which stands for any word in [hooks]"
    return None


def misplaced(labels: Sequence[str]) -> str | None:
    """Why kwsd's own networks cannot have these labels (one or more), None where they can: the last must be silence."""
    return None if labels[-1] == SILENCE else f"the last label must be {SILENCE!r}, not {labels[-1]!r:.40}"


def spelt(label: str, words: Collection[str]) -> str:
    """The label as `words` spells it: the only one that equals it but for case and Unicode normalisation.

    The label itself where no word, or more than one, does so.
    """
    if label in words:
        return label
    alike = [word for word in words if folded(word) == folded(label)]
    return alike[0] if len(alike) == 1 else label


def folded(label: str) -> str:
    """The label without differences of case and Unicode normalisation, for comparing spellings."""
    return composed(label).casefold()

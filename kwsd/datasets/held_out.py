"""Decides which recordings are held out of training."""

from __future__ import annotations

import hashlib
import re

_UTTERANCE = re.compile(r"(\d+)-\d+-\d{4}")
"""LibriSpeech's names: speaker, chapter, utterance (Panayotov et al. 2015)."""


def held_out(speaker: str, name: str, parts: int) -> bool:
    """Whether this recording belongs to the one part in `parts` that is held out for measuring; never for 0.

    It is decided by the speaker, so that no voice is on both sides; LibriSpeech's names begin with theirs. For an
    unknown speaker it is decided by the clip's name up to its last dash (ESC-50 cuts one sound into "1-17092-A" and
    "1-17092-B").
    """
    if parts <= 0:
        return False
    utterance = _UTTERANCE.fullmatch(name.rpartition("/")[2])
    key = speaker or (utterance[1] if utterance else name.rsplit("-", 1)[0])
    return int(hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest(), 16) % parts == 0

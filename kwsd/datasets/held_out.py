"""Which recordings training never hears."""

from __future__ import annotations

import hashlib


def held_out(speaker: str, name: str, parts: int) -> bool:
    """Whether this recording belongs to the one part in `parts` that is kept for measuring.

    By speaker, so that no voice is on both sides; where none is known, by the clip's name up to its last dash (ESC-50
    cuts one sound into "1-17092-A" and "1-17092-B"). 0 parts keep nothing.
    """
    if parts <= 0:
        return False
    key = speaker or name.rsplit("-", 1)[0]
    return int(hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest(), 16) % parts == 0

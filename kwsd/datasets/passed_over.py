"""Tells of what lies among recordings, may be meant as one of them, and is not read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from kwsd.datasets.transcripts import SUFFIXES
from kwsd.shown import several

log = logging.getLogger(__name__)

_SOUND = (
    ".3gp", ".aac", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".m4a", ".m4b", ".mka", ".mp4", ".oga",
    ".raw", ".snd", ".sph", ".spx", ".w64", ".webm", ".wma", ".wv",
)  # fmt: skip
"""Suffixes of sound that is not looked for in folders."""
_NO_SOUND = ("", ".csv", ".json", ".md", ".tsv", ".txt")
"""Suffixes of files that may lie beside the clips of a class."""


def tell_unread(place: Path, files: Iterable[Path]) -> None:
    """Log how many of the files in or below `place` are recordings of kinds that are not looked for."""
    kinds = Counter(suffix for suffix in (path.suffix.lower() for path in files) if suffix in _SOUND)
    if kinds:
        log.warning("%s: %s left out; to have them heard, convert them (ffmpeg -i FILE out.wav)", place, _told(kinds))


def tell_skipped(place: Path, others: str) -> None:
    """Log what `others_in` a class's folder are skipped."""
    log.warning("%s: %s skipped; clips are wav, flac, ogg, opus or mp3 files directly in this folder", place, others)


def others_in(entries: Sequence[Path]) -> str:
    """The entries of a class's folder that are no clips but may be meant as such: "2 .m4a files, 1 folder", or ""."""
    kinds = Counter("folder" if path.is_dir() else path.suffix.lower() for path in entries)
    return _told({kind: count for kind, count in kinds.items() if kind not in (*SUFFIXES, *_NO_SOUND)})


def _told(kinds: dict[str, int]) -> str:
    names = {kind: "folder" if kind == "folder" else f"{kind} file" for kind in kinds}
    return ", ".join(several(count, names[kind]) for kind, count in sorted(kinds.items()))

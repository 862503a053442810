"""Recordings of what fired, for who wants to know why: off unless asked for."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.ring import Ring
from kwsd.audio.wav import write_wav
from kwsd.errors import DeviceError
from kwsd.events import RATE, Detection, Envelope
from kwsd.replacing import replacing

log = logging.getLogger(__name__)

QUEUE = 16
"""Detections whose audio waits for the disk; further ones are dropped."""
_LONGEST = 50
"""Characters of a word in a file's name, of at most four bytes each: 255 bytes are all that a name may have."""
_STALE_S = 60
"""A file that is still being written after so long was left by a daemon that was killed."""
_OURS = re.compile(r"\d{8}T\d{6}\.\d{3}Z-.+\.(wav|part)")


@dataclass(frozen=True, slots=True)
class _Clip:
    name: str
    samples: NDArray[np.int16]


def make_folder(folder: Path) -> None:
    """Make the folder for recordings, where it is not there yet. Raises DeviceError where it cannot be had."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.scandir(folder).close()
    except OSError as error:
        raise _no_place(folder, error) from error


def _no_place(folder: Path, error: OSError) -> DeviceError:
    why = error.strerror
    if isinstance(error, FileExistsError):  # so mkdir(2) says of whatever is there but no folder
        there = Path(error.filename)
        kind = "a file, not a folder" if there.exists() else "a link to nowhere"
        why = kind if there == folder else f"{there} is {kind}"
    return DeviceError(f"{folder}: detections cannot be kept there: {why};", "choose another with --save-detections")


class DetectionKeeper:
    """A sink with a thread that writes a WAV file for each detection, and removes the oldest ones beyond a quota.

    Files are named after the time and the word; only such files count for the quota, and only such are removed.
    """

    def __init__(
        self,
        folder: Path,
        rings: Mapping[str, Ring],
        *,
        quota_bytes: int,
        preroll: int,
        failed: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        """`preroll` samples before the word are kept as far as the ring still has them. DeviceError: no such folder."""
        self._folder, self._rings, self._failed = folder, rings, failed
        self._quota, self._preroll = quota_bytes, preroll
        self._clips: deque[_Clip] = deque()
        self._changed = threading.Condition()
        self._closing = self._trouble = False
        make_folder(folder)
        try:
            with tempfile.TemporaryFile(dir=folder):  # rather now than when the first word is heard
                pass
            self._forget_oldest()
        except OSError as error:
            raise _no_place(folder, error) from error
        self._thread = threading.Thread(target=self._run, name="kwsd-keeper", daemon=True)
        self._thread.start()

    def send(self, envelope: Envelope) -> None:
        """Take a copy of a detection's audio out of the ring; the thread writes it."""
        event = envelope.event
        ring = self._rings.get(event.stream)
        if not isinstance(event, Detection) or ring is None:
            return
        start = max(0, ring.extent().first, event.start - self._preroll)
        samples = ring.read(start, event.at) if start < event.at else None
        if samples is None:
            log.warning("%s at %.1f s is not kept: its audio has been overwritten", event.word, event.at / RATE)
            return
        word = re.sub(r"[^\w-]+", "_", event.word)[:_LONGEST]  # a model may call its words what it likes
        with self._changed:
            if len(self._clips) >= QUEUE:
                log.warning("%s at %.1f s is not kept: the disk is too slow", event.word, event.at / RATE)
                return
            self._clips.append(_Clip(f"{_stamp(envelope.time)}-{word}-{event.score:.4f}.wav", samples))
            self._changed.notify()

    def close(self, deadline_s: float) -> None:
        """Write what waits, for `deadline_s` seconds at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(deadline_s)

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._clips or self._closing)
                    if not self._clips:
                        return
                    clip = self._clips.popleft()
                self._keep(clip)
        except BaseException as error:
            self._failed(error)

    def _keep(self, clip: _Clip) -> None:
        """Write one; what the disk has against it is told once, and listening goes on."""
        doing = "detections cannot be kept"
        try:
            with replacing(self._folder / clip.name, private=True) as file:
                write_wav(file, clip.samples)
            doing = "a detection cannot be removed beyond the quota"
            self._forget_oldest(newest=clip.name)
        except OSError as error:
            if not self._trouble:
                log.warning("%s: %s: %s", self._folder, doing, error.strerror)
            self._trouble = True
        else:
            self._trouble = False

    def _forget_oldest(self, newest: str = "") -> None:
        """Remove files, the oldest first, until the others fit the quota; `newest` is the last to go.

        Names tell their age. One from the future was written while the clock was wrong, and counts as the oldest.
        Raises what one of them has against its removal, once all others have been tried.
        """
        ours = [path for path in self._folder.iterdir() if _OURS.fullmatch(path.name)]
        now = _stamp(datetime.now(timezone.utc))
        ours.sort(key=lambda path: (path.name == newest, path.name <= now, path.name))
        kept: list[tuple[Path, int]] = []
        for path in ours:
            try:
                found = path.stat()
            except FileNotFoundError:  # another daemon has removed it meanwhile
                continue
            if path.suffix == ".wav":
                kept.append((path, found.st_size))
            elif time.time() - found.st_mtime > _STALE_S:
                path.unlink(missing_ok=True)
        left = sum(size for _, size in kept)
        trouble: OSError | None = None
        for path, size in kept:
            if left <= self._quota:
                return
            try:
                path.unlink(missing_ok=True)
                left -= size
            except OSError as error:
                trouble = error
        if trouble:
            raise trouble


def _stamp(time: datetime) -> str:
    """A moment in UTC as the names of files have it."""
    return time.strftime("%Y%m%dT%H%M%S.") + f"{time.microsecond // 1000:03d}Z"

"""Recordings of what fired, for who wants to know why: off unless asked for."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.wav import write_wav
from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.quota import Quota, stamp
from kwsd.envelope import Envelope
from kwsd.errors import DeviceError
from kwsd.events import Detection
from kwsd.replacing import replacing
from kwsd.samples import RATE
from kwsd.shown import fits_locale

log = logging.getLogger(__name__)

QUEUE = 16
"""Detections whose audio waits for the disk; further ones wait with the recording, or are dropped."""
_LONGEST = 50
"""Characters of a word in a file's name, of at most four bytes each: 255 bytes are all that a name may have."""
_BEYOND = "a detection cannot be removed beyond the quota"


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


def _nameable(word: str) -> str:
    """A word as a file's name has it: a model may call its words what it likes, and a locale lack letters of them."""
    name = re.sub(r"[^\w-]+", "_", word)[:_LONGEST]
    return name if fits_locale(name) else re.sub(r"[^\w-]+", "_", name, flags=re.ASCII)


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
        wait: bool = False,
        failed: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        """`preroll` samples before the word are kept as far as the ring still has them. With `wait` nothing is dropped
        where the disk is slow: a recording can wait for it. DeviceError: no such folder."""
        self._folder, self._rings, self._failed = folder, rings, failed
        self._preroll, self._wait = preroll, wait
        self._clips: deque[_Clip] = deque()
        self._changed = threading.Condition()
        self._closing = self._ended = self._trouble = False
        make_folder(folder)
        try:
            with tempfile.TemporaryFile(dir=folder):  # rather now than when the first word is heard
                pass
        except OSError as error:
            raise _no_place(folder, error) from error
        self._quota = Quota(folder, quota_bytes)
        try:
            self._quota.tidy()
        except OSError as error:
            self._warn(_BEYOND, error)
        self._thread = threading.Thread(target=self._run, name="kwsd-keeper", daemon=True)
        self._thread.start()

    def send(self, envelope: Envelope) -> None:
        """Take a copy of a detection's audio out of the ring; the thread writes it."""
        event = envelope.event
        ring = self._rings.get(event.stream)
        if not isinstance(event, Detection) or ring is None:
            return
        start = max(0, ring.state().first, event.start - self._preroll)
        samples = ring.read(start, event.at) if start < event.at else None
        if samples is None:
            log.warning("%s at %.1f s is not kept: its audio has been overwritten", event.word, event.at / RATE)
            return
        word = _nameable(event.word)
        with self._changed:
            if len(self._clips) >= QUEUE and not self._wait:
                log.warning("%s at %.1f s is not kept: the disk is too slow", event.word, event.at / RATE)
                return
            self._clips.append(_Clip(f"{stamp(envelope.time)}-{word}-{event.score:.4f}.wav", samples))
            self._changed.notify_all()

    def catch_up(self, most: int = QUEUE) -> None:
        """With `wait`, return when fewer than `most` are still to be written, or `hurry` is called."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._clips) < most or not self._wait or self._ended)

    def hurry(self) -> None:
        """Let nobody wait for the disk, now or from now on, from another thread: somebody wants to stop."""
        with self._changed:
            self._wait = False
            self._changed.notify_all()

    def close(self, deadline_s: float) -> None:
        """Write what waits, for `deadline_s` seconds at most, and say how much was not."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(deadline_s)
        if self._thread.is_alive() and self._clips:
            log.warning("%s: detections not kept: %d; the disk is too slow", self._folder, len(self._clips))

    def _run(self) -> None:
        try:
            while self._keep_next():
                pass
        except BaseException as error:
            self._failed(error)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _keep_next(self) -> bool:
        """Write one, once there is one; what the disk has against it is told once, and listening goes on.

        False when there will be no more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._clips or self._closing)
            if not self._clips:
                return False
            clip = self._clips[0]
        doing = "detections cannot be kept"
        try:
            with replacing(self._folder / clip.name, private=True) as file:
                write_wav(file, clip.samples)
                size = file.tell()
            doing = _BEYOND
            self._quota.wrote(clip.name, size)
        except OSError as error:
            self._warn(doing, error)
        else:
            self._trouble = False
        with self._changed:
            self._clips.popleft()  # it waited until it was written
            self._changed.notify_all()
        return True

    def _warn(self, doing: str, error: OSError) -> None:
        if not self._trouble:
            log.warning("%s: %s: %s", self._folder, doing, error.strerror)
        self._trouble = True

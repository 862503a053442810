"""Keeps the audio of detections, to find out why they fired; off by default."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.wav import write_wav
from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.mount import Mount
from kwsd.daemon.quota import Quota, stamp
from kwsd.envelope import Envelope
from kwsd.errors import DeviceError
from kwsd.events import Detection
from kwsd.replacing import replacing
from kwsd.samples import RATE
from kwsd.shown import fits_locale

log = logging.getLogger(__name__)

QUEUE = 16
"""Most detections that wait for the disk; beyond that, a recording waits, and those of a microphone are dropped."""
_LONGEST = 50
"""Most characters of a word in a file name, of up to four bytes each: a name may have 255 bytes."""
_BEYOND = "an old detection beyond the quota cannot be removed"


@dataclass(frozen=True, slots=True)
class _Clip:
    name: str
    samples: NDArray[np.int16]


def make_folder(folder: Path) -> None:
    """Create the folder for kept audio if it is missing. Raises DeviceError where it cannot be created or read."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.scandir(folder).close()
    except OSError as error:
        raise _no_place(folder, error) from error


def _no_place(folder: Path, error: OSError) -> DeviceError:
    why = error.strerror
    if isinstance(error, FileExistsError):  # mkdir(2) says so of anything there but a folder
        there = Path(error.filename)
        kind = "a file, not a folder" if there.exists() else "a link to nowhere"
        why = kind if there == folder else f"{there} is {kind}"
    return DeviceError(f"{folder}: detections cannot be kept there: {why};", "choose another with --save-detections")


def _nameable(word: str) -> str:
    """The word in a form that fits into a file name: it may hold any character, and some may not fit the locale."""
    name = re.sub(r"[^\w-]+", "_", word)[:_LONGEST]
    return name if fits_locale(name) else re.sub(r"[^\w-]+", "_", name, flags=re.ASCII)


class DetectionKeeper:
    """A sink whose thread writes a WAV file for each detection, and removes the oldest ones beyond a quota.

    Files are named after time, word and score; only files with such names count towards the quota and are removed.
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
        """`preroll` samples before the word are saved, too, as far as the ring still has them.

        With `wait`, as for a recording, nothing is dropped if the disk is slow. Raises DeviceError if the folder cannot
        be created or written to.
        """
        self._folder, self._rings, self._failed = folder, rings, failed
        self._preroll, self._wait = preroll, wait
        self._clips: deque[_Clip] = deque()
        self._changed = threading.Condition()
        self._closing = self._ended = self._trouble = False
        make_folder(folder)
        try:
            with tempfile.TemporaryFile(dir=folder):  # to fail now rather than at the first detection
                pass
            self._mount = Mount(folder)
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
        """Copy a detection's audio from the ring, for the thread to write."""
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
        """With `wait`, block until fewer than `most` detections are still to be written, or until `hurry` is called."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._clips) < most or not self._wait or self._ended)

    def hurry(self) -> None:
        """End any `catch_up`, now and from now on, as the daemon is to stop; called from another thread."""
        with self._changed:
            self._wait = False
            self._changed.notify_all()

    def close(self, deadline_s: float) -> None:
        """Let the thread write what waits for `deadline_s` seconds at most; log how many detections were not saved."""
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
        """Wait for a detection and write it; False when there will be no more.

        Only the first of a series of disk errors is logged, and listening goes on.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._clips or self._closing)
            if not self._clips:
                return False
            clip = self._clips[0]
        doing = "detections cannot be kept"
        try:
            self._mount.check()
            with suppress(FileExistsError):  # somebody may have removed it; not its parents, which a mount may lack
                self._folder.mkdir(mode=0o700)
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
            self._clips.popleft()  # only now: it counts as waiting until it is written
            self._changed.notify_all()
        return True

    def _warn(self, doing: str, error: OSError) -> None:
        if not self._trouble:
            log.warning("%s: %s: %s", self._folder, doing, error.strerror)
        self._trouble = True

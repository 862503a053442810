"""A microphone's stream from PortAudio, whose own thread delivers the blocks.

The capture process runs it, without numpy as long as the device delivers 16 kHz mono.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from kwsd.audio.capture.block_ring import BlockRing
from kwsd.audio.capture.devices import InputDevice, find_again, input_devices, sounddevice
from kwsd.audio.chatter import chatter_to_log
from kwsd.errors import DeviceError
from kwsd.samples import RATE

log = logging.getLogger(__name__)

_BUSY = -9985  # paDeviceUnavailable
_BUFFER_S = 4.0
_WIDTH = 2  # bytes of a sample
_RESAMPLED_MS = 20
"""Longest block that is resampled. At 44.1 and 48 kHz soxr's output lags by some 10 to 40 ms: the end of a hop comes
with the next block."""
_KEPT_BLOCKS = 3
"""Blocks that the sound system keeps beyond the one being heard; by default one, and PipeWire's ALSA plugin drops what
does not fit without a word. PortAudio cuts this buffer into four: with more blocks, each would come later."""
_STOPPED_S = 3.0
"""Seconds without audio after which the stream is given up when it goes on. The daemon does not wait so long for a
block, so it was stopped as well (`docker pause`), and does not know what is missing."""
_NEXT = "see `kwsd devices`"


@dataclass(frozen=True, slots=True)
class RawBlock:
    """Audio that arrived at once: `samples`, 16 kHz mono as int16 in this machine's byte order.

    `lost` samples are missing just before them, which the device dropped because they were not read in time.
    """

    samples: bytes
    lost: int = 0

    def __len__(self) -> int:
        return len(self.samples) // _WIDTH


@dataclass(frozen=True, slots=True)
class _Open:
    """A running stream of `rate` Hz, the ring that it fills, and the conversion of its blocks to 16 kHz mono."""

    stream: Any
    rate: int
    blocks: BlockRing
    convert: Callable[[bytes], bytes]


class PortAudioStream:
    """A live microphone. PortAudio's thread copies blocks into a ring; all else happens in the reader's thread."""

    def __init__(
        self,
        device: str | None = None,
        *,
        known: str = "",
        block_ms: int = 20,
        stall_s: float = 5.0,  # a sound server may take two to wake up; the daemon is less patient later on
        rest: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Find the device now, and so fail early; open it at the first block.

        `device` as for `find_device`; `known` is the name under which it was found before, if it was. A stream without
        a block for `stall_s` seconds counts as lost: PortAudio reports nothing when a device goes away. Blocks last
        `block_ms`, or less where they have to be resampled, which delays them. When all blocks that arrived have been
        yielded, `rest` is called with the number of samples so far, lost ones included; it may sleep. Raises
        DeviceError.
        """
        self._block_ms = block_ms
        self._stall_s = stall_s
        self._rest = rest
        self._device = find_again(device, known, input_devices(logging.DEBUG if known else logging.WARNING))
        self.name = self._device.name

    def blocks(self) -> Generator[RawBlock, None, None]:
        """Blocks as they arrive, without end; closing the generator releases the device.

        Raises DeviceError where the device is busy or gone, or delivers nothing for `stall_s` seconds, and where this
        process was stopped for a while: it does not know how much of that the device has kept.
        """
        opened = self._open(self._device)
        blocks = opened.blocks
        dropped = told = given = 0  # lost frames of the device; lost samples at 16 kHz; all samples at 16 kHz
        heard_at, heard = math.inf, 0  # when the newest block was taken, and `given` at that time
        try:
            while True:
                blocks.changed.clear()
                while (taken := blocks.take()) is not None:
                    dropped += taken[1]
                    lost = dropped * RATE // opened.rate - told
                    told += lost
                    block = RawBlock(opened.convert(taken[0]), lost)
                    given += lost + len(block)
                    yield block
                if given > heard:
                    now = time.monotonic()
                    if (stopped_s := now - heard_at - (given - heard) / RATE) > _STOPPED_S:
                        raise DeviceError(f"{self.name}: kwsd did not run for {stopped_s:.0f} s")
                    heard_at, heard = now, given
                if blocks.ended:
                    raise DeviceError(f"{self.name}: the stream broke off", f"is it plugged in? {_NEXT}")
                self._rest(given)
                if not self._arrived(blocks):
                    raise DeviceError(f"{self.name}: no audio for {self._stall_s:g} s", f"is it plugged in? {_NEXT}")
        finally:
            opened.stream.abort(ignore_errors=True)
            opened.stream.close(ignore_errors=True)

    def _arrived(self, blocks: BlockRing) -> bool:
        """Wait for a block, or for the end of the stream; False after `stall_s` seconds.

        It waits in two halves, as a process that was stopped and continued finds its first wait timed out.
        """
        return blocks.changed.wait(self._stall_s / 2) or blocks.changed.wait(self._stall_s / 2)

    def _open(self, device: InputDevice) -> _Open:
        """Open the device at 16 kHz mono if it can, else at the next best rate and number of channels."""
        sd = sounddevice()
        own = round(device.default_rate)
        shapes = dict.fromkeys([(RATE, 1), (own, 1), (own, device.channels), (RATE, device.channels)])
        errors: list[Exception] = []
        with chatter_to_log(log):
            for rate, channels in shapes:
                try:
                    return self._start(sd, device, rate, channels)
                except (sd.PortAudioError, ValueError) as error:  # it does not open, or soxr does not take its rate
                    errors.append(error)
                    if _code(error) == _BUSY:
                        break
        raise _cannot_open(device, errors[-1]) from errors[-1]

    def _start(self, sd: Any, device: InputDevice, rate: int, channels: int) -> _Open:
        block_ms = self._block_ms if rate == RATE else min(self._block_ms, _RESAMPLED_MS)
        frames = max(1, rate * block_ms // 1000)
        blocks = BlockRing(max(8, round(_BUFFER_S * rate / frames)), frames, _WIDTH * channels)

        def callback(data: Any, frames: int, _time: Any, status: Any) -> None:
            blocks.put(data, frames if status.input_overflow else 0)  # PortAudio does not say how much: a guess

        stream = sd.RawInputStream(
            samplerate=rate, blocksize=frames, device=device.index, channels=channels, dtype="int16", callback=callback,
            finished_callback=blocks.end, latency=_KEPT_BLOCKS * frames / rate,
            dither_off=True,  # from 24 bits, its noise would hide that an input is dead
        )  # fmt: skip
        try:
            actual = round(stream.samplerate)
            opened = _Open(stream, actual, blocks, _converter(actual, channels))
            stream.start()
        except BaseException:
            stream.close(ignore_errors=True)
            raise
        log.info("%s: open at %d Hz, channels: %d", device.name, actual, channels)
        return opened


def _converter(rate: int, channels: int) -> Callable[[bytes], bytes]:
    """The function that converts a device's blocks to 16 kHz mono."""
    if (rate, channels) == (RATE, 1):
        return bytes
    from kwsd.audio.resample import Converter

    return Converter(rate, channels).feed


def _cannot_open(device: InputDevice, error: Exception) -> DeviceError:
    if _code(error) == _BUSY:
        return DeviceError(f"{device.name}: busy", f"end the program that holds it, or choose another device; {_NEXT}")
    return DeviceError(f"{device.name}: cannot be opened ({error})", f"choose another device; {_NEXT}")


def _code(error: Exception) -> int:
    """PortAudio's error number, 0 where there is none."""
    return int(error.args[1]) if len(error.args) > 1 else 0

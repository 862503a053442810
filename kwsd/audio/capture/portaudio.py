"""A microphone's stream, from PortAudio's own thread.

It is what the process that captures consists of, and does without numpy as long as a device gives what kwsd wants.
"""

from __future__ import annotations

import logging
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
"""soxr gives what it has some 10 to 40 ms later at 44.1 and 48 kHz: the last of a hop would wait for the next block."""
_NEXT = "see `kwsd devices`"


@dataclass(frozen=True, slots=True)
class RawBlock:
    """What came at once: `samples`, 16 kHz mono as int16 in this machine's byte order, and how many are missing just
    before them, which the device dropped because nobody took them in time."""

    samples: bytes
    lost: int = 0

    def __len__(self) -> int:
        return len(self.samples) // _WIDTH


@dataclass(frozen=True, slots=True)
class _Open:
    """A running stream of `rate` Hz, what it fills, and how its blocks become 16 kHz mono."""

    stream: Any
    rate: int
    blocks: BlockRing
    convert: Callable[[bytes], bytes]


class PortAudioStream:
    """A microphone, live. PortAudio's thread copies into blocks; all else happens in the reader's thread."""

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

        `device` as for `find_device`; `known` is the name under which it was found before, if it was. A stream that
        gave no block for `stall_s` seconds counts as lost: PortAudio says nothing when a device goes away. Blocks are
        of `block_ms`, or shorter where they have to be resampled, which delays them. `rest` is called, with how many
        samples there were so far, lost ones included, when all that came has been given; it may let some time pass.
        Raises DeviceError.
        """
        self._block_ms = block_ms
        self._stall_s = stall_s
        self._rest = rest
        self._device = find_again(device, known, input_devices())
        self.name = self._device.name

    def blocks(self) -> Generator[RawBlock, None, None]:
        """Blocks as they are heard, without end; who ends the generator gives the device back.

        Raises DeviceError: busy, gone, or silent for `stall_s`.
        """
        opened = self._open(self._device)
        blocks = opened.blocks
        dropped = told = given = 0  # in frames of the device, in samples at 16 kHz, and these
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
                if blocks.ended:
                    raise DeviceError(f"{self.name}: the stream broke off", f"is it plugged in? {_NEXT}")
                self._rest(given)
                if not self._arrived(blocks):
                    raise DeviceError(f"{self.name}: no audio for {self._stall_s:g} s", f"is it plugged in? {_NEXT}")
        finally:
            opened.stream.abort(ignore_errors=True)
            opened.stream.close(ignore_errors=True)

    def _arrived(self, blocks: BlockRing) -> bool:
        """Wait for a block, or for the end. In two halves: a process that was stopped finds its first wait over."""
        return blocks.changed.wait(self._stall_s / 2) or blocks.changed.wait(self._stall_s / 2)

    def _open(self, device: InputDevice) -> _Open:
        """At 16 kHz mono where the device can, else as near as it can."""
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
            finished_callback=blocks.end,
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
    """What makes 16 kHz mono of a device's blocks."""
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

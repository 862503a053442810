"""Lists microphones and picks the requested one; the only module that loads sounddevice, and so PortAudio."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kwsd.audio.capture.unlisted import unlisted_inputs
from kwsd.audio.chatter import chatter_to_log
from kwsd.errors import DeviceError

log = logging.getLogger(__name__)

_PLACE = re.compile(r"\s*\(hw:\d+,\d+\)$")
"""ALSA's card and device numbers at the end of a device's name; they change when the device comes back."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """An input device; `index` is PortAudio's and changes as devices come and go, `default_rate` is in Hz."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate: float
    is_default: bool

    def __str__(self) -> str:
        return f"{self.index} {self.name!r} ({self.host_api})"


def input_devices(level: int = logging.WARNING) -> list[InputDevice]:
    """All devices with an input, as PortAudio found them when it was loaded. Raises DeviceError without PortAudio."""
    with chatter_to_log(log):  # while PortAudio probes, ALSA complains of every card that is not there
        sd = sounddevice()
    try:
        apis = sd.query_hostapis()
        default = sd.default.device[0]
        if default < 0:
            default = next((api["default_input_device"] for api in apis if api["default_input_device"] >= 0), -1)
        return [
            InputDevice(
                index=index,
                name=str(device["name"]),
                host_api=str(apis[device["hostapi"]]["name"]),
                channels=int(device["max_input_channels"]),
                default_rate=float(device["default_samplerate"]),
                is_default=index == default,
            )
            for index, device in _readable(sd, apis, level)
            if device["max_input_channels"] > 0
        ]
    except sd.PortAudioError as error:
        raise DeviceError(f"PortAudio cannot list its devices ({error});", "is the sound server running?") from error


def _readable(sd: Any, apis: Sequence[Mapping[str, Any]], level: int) -> list[tuple[int, Mapping[str, Any]]]:
    """Index and description of each device.

    One whose name is not UTF-8, as ALSA's configuration may have it, is left out with a line on the log; sounddevice's
    own list would fail because of it.
    """
    try:
        return list(enumerate(sd.query_devices()))
    except UnicodeDecodeError:
        pass
    found = []
    for index in sorted(index for api in apis for index in api["devices"]):
        try:
            found.append((index, sd.query_devices(index)))
        except UnicodeDecodeError as error:
            log.log(level, "a sound device is left out, as its name is not UTF-8: %r", error.object)
    return found


def find_device(wanted: str | None, devices: Sequence[InputDevice]) -> InputDevice:
    """The one device that `wanted` means: an index, or a part of a name in any case; None or "" is the default.

    A full match of a name takes precedence over partial ones. Raises DeviceError, which lists the choices, where no
    device or more than one matches, and says why if the device is there and cannot be opened.
    """
    if not devices:
        remedy = "plug in a microphone and start the sound server, or name a file or `-`"
        raise _absent("no input device", wanted, remedy)
    choices = ", ".join(map(str, devices))
    if not wanted:
        found = [device for device in devices if device.is_default]
        if not found:
            raise DeviceError("no default input device", f"choose one with --microphone: {choices}")
        return found[0]
    if wanted.isdecimal():
        found = [device for device in devices if device.index == int(wanted)]
    else:
        found = [device for device in devices if device.name.casefold() == wanted.casefold()]
    found = found or [device for device in devices if _fits(wanted, device.name)]
    if not found:
        remedy = f"choose one of {choices}"
        raise _absent(f"no input device matches {wanted!r}", wanted, remedy, also=f", or {remedy}")
    if len(found) > 1:
        raise DeviceError(
            f"{wanted!r} matches several input devices;", f"choose by index: {', '.join(map(str, found))}"
        )
    return found[0]


def _absent(what: str, wanted: str | None, remedy: str, also: str = "") -> DeviceError:
    """The error for a device that is not listed; if one that `wanted` means cannot be opened now, it says why.

    Then the remedy is how to open it, with `also` at the end. A number that no device has, and no name either, may have
    been that of any unlisted one."""
    unlisted = list(unlisted_inputs())
    meant = [device for device in unlisted if not wanted or _fits(wanted, device.name)]
    if not meant and wanted and wanted.isdecimal():
        meant = unlisted
    if meant:
        return DeviceError(f"{what}: {meant[0].name!r} {meant[0].why};", meant[0].remedy + also)
    return DeviceError(what, remedy)


def _fits(wanted: str, name: str) -> bool:
    """Whether `wanted` is a part of the name.

    A number has to be a whole number of the name, outside ALSA's card numbers, which most names have: a user who asks
    for device 5 does not mean an "ALC255 (hw:0,0)".
    """
    if wanted.isdecimal():
        return wanted in re.findall(r"\d+", _PLACE.sub("", name))
    return wanted.casefold() in name.casefold()


def find_again(wanted: str | None, known: str, devices: Sequence[InputDevice]) -> InputDevice:
    """The device that `wanted` meant when it was found under the name `known`; its number may have changed.

    Another device that `wanted` matches is taken only if that one is gone. Raises DeviceError as `find_device` does.
    """
    if not wanted or not known:
        return find_device(wanted, devices)
    is_place = not _PLACE.sub("", wanted)  # "(hw:3,0)" means any device there
    for name in [known] if is_place else [known, _PLACE.sub("", known)]:
        with suppress(DeviceError):
            return find_device(name, devices)
    return find_device(known if wanted.isdecimal() else wanted, devices)


def sounddevice() -> Any:
    """The sounddevice module, whose import starts PortAudio and probes the devices.

    Raises DeviceError where PortAudio or sounddevice is missing, or PortAudio does not start.
    """
    try:
        import sounddevice as module
    except OSError as error:
        raise DeviceError("PortAudio is missing", "apt install libportaudio2 (or listen to a file or `-`)") from error
    except ImportError as error:
        raise DeviceError(f"sounddevice cannot be imported ({error})", "pip install sounddevice") from error
    except Exception as error:  # PortAudioError, whose class cannot be imported when the module fails to load
        raise DeviceError(f"PortAudio does not start ({error});", "is the sound server running?") from error
    return module

"""`kwsd devices`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from kwsd.cli import console
from kwsd.cli.microphones import microphones


def devices(
    format: Annotated[Literal["table", "json"], typer.Option(metavar="table|json", help="How to list them.")] = "table",
) -> None:
    """List the microphones.

    Name one by its number, or better by a part of its name, which stays the same
    when devices come and go:

      kwsd listen --microphone 3
      kwsd listen --microphone 'usb audio'
    """
    from kwsd.audio.capture.devices import find_device

    found = microphones()
    if not found:
        find_device(None, found)  # raises what an operator has to know
    if format == "json":
        console.say_json([asdict(device) for device in found])
        return
    rows = [
        (
            f"{device.index}",
            device.name,
            device.host_api,
            f"{device.channels}",
            f"{device.default_rate:.0f}",
            "yes" if device.is_default else "",
        )
        for device in found
    ]
    console.table("", ("number", "name", "through", "channels", "Hz", "default"), rows)

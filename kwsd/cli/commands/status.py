"""`kwsd status`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer

from kwsd.cli import console
from kwsd.cli.daemon_client import ask, place
from kwsd.cli.flags import ConfigFile, configured
from kwsd.errors import DeviceError
from kwsd.shown import several

_ANSWER_S = 10.0
_METER = 30
_FLOOR_DBFS = -60.0


@configured("socket.path")
def status(
    overrides: dict[str, Any],
    format: Annotated[Literal["text", "json"], typer.Option(metavar="text|json", help="How to show it.")] = "text",
    config: ConfigFile = None,
) -> None:
    """Show what a running daemon has heard, lost and done, and how loud it is.

    The level is that of the newest second, in decibels under full scale:

      watch -n 1 kwsd status
    """
    path = place(config, overrides)
    found = ask(path, _ANSWER_S)
    if format == "json":
        console.say_json(found)
        return
    try:
        lines = list(_lines(found))
    except (LookupError, TypeError, AttributeError, ValueError) as error:  # a daemon that runs on after an upgrade
        raise DeviceError(
            f"{path}: the daemon is another version of kwsd;", "restart it, or use --format json"
        ) from error
    for line in lines:
        console.say(line)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    for name, stream in found["streams"].items():
        come = stream["audio_s"] > 0
        yield f"{name}: {meter(stream['level_dbfs'], lost=stream['lost'], come=come)}"
        yield f"  {stream['audio_s']:.1f} s of audio, windows every {stream['hop_ms']} ms"
    scored = f"{found['windows_scored']} scored"
    if "windows_verified" in found:
        scored += f", {found['windows_verified']} of them verified"
    rows = [
        ("model", f"{found['model']} on {found['device']}" if found["model"] else "loading"),
        ("words heard", _by_word(found["detections"]) or "none yet"),
        ("near misses", _by_word(found.get("near_misses", {})) or "none"),
        (
            "windows",
            f"{scored}, {found['windows_gated']} kept out by the gate, {found.get('windows_spared', 0)} spared",
        ),
        ("scoring", f"{found['real_time_factor']:.4f} s a second of audio"),
        ("audio lost", f"{found['audio_lost_s']:.1f} s; microphone lost {several(found['device_losses'], 'time')}"),
        ("overflows", f"{found['overflows']}"),
        ("hooks", f"{found['hook_runs']} run, {found['hook_failures']} failed, timed out or dropped"),
        ("subscribers", f"{found['subscribers']}"),
        ("up for", f"{found['uptime_s']:.0f} s"),
    ]
    for what, text in rows:
        yield f"{what:<12} {text}"


def _by_word(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))


def meter(level_dbfs: float | None, *, lost: bool = False, come: bool = True) -> str:
    """A level as a bar from -60 dBFS to full scale; `come` says whether there has been any audio."""
    if lost:
        return "lost, and looked for"
    if not come:
        return "no audio has come yet"
    if level_dbfs is None:
        return f"|{'':{_METER}}| digital silence"
    full = round(_METER * (1 - max(_FLOOR_DBFS, min(0.0, level_dbfs)) / _FLOOR_DBFS))
    return f"|{'#' * full:{_METER}}| {level_dbfs:.0f} dBFS"

"""`kwsd doctor`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from kwsd.cli import console, stderr
from kwsd.cli.diagnosis import checks
from kwsd.cli.diagnosis.findings import Finding
from kwsd.cli.flags import ConfigFile, configured
from kwsd.shown import one_line, wants_colour

_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


@configured(
    *("audio.device", "model.name", "model.device", "model.window_s", "model.labels"),
    *("socket.path", "metrics.listen", "keep.folder"),
)
def doctor(
    overrides: dict[str, Any],
    format: Annotated[Literal["text", "json"], typer.Option(metavar="text|json", help="How to show it.")] = "text",
    config: ConfigFile = None,
) -> None:
    """Check everything that listening needs, each with its remedy.

    The configuration, PortAudio, the microphones, the sound server's default input,
    automatic gain control, the voice activity detector, the model (it scores a second
    of silence), the GPU, the hooks, the socket, and where the metrics are served and
    detections are kept. Each thing that is opened for a check is closed at once. Exit
    status: 0, or that of the first check that failed.
    """
    stderr.log_from("warning")
    findings = []
    for finding in checks.examine(config, overrides):
        findings.append(finding)
        if format == "text":
            _print(finding)
    if format == "json":
        console.say_json([asdict(finding) for finding in findings])
    raise typer.Exit(next((finding.status for finding in findings if finding.state == "fail"), 0))


def _print(finding: Finding) -> None:
    state = f"{finding.state:<4}"
    if wants_colour(sys.stdout):
        state = typer.style(state, fg=_COLOURS[finding.state])
    typer.echo(f"{state}  {finding.what:<16} {one_line(finding.found)}")
    if finding.remedy:
        typer.echo(f"{'':<23}{one_line(finding.remedy)}")
